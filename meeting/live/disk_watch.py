"""How much room the disk has: without enough no further meeting goes live, and those that are live are told."""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path

from meeting.session.events import StorageFailing, StorageWorking

log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
"""Between two looks at the disk"""


def free_bytes(folder: Path) -> int:
    """Bytes that are free on the disk of a folder; raises OSError."""
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Looks at the disk that holds the data folder."""

    def __init__(
        self,
        data_dir: Path,
        needed: int,
        tell: Callable[[StorageFailing | StorageWorking], None],
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """`needed` megabytes must be free for a meeting; `tell` is called with what live ones are to be told."""
        self._data_dir = data_dir
        self._needed = needed
        self._tell = tell
        self.free = free
        self._known: float | None = None
        """What the last look has found, as `free_now` tells it; None while nobody watches"""

    @property
    def needed_bytes(self) -> int:
        """Bytes that must be free for a further meeting."""
        return self._needed * 1_000_000

    def free_now(self) -> float:
        """Bytes that are free; not a number where that cannot be told. Waits for the disk."""
        try:
            return float(self.free(self._data_dir))
        except OSError:
            return math.nan

    def last_free(self) -> float:
        """The same as of the last look, at once; only while nobody watches the disk it is asked."""
        return self.free_now() if self._known is None else self._known

    def full_reason(self) -> str | None:
        """Why the disk takes no further meeting: it has no room, or does not say whether; None where it has room.

        As of the last look.
        """
        free = self.last_free()
        if math.isnan(free):
            return "the server cannot tell how much room its disk has: try again later"
        return self._lack(free)

    async def run(self) -> None:
        """Tell live meetings when the disk is almost full, and when it no longer is; runs until it is cancelled."""
        was_full = False
        # Waited for, as the store was that has just been opened: whoever comes first finds that it has been looked at.
        self._known = self.free_now()
        try:
            while True:
                was_full = await self._look(was_full)
                await asyncio.sleep(CHECK_SECONDS)
        finally:
            self._known = None

    async def _look(self, was_full: bool) -> bool:
        """Whether the disk is almost full, or was where it does not say; live meetings are told."""
        try:
            # In a thread: a network file system may not answer for minutes, and nobody else waits for it.
            self._known = float(await asyncio.to_thread(self.free, self._data_dir))
        except OSError as error:  # the folder may be back at the next look
            self._known = math.nan
            log.error("the room on the disk cannot be told: %s", error.strerror)
            return was_full
        reason = self._lack(self._known)
        # Told again at every look: a meeting may have gone live since the last one.
        if reason is not None:
            self._tell(StorageFailing("space", reason))
        elif was_full:
            self._tell(StorageWorking("space"))
        return reason is not None

    def _lack(self, free: float) -> str | None:
        megabytes = int(free) // 1_000_000
        if megabytes >= self._needed:
            return None
        return f"the server's disk is almost full: {megabytes} MB are free, a meeting needs {self._needed} MB"
