"""Recordings that lie on this machine's disk while they are heard: in a file without a name, which nothing outlives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import BinaryIO, cast

from starlette.datastructures import UploadFile

from meeting.compat.mp4 import parts_of
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from pipelines.errors import StoreError

PIECE_BYTES = 1 << 18
"""Bytes of a file that are read at once"""
MEMORY_BYTES = 1 << 20
"""Bytes up to which a recording stays in memory"""
MOST_UPLOADS = 16
"""Files that may lie on disk at once: each may be as large as `limits.recording`"""


class Uploads:
    """Counts the files of a server that are on their way; on the event loop."""

    def __init__(self, most: int = MOST_UPLOADS) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more within the block; raises ProtocolError where there are enough."""
        if self._now >= self._most:
            raise ProtocolError(
                f"{self._most} recordings are on their way already: try again later",
                ErrorCode.TOO_MANY,
                CloseCode.TOO_MANY,
            )
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


@contextmanager
def putting_aside() -> Iterator[None]:
    """Around what writes a file: raises StoreError where the disk refuses it."""
    try:
        yield
    except OSError as error:
        # What it says of a folder that is not there are the places where one was looked for.
        why = "there is none" if isinstance(error, FileNotFoundError) else error.strerror or "it fails"
        raise StoreError(
            f"the recording cannot be put aside in the server's folder for temporary files (TMPDIR): {why}"
        ) from error


@asynccontextmanager
async def put_aside(pieces: AsyncIterator[bytes]) -> AsyncIterator[UploadFile]:
    """A recording as it comes, as a file within the block; raises StoreError where the disk refuses it."""
    with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as file:
        upload = UploadFile(cast(BinaryIO, file))
        async for piece in pieces:
            with putting_aside():
                await upload.write(piece)
        yield upload


async def pieces_of(file: UploadFile) -> AsyncIterator[bytes]:
    """A file piece by piece, in an order in which it can be read as it comes."""
    for part in await asyncio.to_thread(parts_of, file.file):
        if isinstance(part, bytes):
            yield part
            continue
        await file.seek(part.start)
        for start in range(part.start, part.stop, PIECE_BYTES):
            yield await file.read(min(PIECE_BYTES, part.stop - start))
