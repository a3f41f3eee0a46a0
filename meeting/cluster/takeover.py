"""Looks for meetings whose server is gone, and has them gone on with here where no client has chosen another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence

from meeting.cluster.rules import Unclaimed
from meeting.cluster.steady_clock import steady_seconds
from meeting.core.continuity.ownership import Left
from meeting.core.errors import Elsewhere, Moving
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

LOOK_SHARE = 0.1
"""Of a lease, between two looks"""


class Takeover:
    """Goes on with what other servers have left; lives on the event loop."""

    def __init__(
        self,
        length: float,
        left: Callable[[], Awaitable[Sequence[Left]]],
        unkept: Callable[[], Collection[str]],
        go_on: Callable[[str], Awaitable[None]],
        delete: Callable[[str], Awaitable[object]],
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        """`length` of a lease in seconds; `left` tells what is without a server, and `unkept`, in a thread, what goes.

        `go_on` takes a meeting over, `delete` deletes one that is not kept.
        """
        self._length = length
        self._left = left
        self._unkept = unkept
        self._go_on = go_on
        self._delete = delete
        self._clock = clock
        self._unclaimed = Unclaimed(length)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except (StoreError, Moving) as error:
                log.error("what other servers have left cannot be read: %s", error)
            await asyncio.sleep(self._length * LOOK_SHARE)

    async def look(self) -> None:
        """Take over what has waited for long enough; raises StoreError."""
        found = [one.subject for one in await self._left()]
        ripe = self._unclaimed.ripe(found, self._clock())
        if not ripe:
            return
        unkept = await asyncio.to_thread(self._unkept)
        random.shuffle(ripe)  # servers that look at the same time begin with others
        for meeting_id in ripe:
            try:
                await (self._delete if meeting_id in unkept else self._go_on)(meeting_id)
            except (Elsewhere, Moving, NotFound):  # another server was faster
                continue
