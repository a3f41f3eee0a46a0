"""A source's thread: what it writes, feeds and reports, in which order; pipelines are fakes, files are real."""

from __future__ import annotations

import io
import logging
import queue
import threading
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meeting.config.settings import Models
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from meeting.session.events import (
    Event,
    FrameAppended,
    GapFound,
    ModelsLoaded,
    OpenSource,
    OutputReceived,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    StorageFailing,
    StorageWorking,
)
from meeting.sources.backend import Emit
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.source_worker import SourceWorker
from meeting.storage.files import journal
from meeting.storage.files.flac import FlacWriter
from meeting.storage.store import Store
from pipelines.audio.decoding import CHUNK_SAMPLES
from pipelines.errors import ModelMissing, StoreError
from pipelines.types import SAMPLE_RATE, Samples, Span
from tests.fakes.server_fakes import NO_AUDIO, FakeBackend, FakePipeline, tone

MEETING, SOURCE = "m" * 16, "s" * 16
JOB = OpenSource(SOURCE, AudioInfo(), None, ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


class Bench:
    """A worker whose events can be waited for."""

    def __init__(self, store: Store, backend: FakeBackend | None = None, **options: Any) -> None:
        self.backend = backend or FakeBackend()
        self.store = store
        self.events: queue.Queue[Event] = queue.Queue()
        self.left: list[int] = []
        engine = EngineLoader(self.backend, Models())
        engine.load()
        job, crowded = options.pop("job", JOB), options.pop("crowded", lambda: False)
        services = Services(store, self.backend, engine, **options)
        self.worker = SourceWorker(services, MEETING, job, self.events.put, self.left.append, crowded)

    def next(self, *kinds: type) -> Event:
        while not isinstance(event := self.events.get(timeout=20), kinds):
            pass
        return event

    def rest(self) -> list[Event]:
        """All events up to the end."""
        self.worker.finish()
        events = [self.events.get(timeout=20)]
        while not isinstance(events[-1], SourceFinished):
            events.append(self.events.get(timeout=20))
        return events

    def end(self) -> None:
        """Free all it holds, as its room does in the end."""
        self.worker.abandon()
        self.worker._thread.join(20)


def frame(seq: int, payload: bytes) -> AudioFrame:
    return AudioFrame(seq, 0, payload)


def test_a_source_is_opened_kept_heard_and_drained(store: Store) -> None:
    bench = Bench(store)
    assert bench.next(SourceOpened) == SourceOpened(
        SOURCE, {"speech": "fake", "why": "a test"}, f"{MEETING}.{SOURCE}.flac"
    )
    bench.worker.keep(frame(0, tone(0.5)))
    bench.worker.keep(frame(1, tone(1.0)))
    events = bench.rest()
    assert [e for e in events if isinstance(e, FrameAppended)] == [
        FrameAppended(SOURCE, 0, 8000),
        FrameAppended(SOURCE, 1, 24000),
    ]
    assert events[-1] == SourceFinished(SOURCE, 24000)
    assert sum(isinstance(e, OutputReceived) for e in events) == 12
    assert bench.left == [16000, 32000]


def test_a_kept_frame_is_on_disk(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(0.5)))
    bench.next(FrameAppended)
    (kept,) = journal.read(store.files.journal_path(MEETING, SOURCE))
    assert kept == frame(0, tone(0.5))
    bench.rest()


def test_the_sound_is_kept_as_flac(store: Store) -> None:
    import soundfile

    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    audio, rate = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert (rate, audio.tobytes()) == (SAMPLE_RATE, tone(1.0))


def test_no_sound_is_kept_where_none_is_wanted(store: Store) -> None:
    bench = Bench(store, keep_audio=False)
    assert bench.next(SourceOpened) == SourceOpened(SOURCE, {"speech": "fake", "why": "a test"}, None)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    bench.worker.remove_journal()
    assert list((store.data_dir / "audio").iterdir()) == []


def test_an_impossible_format_is_refused_before_models_are_waited_for(store: Store) -> None:
    backend = FakeBackend(gate=threading.Event())
    bench = Bench(store, backend, job=replace(JOB, audio=AudioInfo(sample_rate=0)))
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    bench.worker.abandon()
    assert backend.gate is not None
    backend.gate.set()


def test_models_that_cannot_be_had_refuse_the_source(store: Store) -> None:
    bench = Bench(store, FakeBackend(error=ModelMissing("run models pull")))
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "models", "run models pull")
    bench.worker.abandon()


# While the models are loaded

MODELS = {"speech": "fake", "why": "a test"}


class Loading(FakeBackend):
    """Models that are there, or fail, when the test says so."""

    gate: threading.Event

    def __init__(self, **options: Any) -> None:
        super().__init__(gate=threading.Event(), **options)


def test_frames_are_kept_and_told_while_the_models_load_and_heard_once_they_are_there(store: Store) -> None:
    import soundfile

    bench = Bench(store, backend := Loading())
    assert bench.next(SourceOpened) == SourceOpened(SOURCE, None, f"{MEETING}.{SOURCE}.flac")
    bench.worker.keep(AudioFrame(0, 0, tone(1.0)))
    bench.worker.keep(AudioFrame(1, 3_000_000, tone(1.0)))
    assert bench.next(OutputReceived, FrameAppended) == FrameAppended(SOURCE, 0, 16000)
    assert isinstance(bench.next(GapFound), GapFound)
    assert bench.next(OutputReceived, FrameAppended) == FrameAppended(SOURCE, 1, 64000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1]
    assert backend.pipelines == []
    backend.gate.set()
    assert bench.next(OutputReceived, ModelsLoaded) == ModelsLoaded(SOURCE, MODELS)
    bench.next(OutputReceived)  # with no further frame
    bench.worker.keep(AudioFrame(2, 4_000_000, tone(1.0)))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 80000)
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(1.0) + bytes(4 * SAMPLE_RATE) + tone(1.0) * 2
    (pipeline,) = backend.pipelines
    assert isinstance(pipeline, FakePipeline)
    assert len(pipeline._audio) == 80000


def test_more_than_the_backlog_waits_for_the_models_and_its_client_is_told_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.sources.source_worker.REMIND", 0.01)
    bench = Bench(store, backend := Loading(), backlog=1.5)
    for seq in range(4):
        bench.worker.keep(frame(seq, tone(1.0)))
    assert [bench.next(FrameAppended) for _ in range(2)] == [
        FrameAppended(SOURCE, 0, 16000),
        FrameAppended(SOURCE, 1, 32000),
    ]
    assert [bench.next(FrameAppended) for _ in range(3)] == [FrameAppended(SOURCE, 1, 32000)] * 3
    assert bench.left == [32000]
    backend.gate.set()
    assert bench.rest()[-1] == SourceFinished(SOURCE, 64000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1, 2, 3]


def test_what_is_no_audio_is_told_while_the_models_load_and_the_rest_is_heard(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.keep(frame(0, tone(1.0)))
    bench.worker.keep(frame(1, NO_AUDIO))
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    bench.worker.finish()
    backend.gate.set()
    assert isinstance(bench.next(OutputReceived, SourceFinished), OutputReceived)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 16000)


def test_a_source_that_ends_while_the_models_load_is_heard_to_its_end(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.keep(frame(0, tone(1.5)))
    bench.worker.finish()
    bench.next(FrameAppended)
    backend.gate.set()
    assert isinstance(bench.next(OutputReceived, SourceFinished), OutputReceived)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 24000)


def test_a_server_that_stops_does_not_wait_for_the_models(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.keep(frame(0, tone(1.0)))
    bench.worker.finish()
    bench.next(FrameAppended)
    bench.worker.finish(hurry=True)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 16000, complete=False)
    assert journal.in_use(store.files.journal_path(MEETING, SOURCE))
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]
    backend.gate.set()


def test_models_that_cannot_be_loaded_leave_what_was_kept_on_disk(store: Store) -> None:
    bench = Bench(store, backend := Loading(error=ModelMissing("run models pull")))
    bench.worker.keep(frame(0, tone(1.0)))
    bench.next(FrameAppended)
    backend.gate.set()
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "models", "run models pull")
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000, complete=False)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]


def test_a_source_abandoned_while_the_models_load_does_not_wait_for_them(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.next(SourceOpened)
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert not bench.worker._thread.is_alive()
    backend.gate.set()
    assert bench.events.empty()
    assert backend.pipelines == []


def test_frames_of_a_refused_source_leave_the_queue(store: Store) -> None:
    bench = Bench(store, FakeBackend(error=ModelMissing("no")))
    bench.worker.keep(frame(0, b"1234"))
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert bench.left == [4]


def test_what_is_not_audio_fails_and_what_was_heard_is_finished(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.5)))
    bench.worker.keep(frame(1, NO_AUDIO))
    bench.worker.keep(frame(2, tone(1.0)))
    events = bench.rest()
    failed = [e for e in events if isinstance(e, SourceFailed)]
    assert [e.code for e in failed] == ["bad_audio"]
    assert events[-1] == SourceFinished(SOURCE, 24000)
    assert [e.seq for e in events if isinstance(e, FrameAppended)] == [0]
    assert bench.left == [48000, len(NO_AUDIO), 32000]


class FullDisk:
    """Refuses frames while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = threading.Event()
        self.full.set()
        append = journal.Journal.append

        def refusing(opened: journal.Journal, frame: AudioFrame) -> None:
            if self.full.is_set():
                raise StoreError("no space left")
            append(opened, frame)

        monkeypatch.setattr(journal.Journal, "append", refusing)
        monkeypatch.setattr("meeting.sources.source_worker.RETRY", 0.01)


def test_a_full_disk_makes_the_source_wait_and_nothing_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, bench = FullDisk(monkeypatch), Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    trouble = bench.next(StorageFailing)
    assert isinstance(trouble, StorageFailing)
    assert trouble.what == "audio"
    assert str(store.data_dir) not in trouble.message
    disk.full.clear()
    assert bench.next(StorageWorking, FrameAppended) == StorageWorking("audio")
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 0, 16000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000)


def test_a_server_that_stops_does_not_wait_for_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch)
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.next(StorageFailing)
    bench.worker.finish(hurry=True)
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "storage", "no space left")
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 0)


def test_a_broken_flac_is_written_again_from_the_journal(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import soundfile

    write, writes = FlacWriter.write, []

    def refusing_once(flac: FlacWriter, samples: Any) -> None:
        writes.append(len(samples))
        if len(writes) == 2:
            raise StoreError("no space left")
        write(flac, samples)

    monkeypatch.setattr(FlacWriter, "write", refusing_once)
    bench = Bench(store)
    for seq in range(3):
        bench.worker.keep(frame(seq, tone(0.5)))
    assert bench.rest()[-1] == SourceFinished(SOURCE, 24000)
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(0.5) * 3


def test_audio_that_cannot_be_written_at_all_is_left_as_frames(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(FlacWriter, "write", full)
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000, complete=False)


def test_frames_are_locked_until_the_end_is_stored(store: Store) -> None:
    bench, path = Bench(store), store.files.journal_path(MEETING, SOURCE)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    assert journal.in_use(path)
    bench.worker.remove_journal()
    bench.worker._thread.join(20)
    assert not journal.in_use(path)


def test_missing_audio_becomes_silence_and_is_told(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(AudioFrame(0, 0, tone(1.0)))
    bench.worker.keep(AudioFrame(1, 3_000_000, tone(1.0)))
    missed = bench.next(GapFound)
    assert missed == GapFound(Gap(SOURCE, Span(16000, 48000), "sound that never arrived"))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 64000)
    bench.rest()


def test_a_crowded_meeting_is_fed_no_further(store: Store) -> None:
    crowded = threading.Event()
    crowded.set()
    bench = Bench(store, crowded=crowded.is_set)
    for seq in range(2):
        bench.worker.keep(frame(seq, tone(0.1)))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 0, 1600)
    assert bench.left == []
    crowded.clear()
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 3200)
    bench.rest()


# After a crash


def left_behind(store: Store, *payloads: bytes, torn: bytes = b"") -> None:
    """A journal as a killed process leaves it."""
    path = store.files.journal_path(MEETING, SOURCE)
    with journal.Journal(path, AudioInfo()) as written:
        for seq, payload in enumerate(payloads):
            written.append(frame(seq, payload))
    with path.open("ab") as file:
        file.write(torn)


AGAIN = replace(JOB, recover=True)


def test_what_a_killed_process_left_is_heard_again_and_goes_on(store: Store) -> None:
    import soundfile

    left_behind(store, tone(1.0), tone(0.5), torn=b"half a record")
    bench = Bench(store, job=AGAIN)
    assert bench.next(SourceReopened) == SourceReopened(SOURCE, 2)
    assert sum(isinstance(bench.next(OutputReceived), OutputReceived) for _ in range(6)) == 6
    assert bench.next(SourceRecovered) == SourceRecovered(
        SOURCE, {"speech": "fake", "why": "a test"}, f"{MEETING}.{SOURCE}.flac", 24000
    )
    bench.worker.keep(frame(2, tone(1.0)))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 2, 40000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 40000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1, 2]
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(1.0) + tone(0.5) + tone(1.0)


class LatePipeline(FakePipeline):
    """Says what it has heard only once it is waited for, as one does whose models take their time."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.fed: list[Samples] = []

    def feed(self, audio: Samples) -> None:
        """Keep it for later."""
        self.fed.append(audio)

    def wait_below(self, seconds: float) -> None:
        """Say all of it."""
        fed, self.fed = self.fed, []
        for audio in fed:
            super().feed(audio)


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
        bench.worker.keep(frame(seq, tone(1.0)))
    bench.worker.finish()
    GatedPipeline.gate.set()
    events = [bench.next(FrameAppended, SourceRecovered, SourceFinished) for _ in range(4)]
    assert [type(event) for event in events] == [FrameAppended, FrameAppended, SourceRecovered, SourceFinished]
    assert events[-1] == SourceFinished(SOURCE, 64000)
    assert bench.left == [32000, 32000]
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == list(range(6))
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(0.5) * 4 + tone(1.0) * 2


def test_an_old_journal_takes_frames_while_the_models_load_and_is_heard_with_them(store: Store) -> None:
    left_behind(store, tone(1.0))
    bench = Bench(store, backend := Loading(), job=AGAIN)
    assert bench.next(SourceReopened) == SourceReopened(SOURCE, 1)
    bench.worker.keep(frame(1, tone(0.5)))
    kept = bench.next(FrameAppended)
    assert isinstance(kept, FrameAppended)
    assert kept.seq == 1
    assert bench.left == [16000]
    assert backend.pipelines == []
    backend.gate.set()
    recovered = bench.next(SourceRecovered, SourceFailed)
    assert recovered == SourceRecovered(SOURCE, MODELS, f"{MEETING}.{SOURCE}.flac", 24000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 24000)


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
        bench.worker.keep(frame(seq, payload))
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


class BrokenPipeline(FakePipeline):
    """Cannot be finished."""

    def finish(self) -> None:
        """Raise what nobody foresaw."""
        raise RuntimeError("secret")


def test_a_pipeline_that_cannot_finish_still_ends(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    bench = Bench(store, FakeBackend(pipeline=BrokenPipeline))
    bench.worker.keep(frame(0, tone(1.0)))
    events = bench.rest()
    assert SourceFailed(SOURCE, "internal", "internal error") in events
    assert events[-1] == SourceFinished(SOURCE, 16000)


class SlowPipeline(FakePipeline):
    """Has a backlog until it is waited for."""

    backlog = 100.0
    waited = 0.0

    def wait_below(self, seconds: float) -> None:
        """Remember what was waited for."""
        self.waited, self.backlog = seconds, 0.0


def test_a_pipeline_with_a_backlog_is_waited_for(store: Store) -> None:
    bench = Bench(store, FakeBackend(pipeline=SlowPipeline), backlog=60.0)
    bench.worker.keep(frame(0, tone(0.1)))
    bench.rest()
    (pipeline,) = bench.backend.pipelines
    assert isinstance(pipeline, SlowPipeline)
    assert pipeline.waited == 60.0


def test_an_abandoned_source_says_nothing_more(store: Store) -> None:
    bench = Bench(store)
    bench.next(SourceOpened)
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert bench.events.empty()
    (pipeline,) = bench.backend.pipelines
    assert isinstance(pipeline, FakePipeline)
    assert pipeline.closed


def test_the_journal_can_be_removed_once_all_is_stored(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    assert store.files.journal_path(MEETING, SOURCE).exists()
    bench.worker.remove_journal()
    assert not store.files.journal_path(MEETING, SOURCE).exists()


class FakeSlowPipeline(FakePipeline):
    """Says how far behind it is, and remembers whether it was live at each part."""

    def __init__(self, emit: Emit, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.lived: list[bool] = []
        self.behind = [9.0, 2.5, 0.5, 30.0, 9.0]

    @property
    def backlog(self) -> float:  # type: ignore[override]
        """What was asked for."""
        return self.behind[0]

    def feed(self, audio: Samples) -> None:
        """Remember."""
        self.lived.append(self.live)
        if len(self.lived) > 1:
            del self.behind[0]
        super().feed(audio)


@pytest.mark.parametrize(("live", "lived"), [(True, [False, False, False, True, True]), (False, [False] * 5)])
def test_a_source_is_live_once_it_has_caught_up_and_a_recording_never(
    store: Store, live: bool, lived: list[bool]
) -> None:
    backend = FakeBackend(pipeline=FakeSlowPipeline)
    bench = Bench(store, backend, live=live)
    for seq in range(5):
        bench.worker.keep(frame(seq, tone(0.1)))
    bench.rest()
    (pipeline,) = backend.pipelines
    assert pipeline.lived == lived  # type: ignore[attr-defined]


# A frame that holds far more than its size says

BOMB = replace(JOB, audio=AudioInfo("flac", 0, 0))


def bomb(seconds: int) -> bytes:
    """Much silence in few bytes of FLAC, and a second of sound behind it."""
    import soundfile

    file = io.BytesIO()
    audio = np.concatenate([np.zeros(seconds * SAMPLE_RATE, np.int16), np.frombuffer(tone(1.0), "<i2")])
    soundfile.write(file, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


class Counting(FakePipeline):
    """Notes how much it gets at once, and has never anything to say or to keep."""

    def __init__(self, emit: Emit, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.fed: list[int] = []
        self.waits = 0
        self.backlog = 100.0

    def feed(self, audio: Samples) -> None:
        """Count."""
        self.fed.append(len(audio))

    def wait_below(self, seconds: float) -> None:
        """Count."""
        self.waits += 1


def counting(bench: Bench) -> Counting:
    (pipeline,) = bench.backend.pipelines
    assert isinstance(pipeline, Counting)
    return pipeline


def test_a_frame_of_many_minutes_is_heard_in_pieces_and_waited_for_after_each(store: Store) -> None:
    bench = Bench(store, FakeBackend(pipeline=Counting), job=BOMB)
    bench.worker.keep(frame(0, bomb(600)))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 601 * SAMPLE_RATE)
    told = [event.samples for event in events if isinstance(event, FrameAppended)]
    assert {event.seq for event in events if isinstance(event, FrameAppended)} == {0}
    assert told == sorted(set(told))
    assert len(told) > 50
    pipeline = counting(bench)
    assert sum(pipeline.fed) == 601 * SAMPLE_RATE
    assert max(pipeline.fed) < 2 * CHUNK_SAMPLES
    assert pipeline.waits >= len(told)
    bench.end()


def test_a_frame_that_holds_more_than_a_meeting_may_last_is_heard_up_to_there(store: Store) -> None:
    import soundfile

    bench = Bench(store, FakeBackend(pipeline=Counting), job=BOMB, longest=60.5)
    bench.worker.keep(frame(0, bomb(600)))
    bench.worker.keep(frame(1, b"more"))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 968_000)
    kept = [event for event in events if isinstance(event, FrameAppended)]
    assert kept[-1] == FrameAppended(SOURCE, 0, 968_000)
    assert sum(counting(bench).fed) == 968_000
    assert soundfile.info(store.files.audio_path(MEETING, SOURCE)).frames == 968_000
    assert [frame.seq for frame in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]
    bench.end()


@pytest.mark.parametrize(("before", "after"), [(0, 968_000), (2_000_000, 2_000_000)])
def test_what_a_killed_process_left_is_heard_in_pieces_and_as_far_as_before(
    store: Store, before: int, after: int
) -> None:
    with journal.Journal(store.files.journal_path(MEETING, SOURCE), BOMB.audio) as written:
        written.append(frame(0, bomb(600)))
    job = replace(AGAIN, processed=before)
    bench = Bench(store, FakeBackend(pipeline=Counting), job=job, longest=60.5)
    recovered = bench.next(SourceRecovered)
    assert isinstance(recovered, SourceRecovered)
    assert recovered.samples == after
    bench.rest()
    assert sum(counting(bench).fed) == after
    assert max(counting(bench).fed) < 2 * CHUNK_SAMPLES
    bench.end()


def test_of_a_frame_of_many_minutes_no_more_than_the_backlog_waits_for_the_models(store: Store) -> None:
    backend = Loading(pipeline=Counting)
    bench = Bench(store, backend, job=BOMB, backlog=30.0)
    bench.worker.keep(frame(0, bomb(600)))
    while (kept := bench.next(FrameAppended)).samples <= 30 * SAMPLE_RATE:  # type: ignore[attr-defined]
        pass
    backend.gate.set()
    assert bench.rest()[-1] == SourceFinished(SOURCE, 601 * SAMPLE_RATE)
    pipeline = counting(bench)
    assert sum(pipeline.fed) == 601 * SAMPLE_RATE
    assert kept.samples < 30 * SAMPLE_RATE + 2 * CHUNK_SAMPLES  # type: ignore[attr-defined]
    bench.end()


def test_a_server_that_stops_leaves_the_rest_of_such_a_frame_to_a_later_one(store: Store) -> None:
    backend = Loading(pipeline=Counting)
    bench = Bench(store, backend, job=BOMB, backlog=30.0)
    bench.worker.keep(frame(0, bomb(600)))
    bench.worker.keep(frame(1, b"more"))
    bench.worker.finish(hurry=True)
    drained = bench.next(SourceFinished)
    assert isinstance(drained, SourceFinished)
    assert not drained.complete
    assert drained.samples < 30 * SAMPLE_RATE + 2 * CHUNK_SAMPLES
    assert [frame.seq for frame in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1]
    backend.gate.set()
    bench.end()


def test_an_impossible_rate_inside_a_container_is_told_in_a_sentence(store: Store) -> None:
    bench = Bench(store, job=replace(JOB, audio=AudioInfo("wav", 0, 0)))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(1)
        written.writeframes(tone(1.0))
    bench.worker.keep(frame(0, file.getvalue()))
    events = bench.rest()
    sentence = "its sample rate is 1 Hz: convert it to one of 4000 to 384000 Hz"
    assert [event for event in events if isinstance(event, SourceFailed)] == [
        SourceFailed(SOURCE, "bad_audio", sentence)
    ]
    assert events[-1] == SourceFinished(SOURCE, 0)
    bench.end()


def test_a_source_that_cannot_be_kept_is_told_the_name_of_the_file_and_the_log_where_it_is(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.files.journal_path(MEETING, SOURCE)
    path.mkdir()
    failed = Bench(store).next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "storage"
    assert failed.message.startswith(f"{path.name} cannot be used")
    assert str(path) in caplog.text


def test_many_gaps_are_told_in_bounded_number_and_the_same_when_they_are_heard_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.session.gaps.MOST", 3)

    def gaps(bench: Bench) -> dict[int, Gap]:
        found = [event.gap for event in bench.rest() if isinstance(event, GapFound)]
        return {gap.span.start: gap for gap in found}

    bench = Bench(store)
    for seq in range(30):
        bench.worker.keep(AudioFrame(seq, seq * 3_000_000, tone(1.0)))
    live = gaps(bench)
    bench.end()
    again = gaps(Bench(store, job=replace(JOB, recover=True)))
    assert again == live
    assert len(live) == 3
    assert [*live.values()][-1].reason.startswith("54 s of sound never arrived, in 27 places from here on")
