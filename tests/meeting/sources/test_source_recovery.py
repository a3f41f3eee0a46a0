"""What a killed process left of a source, processed again; pipelines are fakes, files are real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meeting.core.messages import AudioInfo
from meeting.session.events import (
    FrameAppended,
    OutputReceived,
    SourceFailed,
    SourceFinished,
    SourceRecovered,
    SourceReopened,
    StorageFailing,
    StorageWorking,
)
from meeting.storage.files import journal
from meeting.storage.store import Store
from pipelines.errors import ModelMissing
from pipelines.types import Samples
from tests.fakes.server_fakes import NO_AUDIO, FakeBackend, FakePipeline, tone
from tests.fakes.source_fakes import (
    AGAIN,
    MEETING,
    MODELS,
    SOURCE,
    Bench,
    FullDisk,
    Loading,
    frame,
    left_behind,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_what_a_killed_process_left_is_heard_again_and_goes_on(store: Store) -> None:
    import soundfile

    left_behind(store, tone(1.0), tone(0.5), torn=b"half a record")
    bench = Bench(store, job=AGAIN)
    assert bench.next(SourceReopened) == SourceReopened(SOURCE, 2)
    assert sum(isinstance(bench.next(OutputReceived), OutputReceived) for _ in range(6)) == 6
    assert bench.next(SourceRecovered) == SourceRecovered(
        SOURCE, {"speech": "fake", "why": "a test"}, f"{MEETING}.{SOURCE}.flac", 24000
    )
    bench.worker.append(frame(2, tone(1.0)))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 2, 40000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 40000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1, 2]
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(1.0) + tone(0.5) + tone(1.0)


class LatePipeline(FakePipeline):
    """Says what it has heard only a while later, as one does whose models take their time."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.fed: list[Samples] = []

    def feed(self, audio: Samples) -> None:
        """Keep it for later."""
        self.fed.append(audio)
        self.on_backlog(float(len(self.fed)))
        if len(self.fed) == 2:
            threading.Timer(0.5, self.say).start()

    def say(self) -> None:
        """Say all of it."""
        for audio in self.fed:
            super().feed(audio)
        self.on_backlog(0.0)


def test_a_meeting_counts_as_rebuilt_once_what_was_heard_again_is_said(store: Store) -> None:
    left_behind(store, tone(1.0), tone(1.0))
    bench = Bench(store, FakeBackend(pipeline=LatePipeline), job=AGAIN)
    bench.next(SourceReopened)
    events = [bench.next(OutputReceived, SourceRecovered) for _ in range(13)]
    assert [type(event) for event in events] == [OutputReceived] * 12 + [SourceRecovered]
    bench.rest()


class GatedPipeline(FakePipeline):
    """Hears nothing until it may."""

    gate = threading.Event()

    def feed(self, audio: Any) -> None:
        """Wait, then hear."""
        self.gate.wait(20)
        super().feed(audio)


def test_frames_that_arrive_while_the_old_ones_are_heard_are_kept_before_they_are_heard(store: Store) -> None:
    import soundfile

    left_behind(store, *(tone(0.5),) * 4)
    GatedPipeline.gate.clear()
    bench = Bench(store, FakeBackend(pipeline=GatedPipeline), job=AGAIN)
    bench.next(SourceReopened)
    for seq in (4, 5):
        bench.worker.append(frame(seq, tone(1.0)))
    bench.worker.finish()
    GatedPipeline.gate.set()
    events = [bench.next(FrameAppended, SourceRecovered, SourceFinished) for _ in range(4)]
    assert [type(event) for event in events] == [FrameAppended, FrameAppended, SourceRecovered, SourceFinished]
    assert events[-1] == SourceFinished(SOURCE, 64000)
    assert bench.room.done == [32000, 32000]
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == list(range(6))
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(0.5) * 4 + tone(1.0) * 2


def test_an_old_journal_takes_frames_while_the_models_load_and_is_heard_with_them(store: Store) -> None:
    left_behind(store, tone(1.0))
    bench = Bench(store, backend := Loading(), job=AGAIN)
    assert bench.next(SourceReopened) == SourceReopened(SOURCE, 1)
    bench.worker.append(frame(1, tone(0.5)))
    kept = bench.next(FrameAppended)
    assert isinstance(kept, FrameAppended)
    assert kept.seq == 1
    bench.until(lambda: bench.room.done == [16000])
    assert backend.pipelines == []
    backend.gate.set()
    recovered = bench.next(SourceRecovered, SourceFailed)
    assert recovered == SourceRecovered(SOURCE, MODELS, f"{MEETING}.{SOURCE}.flac", 24000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 24000)


def test_a_frame_that_the_disk_refuses_is_not_acknowledged_while_old_ones_wait_either(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(store, tone(1.0))
    disk, bench = FullDisk(monkeypatch), Bench(store, Loading(), job=AGAIN)
    bench.next(SourceReopened)
    bench.worker.append(frame(1, tone(0.5)))
    assert isinstance(bench.next(FrameAppended, StorageFailing), StorageFailing)
    disk.full.clear()
    assert isinstance(bench.next(FrameAppended, StorageWorking), StorageWorking)
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 0)
    bench.end()


def test_an_old_journal_is_left_when_the_models_cannot_be_loaded(store: Store) -> None:
    left_behind(store, tone(1.0))
    bench = Bench(store, backend := Loading(error=ModelMissing("run models pull")), job=AGAIN)
    bench.next(SourceReopened)
    backend.gate.set()
    assert bench.next(SourceFailed, SourceRecovered) == SourceFailed(SOURCE, "models", "run models pull")
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]


def test_the_format_of_a_left_journal_comes_from_itself(store: Store) -> None:
    left_behind(store, tone(1.0))
    bench = Bench(store, job=replace(AGAIN, audio=AudioInfo("wav", 1, 9)))
    recovered = bench.next(SourceRecovered, SourceFailed)
    assert isinstance(recovered, SourceRecovered)
    bench.worker.abandon()


def test_raw_audio_cut_within_samples_is_heard_and_heard_again_as_if_it_were_whole(store: Store) -> None:
    import soundfile

    sent = tone(1.5)
    cut = [sent[:1], sent[1:2], b"", sent[2:31999], sent[31999:40001], sent[40001:], b"x"]
    left_behind(store, *cut[:4])
    bench = Bench(store, job=AGAIN)
    recovered = bench.next(SourceRecovered, SourceFailed)
    assert isinstance(recovered, SourceRecovered)
    assert recovered.samples == 31999 // 2
    for seq, payload in enumerate(cut[4:], 4):
        bench.worker.append(frame(seq, payload))
    assert bench.rest()[-1] == SourceFinished(SOURCE, 24000)
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == sent


def test_a_frame_that_ended_the_source_ends_it_again_after_the_rest(store: Store) -> None:
    left_behind(store, tone(1.0), NO_AUDIO)
    bench = Bench(store, job=AGAIN)
    assert isinstance(bench.next(SourceRecovered, SourceFailed), SourceRecovered)
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000)


@pytest.mark.parametrize("content", [None, b"something else entirely"])
def test_a_journal_that_is_gone_or_none_is_told_apart(store: Store, content: bytes | None) -> None:
    if content is not None:
        store.files.journal_path(MEETING, SOURCE).write_bytes(content)
    failed = Bench(store, job=AGAIN).next(SourceFailed, SourceRecovered)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "lost"


def test_a_journal_that_another_process_writes_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LOCK_TRIES", 1)
    left_behind(store, tone(1.0))
    with journal.Journal(store.files.journal_path(MEETING, SOURCE), AudioInfo()):
        failed = Bench(store, job=AGAIN).next(SourceFailed, SourceRecovered)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "storage"
