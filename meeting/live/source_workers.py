"""The threads of a meeting's sources: those that it works with, and those that are still about to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from meeting.core.messages import AudioFrame
from meeting.session.events import Event, OpenSource
from meeting.sources.engine_loader import Services
from meeting.sources.flow_control import FlowControl
from meeting.sources.source_worker import SourceWorker
from pipelines.types import SpeakerCount


class SourceWorkers:
    """The workers of one room by the ids of their sources; lives on the event loop."""

    def __init__(
        self,
        services: Services,
        meeting_id: str,
        flow: FlowControl,
        post_from_thread: Callable[[Event], None],
        speakers: SpeakerCount | None = None,
    ) -> None:
        """`speakers` is how many people speak in the meeting, where somebody has said so."""
        self._services = services
        self._meeting_id = meeting_id
        self._speakers = speakers
        self._flow = flow
        self._post_from_thread = post_from_thread
        self._workers: dict[str, SourceWorker] = {}
        self._running: list[SourceWorker] = []
        """All whose thread may still run, those that were let go of included"""

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the sources that have one."""
        return tuple(self._workers)

    def backlog(self) -> float:
        """Seconds of audio that wait for the models, of the source that is furthest behind."""
        return max((worker.backlog for worker in self._workers.values()), default=0.0)

    def waiting(self) -> float:
        """Seconds of audio that wait for the models, of all sources together."""
        return sum(worker.backlog for worker in self._workers.values())

    def open(self, job: OpenSource) -> None:
        """Start a thread for a source."""
        flow = self._flow.open_source()
        speakers = self._speakers
        if speakers is not None and job.number > 1:  # as many as are said to speak need not all be heard in each
            speakers = SpeakerCount(1, speakers.most)
        worker = SourceWorker(self._services, self._meeting_id, job, flow, self._post_from_thread, speakers)
        worker.start()
        self._workers[job.source_id] = worker
        self._running = [*(one for one in self._running if not one.wait(0)), worker]

    def expect(self, source_id: str, hotwords: tuple[str, ...]) -> None:
        """Have a source's next utterances recognised with these terms."""
        self._workers[source_id].expect(hotwords)

    def mute(self, source_id: str, muted: bool) -> None:
        """Have silence stand for what a source sends from here on, or no longer."""
        self._workers[source_id].mute(muted)

    def append(self, source_id: str, frame: AudioFrame) -> None:
        """Hand a frame to a source's thread."""
        self._workers[source_id].append(frame)

    def finish(self, source_id: str, shutdown_fast: bool) -> None:
        """Have a source finished."""
        self._workers[source_id].finish(shutdown_fast)

    def abandon(self, source_id: str) -> None:
        """Let go of a source."""
        self._workers.pop(source_id).abandon()

    def abandon_all(self) -> None:
        """Let go of all sources."""
        for worker in self._workers.values():
            worker.abandon()
        self._workers.clear()

    async def remove_journals(self) -> None:
        """Delete the frames as received: all is stored in better form."""
        # In a thread: what is large takes a while to go, and a disk may hang.
        await asyncio.gather(*(asyncio.to_thread(worker.remove_journal) for worker in self._workers.values()))

    async def wait(self, seconds: float) -> bool:
        """Wait until no thread runs any more; whether that is so."""
        until = time.monotonic() + seconds
        running = list(self._running)
        return all([await asyncio.to_thread(one.wait, max(0.0, until - time.monotonic())) for one in running])
