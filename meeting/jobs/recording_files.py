"""Files of recordings while they come and wait: what has arrived stays, so that its sender need not send it again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from meeting.core.errors import Conflict, ErrorCode
from meeting.storage.files.private_files import make_folder, store_errors, sync_folder

FOLDER = "uploads"
"""Name of their folder, below the data folder"""


@dataclass(slots=True)
class _Writing:
    """Who writes a file: the newest request only, since an older one may hang on a connection that is lost."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    number: int = 0


class RecordingFiles:
    """The files by the ids of their jobs; lives on the event loop, and writes in threads."""

    def __init__(self, data_dir: Path, fsync: bool = False) -> None:
        """`fsync`: what was acknowledged survives a power cut as well."""
        self._folder = data_dir / FOLDER
        self._fsync = fsync
        self._writing: dict[str, _Writing] = {}

    def path(self, job_id: str) -> Path:
        """Where a job's recording lies."""
        return self._folder / job_id

    def create(self, job_id: str) -> None:
        """Make an empty file, for its owner only; raises StoreError."""
        with store_errors(self.path(job_id)):
            make_folder(self._folder)
            os.close(os.open(self.path(job_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            if self._fsync:
                sync_folder(self._folder)

    def received(self, job_id: str) -> int:
        """Bytes that have arrived; raises StoreError where the file is gone."""
        with store_errors(self.path(job_id)):
            return self.path(job_id).stat().st_size

    def size(self, job_id: str) -> int | None:
        """Bytes that have arrived; None where the file is gone. Raises StoreError."""
        with store_errors(self.path(job_id)):
            return self.path(job_id).stat().st_size if self.path(job_id).is_file() else None

    def touched(self, job_id: str) -> datetime:
        """When bytes last arrived, UTC; now where that cannot be told."""
        with suppress(OSError):
            return datetime.fromtimestamp(self.path(job_id).stat().st_mtime, timezone.utc)
        return datetime.now(timezone.utc)

    async def append(self, job_id: str, offset: int, size: int, pieces: AsyncIterator[bytes]) -> int:
        """Add what comes behind the first `offset` bytes of `size`; how many there are then.

        Raises Conflict where another number has arrived, or more comes than was said, and StoreError. What has been
        written before an error stays, also where the sender goes in the middle.
        """
        writing = self._writing.setdefault(job_id, _Writing())
        async with writing.lock:
            there = await asyncio.to_thread(self.received, job_id)
            if offset != there:
                raise Conflict(f"{there} bytes of this recording have arrived: go on there", ErrorCode.OUTDATED)
            writing.number += 1
            mine = writing.number
        async for piece in pieces:
            if there + len(piece) > size:
                raise Conflict(f"this recording was said to have {size} bytes, and more have come", ErrorCode.TOO_LARGE)
            async with writing.lock:
                if writing.number != mine:
                    raise Conflict("this recording is being sent by another connection", ErrorCode.BUSY)
                await asyncio.shield(asyncio.to_thread(self._write, job_id, piece))
            there += len(piece)
        if self._fsync:
            await asyncio.to_thread(self._sync, job_id)
        return there

    def remove(self, job_id: str) -> None:
        """Delete a file, where there is one; raises StoreError."""
        self._writing.pop(job_id, None)
        with store_errors(self.path(job_id)):
            self.path(job_id).unlink(missing_ok=True)

    def remove_strays(self, known: Collection[str]) -> None:
        """Delete the files of jobs that are not known; raises StoreError."""
        with store_errors(self._folder):
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.name not in known:
                    path.unlink()

    def _sync(self, job_id: str) -> None:
        with store_errors(self.path(job_id)), open(self.path(job_id), "r+b") as file:
            os.fsync(file.fileno())

    def _write(self, job_id: str, piece: bytes) -> None:
        # Without O_CREAT: one that was cancelled meanwhile does not come back.
        opened = partial(os.open, mode=0o600)
        with store_errors(self.path(job_id)), open(self.path(job_id), "r+b", opener=opened) as file:
            file.seek(0, os.SEEK_END)
            file.write(piece)
