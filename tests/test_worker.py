"""A source's thread: what it writes, feeds and reports, in which order; pipelines are fakes, files are real."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meeting import journal
from meeting.config import Models
from meeting.events import Drained, Event, Heard, Kept, Opened, OpenSource, SourceFailed
from meeting.machinery import EngineRoom
from meeting.messages import AudioFrame, AudioInfo
from meeting.store import Store
from meeting.worker import Worker, Workshop
from pipelines.errors import ModelMissing
from pipelines.types import SAMPLE_RATE
from tests.server_fakes import FakeMachinery, FakePipeline, tone

MEETING, SOURCE = "m" * 16, "s" * 16
JOB = OpenSource(SOURCE, AudioInfo(), None, ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


class Bench:
    """A worker whose events can be waited for."""

    def __init__(self, store: Store, machinery: FakeMachinery | None = None, **options: Any) -> None:
        self.machinery = machinery or FakeMachinery()
        self.store = store
        self.events: queue.Queue[Event] = queue.Queue()
        self.left: list[int] = []
        engine = EngineRoom(self.machinery, Models())
        engine.load()
        job = options.pop("job", JOB)
        workshop = Workshop(store, self.machinery, engine, **options)
        self.worker = Worker(workshop, MEETING, job, self.events.put, self.left.append)

    def next(self, *kinds: type) -> Event:
        while not isinstance(event := self.events.get(timeout=20), kinds):
            pass
        return event

    def rest(self) -> list[Event]:
        """All events up to the end."""
        self.worker.finish()
        events = [self.events.get(timeout=20)]
        while not isinstance(events[-1], Drained):
            events.append(self.events.get(timeout=20))
        return events


def frame(seq: int, payload: bytes) -> AudioFrame:
    return AudioFrame(seq, 0, payload)


def test_a_source_is_opened_kept_heard_and_drained(store: Store) -> None:
    bench = Bench(store)
    assert bench.next(Opened) == Opened(SOURCE, {"speech": "fake", "why": "a test"}, f"{MEETING}.{SOURCE}.flac")
    bench.worker.keep(frame(0, tone(0.5)))
    bench.worker.keep(frame(1, tone(1.0)))
    events = bench.rest()
    assert [e for e in events if isinstance(e, Kept)] == [Kept(SOURCE, 0, 8000), Kept(SOURCE, 1, 24000)]
    assert events[-1] == Drained(SOURCE, 24000)
    assert sum(isinstance(e, Heard) for e in events) == 12
    assert bench.left == [16000, 32000]


def test_a_kept_frame_is_on_disk(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(0.5)))
    bench.next(Kept)
    (kept,) = journal.read(store.journal_path(MEETING, SOURCE))
    assert kept == frame(0, tone(0.5))
    bench.rest()


def test_the_sound_is_kept_as_flac(store: Store) -> None:
    import soundfile

    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    audio, rate = soundfile.read(store.audio_path(MEETING, SOURCE), dtype="int16")
    assert (rate, audio.tobytes()) == (SAMPLE_RATE, tone(1.0))


def test_no_sound_is_kept_where_none_is_wanted(store: Store) -> None:
    bench = Bench(store, keep_audio=False)
    assert bench.next(Opened) == Opened(SOURCE, {"speech": "fake", "why": "a test"}, None)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    bench.worker.remove_journal()
    assert list((store.data_dir / "audio").iterdir()) == []


def test_an_impossible_format_is_refused_before_models_are_waited_for(store: Store) -> None:
    machinery = FakeMachinery(gate=threading.Event())
    bench = Bench(store, machinery, job=replace(JOB, audio=AudioInfo(sample_rate=0)))
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    bench.worker.abandon()
    assert machinery.gate is not None
    machinery.gate.set()


def test_models_that_cannot_be_had_refuse_the_source(store: Store) -> None:
    bench = Bench(store, FakeMachinery(error=ModelMissing("run models pull")))
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "models", "run models pull")
    bench.worker.abandon()


def test_frames_of_a_refused_source_leave_the_queue(store: Store) -> None:
    bench = Bench(store, FakeMachinery(error=ModelMissing("no")))
    bench.worker.keep(frame(0, b"1234"))
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert bench.left == [4]


def test_what_is_not_audio_fails_and_what_was_heard_is_finished(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.5)))
    bench.worker.keep(frame(1, b"abc"))
    bench.worker.keep(frame(2, tone(1.0)))
    events = bench.rest()
    failed = [e for e in events if isinstance(e, SourceFailed)]
    assert [e.code for e in failed] == ["bad_audio"]
    assert events[-1] == Drained(SOURCE, 24000)
    assert [e.seq for e in events if isinstance(e, Kept)] == [0]
    assert bench.left == [48000, 3, 32000]


def test_a_full_disk_fails_the_source(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.errors import StoreError

    def full(*_: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(journal.Journal, "append", full)
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "storage", "no space left")
    assert bench.rest()[-1] == Drained(SOURCE, 0)


class BrokenPipeline(FakePipeline):
    """Cannot be finished."""

    def finish(self) -> None:
        """Raise what nobody foresaw."""
        raise RuntimeError("secret")


def test_a_pipeline_that_cannot_finish_still_ends(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    bench = Bench(store, FakeMachinery(pipeline=BrokenPipeline))
    bench.worker.keep(frame(0, tone(1.0)))
    events = bench.rest()
    assert SourceFailed(SOURCE, "internal", "internal error") in events
    assert events[-1] == Drained(SOURCE, 16000)


class SlowPipeline(FakePipeline):
    """Has a backlog until it is waited for."""

    backlog = 100.0
    waited = 0.0

    def wait_below(self, seconds: float) -> None:
        """Remember what was waited for."""
        self.waited, self.backlog = seconds, 0.0


def test_a_pipeline_with_a_backlog_is_waited_for(store: Store) -> None:
    bench = Bench(store, FakeMachinery(pipeline=SlowPipeline), backlog=60.0)
    bench.worker.keep(frame(0, tone(0.1)))
    bench.rest()
    (pipeline,) = bench.machinery.pipelines
    assert isinstance(pipeline, SlowPipeline)
    assert pipeline.waited == 60.0


def test_an_abandoned_source_says_nothing_more(store: Store) -> None:
    bench = Bench(store)
    bench.next(Opened)
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert bench.events.empty()
    (pipeline,) = bench.machinery.pipelines
    assert isinstance(pipeline, FakePipeline)
    assert pipeline.closed


def test_the_journal_can_be_removed_once_all_is_stored(store: Store) -> None:
    bench = Bench(store)
    bench.worker.keep(frame(0, tone(1.0)))
    bench.rest()
    assert store.journal_path(MEETING, SOURCE).exists()
    bench.worker.remove_journal()
    assert not store.journal_path(MEETING, SOURCE).exists()
