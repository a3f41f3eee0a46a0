"""The threads of a meeting's sources: found by their ids, waited for also when they were let go of."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from meeting.config.settings import Models
from meeting.live.source_workers import SourceWorkers
from meeting.session.events import Event, SourceFinished, SourceOpened
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.flow_control import FlowControl
from meeting.storage.files import journal
from meeting.storage.store import Store
from pipelines.types import Samples, SpeakerCount
from tests.fakes.server_fakes import FakeBackend, FakePipeline, tone
from tests.fakes.source_fakes import JOB, MEETING, SOURCE, frame

OTHER = "o" * 16


class Bench:
    """The workers of a meeting, and what their threads post."""

    def __init__(self, store: Store, backend: FakeBackend | None = None) -> None:
        made = backend or FakeBackend()
        engine = EngineLoader(made, Models())
        engine.load()
        engine.wait()
        self.store = store
        self.events: queue.Queue[Event] = queue.Queue()
        flow = FlowControl(1e12)
        self.workers = SourceWorkers(Services(store, made, engine), MEETING, flow, self.events.put, SpeakerCount(3, 4))

    async def next(self, kind: type) -> Event:
        while not isinstance(event := await asyncio.to_thread(self.events.get, timeout=60), kind):
            pass
        return event


def run(folder: Path, body: Callable[[Bench], Awaitable[None]], backend: FakeBackend | None = None) -> None:
    async def bounded(store: Store) -> None:
        bench = Bench(store, backend)
        try:
            await asyncio.wait_for(body(bench), 60)
        finally:
            bench.workers.abandon_all()
            assert await bench.workers.wait(20)

    with Store(folder) as store:
        asyncio.run(bounded(store))


def test_frames_go_to_the_thread_of_their_source(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.workers.open(JOB)
        bench.workers.append(SOURCE, frame(0, tone(1.0)))
        bench.workers.finish(SOURCE, False)
        assert await bench.next(SourceFinished) == SourceFinished(SOURCE, 16000)
        assert bench.workers.sources == (SOURCE,)
        await bench.workers.remove_journals()
        assert not bench.store.files.journal_path(MEETING, SOURCE).exists()

    run(tmp_path, body)


def test_the_event_loop_does_not_wait_while_the_disk_removes_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, removing = Path.unlink, []

    def seen(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == journal.JOURNAL:
            removing.append(threading.current_thread())
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", seen)

    async def body(bench: Bench) -> None:
        for source in (SOURCE, OTHER):
            bench.workers.open(replace(JOB, source_id=source))
            await bench.next(SourceOpened)
        await bench.workers.remove_journals()
        assert len(removing) == 2
        assert threading.main_thread() not in removing

    run(tmp_path, body)


def test_what_waits_for_the_models_is_that_of_the_source_that_is_furthest_behind(tmp_path: Path) -> None:
    backend = FakeBackend()

    async def body(bench: Bench) -> None:
        assert bench.workers.backlog() == 0.0
        for source in (SOURCE, OTHER):
            bench.workers.open(replace(JOB, source_id=source))
            await bench.next(SourceOpened)
        for pipeline, seconds in zip(backend.pipelines, (2.5, 1.0), strict=True):
            pipeline.on_backlog(seconds)
        assert bench.workers.backlog() == 2.5

    run(tmp_path, body, backend)


def test_the_pipeline_of_each_source_knows_how_many_people_speak_in_the_meeting(tmp_path: Path) -> None:
    backend = FakeBackend()

    async def body(bench: Bench) -> None:
        for number, source in enumerate((SOURCE, OTHER), start=1):
            bench.workers.open(replace(JOB, source_id=source, number=number))
            await bench.next(SourceOpened)
        # Those of a further source may be fewer.
        assert [pipeline.speakers for pipeline in backend.pipelines] == [SpeakerCount(3, 4), SpeakerCount(1, 4)]

    run(tmp_path, body, backend)


class Stuck(FakePipeline):
    """Takes its time over what it is fed."""

    free = threading.Event()

    def feed(self, audio: Samples) -> None:
        """Wait until it may."""
        self.free.wait(20)


def test_a_thread_that_was_let_go_of_is_still_waited_for(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        Stuck.free.clear()
        bench.workers.open(JOB)
        await bench.next(SourceOpened)
        bench.workers.append(SOURCE, frame(0, tone(1.0)))
        while bench.store.files.journal_path(MEETING, SOURCE).stat().st_size < 32000:
            await asyncio.sleep(0.01)
        bench.workers.abandon(SOURCE)
        assert bench.workers.sources == ()
        assert not await bench.workers.wait(0.05)
        Stuck.free.set()
        assert await bench.workers.wait(20)

    run(tmp_path, body, FakeBackend(pipeline=Stuck))


def test_one_source_after_another_and_all_are_let_go_of_at_once(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.workers.open(JOB)
        await bench.next(SourceOpened)
        bench.workers.abandon(SOURCE)
        bench.workers.open(replace(JOB, source_id=OTHER))
        await bench.next(SourceOpened)
        bench.workers.append(OTHER, frame(0, tone(0.5)))
        assert bench.workers.sources == (OTHER,)
        bench.workers.abandon_all()
        assert await bench.workers.wait(20)
        assert not any(journal.in_use(path) for path in bench.store.files.of(MEETING) if path.suffix == journal.JOURNAL)

    run(tmp_path, body)
