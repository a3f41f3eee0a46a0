"""Meetings that were left unfinished, by a process that died or because of a full disk: somebody goes on with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from meeting.core.errors import Elsewhere, Moving
from meeting.core.records import State
from meeting.live.room import Room
from meeting.sources.engine_loader import Services
from meeting.storage.orphans import claim_journals
from meeting.storage.recovery_store import RecoveryStore
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""After which a meeting that could not be finished is tried again"""
LOOK_AGAIN_SECONDS = 1.0
"""After which is tried again to find what an earlier process left, where the disk refuses"""
POLL_SECONDS = 0.05
"""Between two looks at whether all meetings without suspects have been recovered"""


class UnfinishedMeetings:
    """Goes on with meetings at the start of a server, and tries again what did not succeed; lives on the event loop."""

    def __init__(
        self,
        services: Services,
        enter: Callable[[str], Awaitable[Room | None]],
        rooms: Callable[[], Collection[Room]],
        crashed: bool = False,
        delete_unkept: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`enter` makes a meeting's room, `rooms` gives those there are.

        `crashed`: the process before this one is known to have ended by a fault of its own. `delete_unkept` deletes
        what nobody is to go on with, before anybody could; it may raise StoreError.
        """
        self._services = services
        self._enter = enter
        self._rooms = rooms
        self._crashed = crashed
        self._delete_unkept = delete_unkept
        self._suspects = False
        """Whether there are journals over which an earlier process may have died"""
        self._found = False
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def recovered(self) -> bool:
        """Whether all that an earlier process left has been rebuilt."""
        return self._found and not any(room.session.recovering for room in self._rooms())

    async def recover(self) -> None:
        """Go on with every meeting that an earlier process left unfinished; returns while they are being rebuilt."""
        while (unfinished := await self._found_now()) is None:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        if unfinished:
            log.warning("%d meeting(s) were cut off by the end of an earlier run", len(unfinished))
        for meeting_id in unfinished:
            await self._go_on(meeting_id)
        self._found = True
        if self._suspects:
            self._start(self._release_suspects())

    def retry(self, meeting_id: str) -> None:
        """Try to finish a meeting a little later: what stood in its way, such as a full disk, may be gone then."""
        self._start(self._retry(meeting_id))

    def stop(self) -> None:
        """Go on with nothing any more: the server stops, and the next one does."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    async def _found_now(self) -> list[str] | None:
        try:
            if self._delete_unkept is not None:
                await self._delete_unkept()
            return await asyncio.to_thread(self._find)
        except StoreError as error:
            log.error("what an earlier run left cannot be read: %s", error)
            return None

    def _find(self) -> list[str]:
        # First of all, before anything can open a journal: who died over which must be known by then.
        files = self._services.store.files
        self._suspects = self._services.recovery_queue.find_deaths(files.folder, self._crashed)
        self._crashed = False  # counted once, even if this has to be done again
        claim_journals(self._services.store)
        return RecoveryStore(self._services.store).unfinished()

    async def go_on(self, meeting_id: str) -> None:
        """Go on with one that another server has left, unless it is over."""
        await self._go_on(meeting_id)

    async def _go_on(self, meeting_id: str) -> None:
        try:
            if not self._stopped and await self._enter(meeting_id) is None and await self._runs_elsewhere(meeting_id):
                # Should the other process die, there is nobody else to go on with it.
                self.retry(meeting_id)
        except (Elsewhere, Moving):  # another server goes on with it, or will
            log.info("meeting %s: is another server's", meeting_id)
        except NotFound:  # deleted meanwhile
            log.info("meeting %s: is gone", meeting_id)
        except StoreError as error:
            log.error("meeting %s: cannot be gone on with yet: %s", meeting_id, error)
            self.retry(meeting_id)

    async def _runs_elsewhere(self, meeting_id: str) -> bool:
        meeting = await asyncio.to_thread(self._services.store.meeting, meeting_id)
        return meeting.state in (State.LIVE, State.ENDING)

    async def _retry(self, meeting_id: str) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        await self._go_on(meeting_id)

    async def _release_suspects(self) -> None:
        while self._others_recovering():
            await asyncio.sleep(POLL_SECONDS)
        self._services.recovery_queue.release_suspects()

    def _others_recovering(self) -> bool:
        """Whether a meeting is being recovered that is not known to wait for the release of suspects."""
        suspect, path = self._services.recovery_queue.is_suspect, self._services.store.files.journal_path
        rooms = [room for room in self._rooms() if room.session.recovering]
        # A room without sources has only just been made: which they are is not known yet.
        return not all(
            room.sources and all(suspect(path(room.id, source)) for source in room.sources) for room in rooms
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
