"""One source in its thread, whose events can be waited for; for tests only."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meeting.config.settings import Models
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.session.events import (
    Event,
    OpenSource,
    OutputReceived,
    SourceFinished,
)
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.flow_control import FlowControl, SourceFlow
from meeting.sources.source_worker import SourceWorker
from meeting.storage.files import journal
from meeting.storage.store import Store
from pipelines.errors import StoreError
from pipelines.types import LevelsHeard, Samples
from tests.fakes.server_fakes import FakeBackend, FakePipeline

MEETING, SOURCE = "m" * 16, "s" * 16


JOB = OpenSource(SOURCE, AudioInfo(), None, ())
AGAIN = replace(JOB, recover=True)
MODELS = {"speech": "fake", "why": "a test"}


class Flow(FlowControl):
    """Without a loop: notes which frames are through, and is crowded as long as the test says so."""

    crowded = False  # type: ignore[assignment]

    def __init__(self) -> None:
        self.closed = False
        self.done: list[int] = []
        self._fed, self._shared = 0, False

    def frame_done(self, size: int) -> None:
        """Note it."""
        self.done.append(size)


class Bench:
    """A worker whose events can be waited for."""

    def __init__(self, store: Store, backend: FakeBackend | None = None, **options: Any) -> None:
        self.backend = backend or FakeBackend()
        self.store = store
        self.events: queue.Queue[Event] = queue.Queue()
        self.room = Flow()
        self.flow = SourceFlow(self.room, threading.Condition())
        engine = EngineLoader(self.backend, Models())
        engine.load()
        job, self.room.crowded = options.pop("job", JOB), options.pop("crowded", False)
        services = Services(store, self.backend, engine, **options)
        self.levels: list[LevelsHeard] = []
        self.worker = SourceWorker(services, MEETING, job, self.flow, self.post)
        self.worker.start()

    def post(self, event: Event) -> None:
        """Keep an event; levels apart, since they come with all audio."""
        if isinstance(event, OutputReceived) and isinstance(event.output, LevelsHeard):
            self.levels.append(event.output)
        else:
            self.events.put(event)

    def next(self, *kinds: type) -> Event:
        while not isinstance(event := self.events.get(timeout=60), kinds):
            pass
        return event

    def until(self, reached: Callable[[], bool]) -> None:
        """Until something is so, which no event tells."""
        end = time.monotonic() + 20
        while not reached():
            assert time.monotonic() < end
            time.sleep(0.01)

    def rest(self) -> list[Event]:
        """All events up to the end."""
        self.worker.finish()
        events = [self.events.get(timeout=60)]
        while not isinstance(events[-1], SourceFinished):
            events.append(self.events.get(timeout=60))
        return events

    def end(self) -> None:
        """Free all it holds, as its room does in the end."""
        self.worker.abandon()
        self.worker._thread.join(20)


def frame(seq: int, payload: bytes) -> AudioFrame:
    return AudioFrame(seq, 0, payload)


def left_behind(store: Store, *payloads: bytes, torn: bytes = b"") -> None:
    """A journal as a killed process leaves it."""
    path = store.files.journal_path(MEETING, SOURCE)
    with journal.Journal(path, AudioInfo()) as written:
        for seq, payload in enumerate(payloads):
            written.append(frame(seq, payload))
    with path.open("ab") as file:
        file.write(torn)


class Loading(FakeBackend):
    """Models that are there, or fail, when the test says so."""

    gate: threading.Event

    def __init__(self, **options: Any) -> None:
        super().__init__(gate=threading.Event(), **options)


class SlowPipeline(FakePipeline):
    """Has a backlog as long as the test says so."""

    def feed(self, audio: Samples) -> None:
        """Have more than may wait."""
        super().feed(audio)
        self.on_backlog(60.5)


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
        monkeypatch.setattr("meeting.sources.journal_writer.RETRY_SECONDS", 0.01)
