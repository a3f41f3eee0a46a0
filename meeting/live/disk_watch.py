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

    @property
    def needed_bytes(self) -> int:
        """Bytes that must be free for a further meeting."""
        return self._needed * 1_000_000

    def free_now(self) -> float:
        """Bytes that are free; not a number where that cannot be told."""
        try:
            return float(self.free(self._data_dir))
        except OSError:
            return math.nan

    def full_reason(self) -> str | None:
        """Why the disk takes no further meeting: it has no room, or does not say whether; None where it has room."""
        free = self.free_now()
        if math.isnan(free):
            return "the server cannot tell how much room its disk has: try again later"
        return self._lack(free)

    async def run(self) -> None:
        """Tell live meetings when the disk is almost full, and when it no longer is; runs until it is cancelled."""
        was_full = False
        while True:
            try:
                reason = self._lack(self.free(self._data_dir))
            except OSError as error:  # the folder may be back at the next look
                log.error("the room on the disk cannot be told: %s", error.strerror)
            else:
                # Told again at every look: a meeting may have gone live since the last one.
                if reason is not None:
                    self._tell(StorageFailing("space", reason))
                elif was_full:
                    self._tell(StorageWorking("space"))
                was_full = reason is not None
            await asyncio.sleep(CHECK_SECONDS)

    def _lack(self, free: float) -> str | None:
        megabytes = int(free) // 1_000_000
        if megabytes >= self._needed:
            return None
        return f"the server's disk is almost full: {megabytes} MB are free, a meeting needs {self._needed} MB"
