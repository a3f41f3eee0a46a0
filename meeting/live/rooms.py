"""All running meetings of a server: who comes in, who may go live, which may be deleted, and the end of them all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

from meeting.cluster.ownership import Claim, Ownership, SingleServer, holding
from meeting.config.settings import Limits
from meeting.core.editing.changes import Change, written_line
from meeting.core.editing.edits import prepare
from meeting.core.errors import CloseCode, Conflict, ErrorCode, Moving
from meeting.core.messages import ServerMessage
from meeting.core.records import Meeting, Restored, State
from meeting.delivery.archive import Archive
from meeting.live.disk_watch import DiskWatch
from meeting.live.recovery import restore
from meeting.live.room import THREAD_SECONDS, Room
from meeting.live.unfinished import UnfinishedMeetings
from meeting.live.unkept import UnkeptMeetings
from meeting.session.events import CloseRequested, HotwordsChanged, StorageFailing, StorageWorking, TitleChanged
from meeting.session.session import MOST_SOURCES
from meeting.sources.engine_loader import Services
from meeting.storage.edit_store import EditStore
from meeting.storage.files import journal
from meeting.storage.store import Store
from pipelines.errors import StoreError
from pipelines.types import seconds

log = logging.getLogger(__name__)

DEFAULT_CAPACITY = 16
"""Live meetings at once while it is not known how many this machine carries"""
RECORDED_BACKLOG = 20.0
"""Seconds of a recording, of all of its sources, that may wait for the models: what is said of its progress is true"""
UNLIMITED_RATE = 1 << 60
"""Bytes per second of a recording that are taken at most: as fast as they come"""
COME_BACK_SECONDS = 1.0
"""After which a client may find the server that goes on with a meeting, where this one stops"""
RELEASE_SECONDS = 2.0
"""That the threads of sources have at most to close their files once their meetings are over"""


class Rooms:
    """All meetings that are not over, by id."""

    def __init__(
        self,
        services: Services,
        limits: Limits,
        resumable: bool = True,
        crashed: bool = False,
        ownership: Ownership | None = None,
    ) -> None:
        """`resumable`: sources may come back to a later process; `crashed`: the one before died by its own fault.

        `ownership` says which meetings are this server's; without it all are.
        """
        self.services = services
        self.ownership: Ownership = ownership or SingleServer(services.store)
        self.limits = limits
        """What is taken on"""
        self._resumable = resumable
        self._rooms: dict[str, Room] = {}
        self.disk = DiskWatch(services.store.data_dir, limits.disk_free, self._tell_live)
        """The disk of the data folder"""
        self.unkept = UnkeptMeetings(services.store, self.reserved_for_deletion)
        """Meetings that go once they are over"""
        self.unfinished = UnfinishedMeetings(services, self.enter, self._rooms.values, crashed, self.unkept.delete_left)
        """Meetings that somebody must go on with"""
        # One thread: however many edits come at once, they take no more than its share of the processor.
        self._edit_executor = ThreadPoolExecutor(1, thread_name_prefix="edits")
        self._deletions: dict[str, asyncio.Event] = {}
        """Meetings that are being deleted; set once that is over"""
        self._stale: set[str] = set()
        """Meetings that were deleted, or should have been, after somebody who is coming in may have read them"""
        self._entering: dict[str, asyncio.Task[Room | None]] = {}
        self.archive = Archive(services.store)
        """Meetings that are over"""
        self.stopping = False
        self.on_opened: Callable[[Room], None] = lambda room: None  # is told each room that is made
        self.on_deleted: Callable[[str], None] = lambda meeting_id: None  # is told each that somebody deleted
        self._samples_of_past = 0
        self.finished = 0
        """Meetings finished since the server started"""

    @property
    def audio_seconds(self) -> float:
        """Seconds of audio received since the server started."""
        return seconds(self._samples_of_past + sum(room.session.samples for room in self._rooms.values()))

    @property
    def store(self) -> Store:
        """Where meetings are kept."""
        return self.services.store

    @property
    def live(self) -> int:
        """Meetings with a source, but for those that are made of a recording: they wait for the others."""
        return sum(room.session.busy and not room.recorded for room in self._rooms.values())

    @property
    def open(self) -> list[Room]:
        """Every room that there is now."""
        return list(self._rooms.values())

    def refusal(self, recorded: bool = False, live: bool = False) -> str | None:
        """Why no source may begin in a meeting that is `live`, or made of a recording, which takes no place."""
        if self.stopping:
            return "the server is stopping"
        full = None if recorded else _full(self, live)
        return self.disk.full_reason() if full is None else f"the server has {full}; try again when one has ended"

    def get(self, meeting_id: str) -> Room | None:
        """The room of a meeting, if it has one now."""
        return self._rooms.get(meeting_id)

    def busy(self, meeting_id: str) -> bool:
        """Whether a meeting has a source now."""
        room = self._rooms.get(meeting_id)
        return room is not None and room.session.busy

    async def enter(self, meeting_id: str) -> Room | None:
        """The room of a meeting, made where there is none; None for one that is over.

        Raises NotFound, and Elsewhere or Moving where it is another server's.
        """
        await self._deletion_over(meeting_id)
        while (room := self._rooms.get(meeting_id)) is None:
            # All who come at once wait for the same look at what there is of it.
            entering = self._entering.get(meeting_id)
            if entering is None:
                entering = self._entering[meeting_id] = asyncio.create_task(self._enter(meeting_id))
                entering.add_done_callback(lambda _: self._entered(meeting_id))
            if await asyncio.shield(entering) is None:
                return None
        return room

    def _entered(self, meeting_id: str) -> None:
        del self._entering[meeting_id]
        self._stale.discard(meeting_id)

    async def _enter(self, meeting_id: str) -> Room | None:
        await self._deletion_over(meeting_id)
        self._stale.discard(meeting_id)
        meeting = await asyncio.to_thread(self.store.meeting, meeting_id)
        if meeting.state == State.ENDED:
            return self._rooms.get(meeting_id)
        if self.stopping and meeting.state != State.OPEN and meeting_id not in self._rooms:
            raise Moving(COME_BACK_SECONDS)  # a server that stops leaves what is unfinished to the next one
        async with holding(self.ownership, meeting_id) as claim:
            if self.ownership.clustered:  # another server may have changed it before it was this one's
                meeting = await asyncio.to_thread(self.store.meeting, meeting_id)
            return await self._enter_own(meeting, claim)

    async def _enter_own(self, meeting: Meeting, claim: Claim) -> Room | None:
        meeting_id, restored = meeting.id, None
        if meeting.state != State.OPEN and meeting_id not in self._rooms:
            restored = await asyncio.to_thread(self._restore, meeting_id, claim.store)
            if restored is None and meeting_id not in self._rooms:
                return None
            if restored is not None:
                self.services.measurements.recoveries.add()
        if meeting_id in self._deletions or meeting_id in self._stale:
            # What was read may have been deleted meanwhile.
            return await self._enter(meeting_id)
        # A meeting that was made meanwhile is there already.
        return self._rooms.get(meeting_id) or self._open_room(meeting, claim, restored)

    def _restore(self, meeting_id: str, store: Store) -> Restored | None:
        given_up = self.services.recovery_queue.given_up
        return restore(store, meeting_id, self.limits.resume_window, datetime.now(timezone.utc), given_up)

    def _tell_live(self, event: StorageFailing | StorageWorking) -> None:
        for room in self._rooms.values():
            if room.session.busy:
                room.post(event)

    def rename(self, meeting_id: str, title: str) -> None:
        """Tell a meeting that is not over its new title."""
        room = self._rooms.get(meeting_id)
        if room is not None:
            room.post(TitleChanged(title))

    async def expect(self, meeting_id: str, hotwords: tuple[str, ...]) -> None:
        """Tell a meeting that is not over which terms are likely to be said from now on."""
        entering = self._entering.get(meeting_id)
        if entering is not None:  # it may have read what was stored before
            await asyncio.wait([entering])
        room = self._rooms.get(meeting_id)
        if room is not None:
            room.post(HotwordsChanged(hotwords))

    async def edit(self, meeting_id: str, change: Change, id_: str | None = None) -> tuple[ServerMessage, ...]:
        """Let a person change something, live or over, as `EditStore.change`; what is now. Raises MeetingError."""
        loop = asyncio.get_running_loop()
        while (room := self._rooms.get(meeting_id)) is not None:
            shown = room.session.transcript.segment(written_line(change) or "")
            ready = await loop.run_in_executor(self._edit_executor, prepare, change, shown)
            if (told := await room.edit(ready, id_)) is not None:
                return told
            await asyncio.wait([room.task])
        async with holding(self.ownership, meeting_id) as claim:
            edit_store = EditStore(claim.store)
            ready = await loop.run_in_executor(self._edit_executor, edit_store.prepare, meeting_id, change)
            return await asyncio.to_thread(edit_store.change, meeting_id, ready, id_)

    async def end(self, meeting_id: str) -> State:
        """End a meeting with all that was received, whether or not its source is there; the state that it is in then.

        Raises NotFound, StoreError, and Conflict where it has not begun or runs in another process.
        """
        await self._deletion_over(meeting_id)
        return await _end(self, meeting_id)

    @asynccontextmanager
    async def reserved_for_deletion(self, meeting_id: str) -> AsyncIterator[bool]:
        """Nobody is in a meeting, comes in, or writes a file of it meanwhile, so that it can be deleted.

        False, and nothing done, while it is live. Raises StoreError when what it is doing does not come to an end, and
        Elsewhere or Moving where it is another server's.
        """
        await self._deletion_over(meeting_id)
        self._deletions[meeting_id] = over = asyncio.Event()
        cut_off = False
        try:
            async with holding(self.ownership, meeting_id):
                room = self._rooms.get(meeting_id)
                if room is None:
                    live = await asyncio.to_thread(_runs_elsewhere, self.store, meeting_id)
                else:
                    live = room.session.busy and not room.session.ending
                if not live and room is not None:
                    cut_off = room.session.state in (State.LIVE, State.ENDING)
                    if not await room.discard():
                        raise StoreError("the meeting is still being finished: try again in a minute")
                yield not live
        except StoreError:
            if cut_off:  # it is still there, and nobody finishes it
                self.unfinished.retry(meeting_id)
            raise
        finally:
            if meeting_id in self._entering:
                self._stale.add(meeting_id)
            del self._deletions[meeting_id]
            over.set()

    async def _deletion_over(self, meeting_id: str) -> None:
        while (deletion := self._deletions.get(meeting_id)) is not None:
            await deletion.wait()

    async def finish_all(self, timeout: float | None = None) -> None:
        """Finish and store every live meeting, or leave it to another server; let the others go. Returns once all are.

        What takes longer than `timeout` seconds is left to the recovery of the next process.
        """
        self.stopping = True
        if timeout is not None:
            self.store.shorten_waits()
        self.unfinished.stop()
        rooms = list(self._rooms.values())
        # What no later process could go on with is finished here also where there are other servers.
        handed_on = self.ownership.clustered and self._resumable
        for room in rooms:
            _close(room, handed_on)
        if rooms:
            await _finish(rooms, timeout)
        await self.unkept.settle(RELEASE_SECONDS)
        await self.ownership.settle(RELEASE_SECONDS)

    def _open_room(self, meeting: Meeting, claim: Claim, restored: Restored | None = None) -> Room:
        claim.users += 1
        services = replace(self.services, store=claim.store, held=claim.held)
        limits, refusal = self.limits, partial(self.refusal, meeting.recorded)
        if meeting.recorded:
            services, limits = _for_recording(services, limits, meeting.kept)
        closed = partial(self._closed, claim)
        room = Room(meeting, services, limits, refusal, closed, restored, resumable=self._resumable)
        self._rooms[meeting.id] = room
        room.start()
        self.on_opened(room)
        return room

    def _closed(self, claim: Claim, room: Room) -> None:
        self.ownership.give_back_after(claim, partial(room.released, THREAD_SECONDS))
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]
            self._samples_of_past += room.session.samples
            self.finished += room.session.state is State.ENDED and not room.unfinished
            if not room.kept:
                self.unkept.delete_soon(room.id, room)
            elif room.unfinished and not self.stopping:
                self.unfinished.retry(room.id)


def _for_recording(services: Services, limits: Limits, kept: bool) -> tuple[Services, Limits]:
    """What a meeting works with that waits for live ones, and takes its sound as fast as it can.

    In one that is not `kept` another one is played again, with as many sources as that had.
    """
    most = limits.sources if kept else MOST_SOURCES
    fast = replace(limits, source_bytes=UNLIMITED_RATE, sources=most)
    return replace(services, live=False, backlog=RECORDED_BACKLOG), fast


def _full(rooms: Rooms, live: bool) -> str | None:
    """What a server has so much of that it takes no more, for a meeting that is `live` or not."""
    if (most := rooms.limits.meetings) is not None:
        return f"as many live meetings as it takes ({most})" if rooms.live >= most and not live else None
    # Each source takes up the machine as much as a meeting of its own.
    heard = [len(room.session.sources.current) for room in rooms.open if not room.recorded]
    capacity = rooms.services.engine.capacity or DEFAULT_CAPACITY
    return f"as many live meetings as it can keep up with ({capacity})" if sum(heard) >= capacity else None


async def _end(rooms: Rooms, meeting_id: str) -> State:
    meeting = await asyncio.to_thread(rooms.store.meeting, meeting_id)
    # Nobody is in a room that is made for an open meeting, so that it would stay.
    room = rooms.get(meeting_id) if meeting.state == State.OPEN else await rooms.enter(meeting_id)
    if room is not None and (room.session.busy or room.session.state is not State.OPEN):
        if await room.end():
            return room.session.state
        await asyncio.wait([room.task])
    meeting = await asyncio.to_thread(rooms.store.meeting, meeting_id)
    if meeting.state == State.OPEN:
        raise Conflict("the meeting has not begun: there is nothing to end", ErrorCode.NOT_LIVE)
    if meeting.state != State.ENDED:
        raise Conflict("the meeting cannot be ended here now: try again in half a minute, or end it where it runs")
    return meeting.state


def _runs_elsewhere(store: Store, meeting_id: str) -> bool:
    return any(journal.in_use(path) for path in store.files.of(meeting_id) if path.suffix == journal.JOURNAL)


def _close(room: Room, handed_on: bool) -> None:
    if handed_on and room.kept and room.session.busy and not room.session.ending:
        room.task.cancel()  # another server goes on with it at once
    else:
        room.post(CloseRequested(CloseCode.GOING_AWAY, "the server stops"))


async def _finish(rooms: list[Room], timeout: float | None) -> None:
    _, late = await asyncio.wait([room.task for room in rooms], timeout=timeout)
    if late:
        log.warning("%d meeting(s) are finished by the next start", len(late))
        for task in late:
            task.cancel()
        await asyncio.wait(late)
    # Their journals are locked until then, and would look to the next process as if they ran here.
    await asyncio.gather(*(room.released(RELEASE_SECONDS) for room in rooms))
