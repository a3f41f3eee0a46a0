"""A source's thread: what it writes, feeds and reports, in which order; pipelines are fakes, files are real."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meeting.core.messages import AudioInfo
from meeting.session.events import (
    FrameAppended,
    OutputReceived,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
)
from meeting.storage.files import journal
from meeting.storage.files.flac import FlacWriter
from meeting.storage.store import Store
from pipelines.errors import ModelMissing, StoreError
from pipelines.types import SAMPLE_RATE
from tests.fakes.server_fakes import NO_AUDIO, FakeBackend, FakePipeline, LeanPipeline, tone
from tests.fakes.source_fakes import (
    JOB,
    MEETING,
    SOURCE,
    Bench,
    SlowPipeline,
    frame,
    left_behind,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_a_source_is_opened_kept_heard_and_drained(store: Store) -> None:
    bench = Bench(store)
    assert bench.next(SourceOpened) == SourceOpened(
        SOURCE, {"speech": "fake", "why": "a test"}, f"{MEETING}.{SOURCE}.flac"
    )
    bench.worker.append(frame(0, tone(0.5)))
    bench.worker.append(frame(1, tone(1.0)))
    events = bench.rest()
    assert [e for e in events if isinstance(e, FrameAppended)] == [
        FrameAppended(SOURCE, 0, 8000),
        FrameAppended(SOURCE, 1, 24000),
    ]
    assert events[-1] == SourceFinished(SOURCE, 24000)
    assert sum(isinstance(e, OutputReceived) for e in events) == 12
    assert [(e.start, len(e.levels)) for e in bench.levels] == [(0, 5), (8000, 5), (16000, 5)]
    assert bench.room.done == [16000, 32000]


def test_a_kept_frame_is_on_disk(store: Store) -> None:
    bench = Bench(store)
    bench.worker.append(frame(0, tone(0.5)))
    bench.next(FrameAppended)
    (kept,) = journal.read(store.files.journal_path(MEETING, SOURCE))
    assert kept == frame(0, tone(0.5))
    bench.rest()


def test_the_sound_is_kept_as_flac(store: Store) -> None:
    import soundfile

    bench = Bench(store)
    bench.worker.append(frame(0, tone(1.0)))
    bench.rest()
    audio, rate = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert (rate, audio.tobytes()) == (SAMPLE_RATE, tone(1.0))


def test_no_sound_is_kept_where_none_is_wanted(store: Store) -> None:
    bench = Bench(store, keep_audio=False)
    assert bench.next(SourceOpened) == SourceOpened(SOURCE, {"speech": "fake", "why": "a test"}, None)
    bench.worker.append(frame(0, tone(1.0)))
    bench.rest()
    bench.worker.remove_journal()
    assert list((store.data_dir / "audio").iterdir()) == []


def test_frames_of_a_refused_source_leave_the_queue(store: Store) -> None:
    bench = Bench(store, FakeBackend(error=ModelMissing("no")))
    bench.worker.append(frame(0, b"1234"))
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert bench.room.done == [4]


def test_a_source_that_the_system_gives_no_thread_fails_and_holds_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")

    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == f"source-{SOURCE}":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        bench = Bench(store)
    failed = bench.events.get_nowait()
    assert isinstance(failed, SourceFailed)
    assert failed.code == "internal"
    bench.worker.append(frame(0, b"1234"))
    assert bench.room.done == [4]
    bench.worker.abandon()
    assert bench.worker.wait(20)


def test_what_is_not_audio_fails_and_what_was_heard_is_finished(store: Store) -> None:
    bench = Bench(store)
    bench.worker.append(frame(0, tone(1.5)))
    bench.worker.append(frame(1, NO_AUDIO))
    bench.worker.append(frame(2, tone(1.0)))
    events = bench.rest()
    failed = [e for e in events if isinstance(e, SourceFailed)]
    assert [e.code for e in failed] == ["bad_audio"]
    assert events[-1] == SourceFinished(SOURCE, 24000)
    assert [e.seq for e in events if isinstance(e, FrameAppended)] == [0]
    assert bench.room.done == [48000, len(NO_AUDIO), 32000]


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
        bench.worker.append(frame(seq, tone(0.5)))
    assert bench.rest()[-1] == SourceFinished(SOURCE, 24000)
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(0.5) * 3


def test_audio_that_cannot_be_written_at_all_is_left_as_frames(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(FlacWriter, "write", full)
    bench = Bench(store)
    bench.worker.append(frame(0, tone(1.0)))
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000, complete=False)


def test_frames_are_locked_until_the_end_is_stored(store: Store) -> None:
    bench, path = Bench(store), store.files.journal_path(MEETING, SOURCE)
    bench.worker.append(frame(0, tone(1.0)))
    bench.rest()
    assert journal.in_use(path)
    bench.worker.remove_journal()
    bench.worker._thread.join(20)
    assert not journal.in_use(path)


class BrokenPipeline(FakePipeline):
    """Cannot be finished."""

    def finish(self) -> None:
        """Raise what nobody foresaw."""
        raise RuntimeError("secret")


def test_a_pipeline_that_cannot_finish_still_ends(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    bench = Bench(store, FakeBackend(pipeline=BrokenPipeline))
    bench.worker.append(frame(0, tone(1.0)))
    events = bench.rest()
    assert SourceFailed(SOURCE, "internal", "internal error") in events
    assert events[-1] == SourceFinished(SOURCE, 16000)


@pytest.mark.parametrize("recover", [False, True])
def test_models_that_never_answer_do_not_hold_a_source_that_nobody_wants_any_more(store: Store, recover: bool) -> None:
    if recover:
        left_behind(store, tone(1.0), tone(1.0))
    job = replace(JOB, recover=recover)
    bench = Bench(store, FakeBackend(pipeline=SlowPipeline), job=job, backlog=60.0)
    bench.next(SourceOpened, SourceReopened)
    for seq in range(1000):
        bench.worker.append(frame(seq, tone(0.01)))
    if not recover:
        bench.next(FrameAppended)
    assert not bench.worker.wait(0.1)
    bench.worker.abandon()
    assert bench.worker.wait(20)
    assert len(bench.room.done) in ({1000} if not recover else range(1001))
    assert not journal.in_use(store.files.journal_path(MEETING, SOURCE))


def test_thousands_of_frames_are_kept_heard_and_counted_out_in_order(store: Store) -> None:
    bench = Bench(store, FakeBackend(pipeline=LeanPipeline))
    for seq in range(3000):
        bench.worker.append(frame(seq, tone(0.01)))
    events = bench.rest()
    appended = [event for event in events if isinstance(event, FrameAppended)]
    assert appended == [FrameAppended(SOURCE, seq, 160 * (seq + 1)) for seq in range(3000)]
    assert events[-1] == SourceFinished(SOURCE, 480_000)
    assert bench.room.done == [320] * 3000
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == list(range(3000))


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
    bench.worker.append(frame(0, tone(1.0)))
    bench.rest()
    assert store.files.journal_path(MEETING, SOURCE).exists()
    bench.worker.remove_journal()
    assert not store.files.journal_path(MEETING, SOURCE).exists()


def test_a_journal_that_cannot_be_removed_stays_and_its_source_is_let_go_of(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(store)
    bench.rest()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        bench.worker.remove_journal()
    assert store.files.journal_path(MEETING, SOURCE).exists()
    assert "its journal stays" in caplog.text
    assert bench.worker.wait(20)


def loud_seconds(store: Store) -> list[bool]:
    """For each whole second of the FLAC whether anything is heard in it."""
    import soundfile

    sound, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE))
    return [bool(abs(sound[at : at + 16_000]).max() > 0.01) for at in range(0, len(sound) - 15_999, 16_000)]


def test_silence_is_kept_in_the_place_of_what_comes_while_a_source_is_muted(store: Store) -> None:
    bench = Bench(store)
    for seq in range(3):
        bench.worker.mute(seq == 1)
        bench.worker.append(frame(seq, tone(1.0)))
    bench.rest()
    assert loud_seconds(store) == [True, False, True]
    assert [bool(e.loudness.max() > -60) for e in bench.levels[::2]] == [True, False, True]


def kept_frames(store: Store) -> list[bytes]:
    return [one.payload for one in journal.read(store.files.journal_path(MEETING, SOURCE))]


def test_nothing_of_what_a_muted_source_sends_is_written_to_disk(store: Store) -> None:
    bench = Bench(store)
    for seq in range(3):
        bench.worker.mute(seq == 1)
        bench.worker.append(frame(seq, tone(1.0)))
        bench.next(FrameAppended)
    assert kept_frames(store) == [tone(1.0), bytes(32_000), tone(1.0)]
    bench.rest()


def test_nothing_of_it_is_written_to_disk_while_what_was_heard_before_a_crash_is_heard_again(store: Store) -> None:
    first = Bench(store)
    first.worker.append(frame(0, tone(1.0)))
    first.next(FrameAppended)
    first.worker.abandon()
    assert first.worker.wait(20)
    again = Bench(store, job=replace(JOB, recover=True, muted=True))
    again.worker.append(frame(1, tone(1.0)))
    again.worker.mute(False)
    again.worker.append(frame(2, tone(1.0)))
    again.rest()
    assert kept_frames(store) == [tone(1.0), bytes(32_000), tone(1.0)]
    assert loud_seconds(store)[2]


def test_parts_of_a_file_are_kept_while_a_source_is_muted_as_what_follows_needs_them(store: Store) -> None:
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, np.frombuffer(tone(1.0), np.int16), SAMPLE_RATE, format="WAV")
    bench = Bench(store, job=replace(JOB, audio=AudioInfo("wav")))
    bench.worker.mute(True)
    bench.worker.append(frame(0, written.getvalue()))
    bench.next(FrameAppended)
    assert kept_frames(store) == [written.getvalue()]
    bench.rest()
    assert loud_seconds(store) == [False]


def test_what_was_muted_stays_silent_when_it_is_heard_again_after_a_crash(store: Store) -> None:
    first = Bench(store)
    for seq in range(2):
        first.worker.mute(seq == 1)
        first.worker.append(frame(seq, tone(1.0)))
        assert first.next(FrameAppended) == FrameAppended(SOURCE, seq, (seq + 1) * 16_000)
    first.worker.abandon()
    assert first.worker.wait(20)
    again = Bench(store, job=replace(JOB, recover=True, muted=True))
    again.next(SourceRecovered)
    again.worker.append(frame(2, tone(1.0)))
    again.worker.mute(False)
    again.worker.append(frame(3, tone(1.0)))
    again.rest()
    assert loud_seconds(store) == [True, False, False, True]


@pytest.mark.parametrize("muted", [True, False])
def test_whether_a_source_is_muted_is_what_was_stored_where_its_journal_does_not_say_so(
    store: Store, muted: bool
) -> None:
    """The process died between storing it and noting it in the journal."""
    first = Bench(store)
    first.worker.mute(not muted)
    first.worker.append(frame(0, tone(1.0)))
    first.next(FrameAppended)
    first.worker.abandon()
    assert first.worker.wait(20)
    again = Bench(store, job=replace(JOB, recover=True, muted=muted))
    again.next(SourceRecovered)
    again.worker.append(frame(1, tone(1.0)))
    again.rest()
    assert loud_seconds(store) == [muted, not muted]
