"""Stores what a meeting wants kept, in order; what the disk refuses waits, bounded, and is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from meeting.core.errors import OwnershipLost
from meeting.session.events import Effect
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

MAX_WAITING = 20_000
"""Effects that may wait for the disk; beyond it the meeting must be rebuilt from its audio"""
RETRY_SECONDS = 1.0
"""Seconds between two tries"""
SLOW_SECONDS = 5.0
"""After how long a write that is neither done nor refused is told of, and what comes behind it waits"""
SLOW = "what is heard is not saved yet: the database does not answer"
PERMANENT = (ValueError, OverflowError, TypeError)
"""What a value that does not fit raises, however often it is tried"""


class SaveQueue:
    """One meeting's way to the store; lives on the event loop.

    `write` starts one write; `on_failing` is told that something could not be stored, `on_working` that all is.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Effect], Future[None]],
        on_failing: Callable[[str], None],
        on_working: Callable[[], None],
    ) -> None:
        self._name = name
        self._write = write
        self._on_failing = on_failing
        self._on_working = on_working
        self._waiting: deque[Effect] = deque()
        self._retrying: asyncio.Task[None] | None = None
        self.overflowed = False
        """True once more had to wait than may: the meeting must be rebuilt from its audio"""
        self.gave_up = False
        """True once something could not be stored at all"""

    @property
    def idle(self) -> bool:
        """Whether nothing waits for the disk."""
        return self._retrying is None and not self._waiting

    async def save(self, effect: Effect) -> None:
        """Store an effect, or put it behind those that wait."""
        if self._waiting:
            self._wait(effect)
            return
        write = asyncio.wrap_future(self._write(effect))
        try:
            done, _ = await asyncio.wait([write], timeout=SLOW_SECONDS)
        except asyncio.CancelledError:
            write.cancel()
            raise
        if not done:
            log.error("meeting %s: %s", self._name, SLOW)
            self._begin_to_wait(effect, SLOW, write)
        elif isinstance(error := await self._outcome(write), OwnershipLost):
            self._abandon()
        elif error is not None:
            log.error("meeting %s: not saved: %s", self._name, error)
            self._begin_to_wait(effect, f"what is heard cannot be saved, and is tried again: {error}")

    async def settle(self) -> bool:
        """Wait until everything is stored, except what cannot be; false when too much had to wait."""
        while self._retrying is not None:
            await asyncio.shield(self._retrying)
        return not self.overflowed

    def close(self) -> None:
        """Stop trying."""
        if self._retrying is not None:
            self._retrying.cancel()

    def _abandon(self) -> None:
        """Another server has the meeting, and makes it again of its audio."""
        log.warning("meeting %s: another server has it", self._name)
        self.overflowed = True
        self._waiting.clear()

    def _begin_to_wait(self, effect: Effect, why: str, write: asyncio.Future[None] | None = None) -> None:
        self._wait(effect)
        self._on_failing(why)
        self._retrying = asyncio.create_task(self._retry(write))

    def _wait(self, effect: Effect) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.overflowed = True
        else:
            self._waiting.append(effect)

    async def _retry(self, under_way: asyncio.Future[None] | None) -> None:
        """Store what waits; `under_way` is the try of the first that is neither done nor refused yet."""
        try:
            while self._waiting:
                write, under_way = under_way or asyncio.wrap_future(self._write(self._waiting[0])), None
                error = await self._outcome(write)
                if error is None:
                    self._waiting.popleft()
                elif isinstance(error, OwnershipLost):
                    self._abandon()
                    return
                else:
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._retrying = None
        self._on_working()

    async def _outcome(self, write: asyncio.Future[None]) -> StoreError | None:
        """The error of a write that another try may mend; what no try can mend is given up."""
        try:
            await write
        except NotFound:
            log.error("meeting %s: is no longer in the store", self._name)
            self.gave_up = True
        except StoreError as error:
            cause = getattr(error.__cause__, "orig", None) or error.__cause__
            if not isinstance(cause, PERMANENT):
                return error
            log.error("meeting %s: something cannot be stored at all: %s", self._name, type(cause).__name__)
            self.gave_up = True
        return None
