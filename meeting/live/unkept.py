"""Meetings that are not kept: they go with all that belongs to them once they are over, or else at the next start.

Whoever made one need do nothing for it. Its room has it deleted when it closes, whatever closed it; what a process
that died left of such meetings the next one deletes before it looks for anything else to go on with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

from meeting.core.errors import Elsewhere, Moving
from meeting.live.room import THREAD_SECONDS, Room
from meeting.storage.store import Store
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

TRIES, RETRY_SECONDS = 10, 30.0
"""How often a meeting is tried to be deleted while the server runs, and the time between two tries"""


class UnkeptMeetings:
    """Deletes meetings that are not kept; lives on the event loop."""

    def __init__(self, store: Store, reserved: Callable[[str], AbstractAsyncContextManager[Store | None]]) -> None:
        """`reserved` keeps everybody out of a meeting meanwhile, as `Rooms.reserved_for_deletion` does."""
        self._store = store
        self._reserved = reserved
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, asyncio.Event] = {}
        """Meetings that stay for a moment; set once they need not"""

    def delete_soon(self, meeting_id: str, room: Room | None) -> asyncio.Task[None]:
        """Delete a meeting, whose room ends at once where it has one; what stands in the way is tried again."""
        if meeting_id not in self._tasks:
            task = self._tasks[meeting_id] = asyncio.create_task(self._delete(meeting_id, room))
            task.add_done_callback(lambda _: self._tasks.pop(meeting_id))
        return self._tasks[meeting_id]

    @contextmanager
    def hold(self, meeting_id: str) -> Iterator[None]:
        """A meeting is not deleted within the block, so that it can be read once it is over."""
        self._held[meeting_id] = released = asyncio.Event()
        try:
            yield
        finally:
            del self._held[meeting_id]
            released.set()

    async def delete_left(self) -> None:
        """Delete those that an earlier process left, before anybody goes on with one; raises StoreError.

        One that the disk or the database refuses to delete is tried again later, as those are whose room closes.
        """
        for meeting_id in await asyncio.to_thread(self._store.unkept):
            if meeting_id not in self._tasks and await self._try(meeting_id) is None:
                self.delete_soon(meeting_id, None)

    async def settle(self, timeout: float) -> None:
        """Wait until those that are over have gone, for so many seconds; the next start deletes the others."""
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)

    async def _delete(self, meeting_id: str, room: Room | None) -> None:
        if meeting_id in self._held:
            await self._held[meeting_id].wait()
        if room is not None:
            await room.end()  # one that is live is not deleted
            if room.task.done():  # its threads may hold files for a moment
                await room.released(THREAD_SECONDS)
        for _ in range(TRIES):
            if await self._try(meeting_id):
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, meeting_id: str) -> bool | None:
        """Whether it is gone; None where the disk or the database refuses."""
        try:
            async with self._reserved(meeting_id) as store:
                if store is not None:
                    await asyncio.wrap_future(store.delete_meeting(meeting_id, deliver=True))
            return store is not None
        except NotFound:
            return True
        except (Elsewhere, Moving):
            return False
        except StoreError as error:
            log.error("meeting %s: is not to be kept and cannot be deleted: %s", meeting_id, error)
            return None
