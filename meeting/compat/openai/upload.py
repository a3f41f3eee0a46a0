"""The form of a request: its fields, and its file on disk, as long as it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from meeting.compat.mp4 import parts_of
from meeting.compat.parameters import Parameters, refused
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from pipelines.errors import StoreError

PIECE_BYTES = 1 << 18
"""Bytes of a file that are read at once"""
MOST_FIELDS = 500
FIELD_BYTES = 1 << 20
MOST_UPLOADS = 16
"""Files that may lie on disk at once: each may be as large as `limits.recording`"""


class Uploads:
    """Counts the files of a server that are on their way; on the event loop."""

    def __init__(self, most: int = MOST_UPLOADS) -> None:
        self._most = most
        self._now = 0

    def enter(self) -> None:
        """One more; raises ProtocolError where there are enough."""
        if self._now >= self._most:
            raise ProtocolError(
                f"{self._most} recordings are on their way already: try again later",
                ErrorCode.TOO_MANY,
                CloseCode.TOO_MANY,
            )
        self._now += 1

    def leave(self) -> None:
        """One less."""
        self._now -= 1


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that has been read."""

    fields: Parameters
    file: UploadFile

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file, in an order in which it can be read as it comes."""
        for part in await asyncio.to_thread(parts_of, self.file.file):
            if isinstance(part, bytes):
                yield part
                continue
            await self.file.seek(part.start)
            for start in range(part.start, part.stop, PIECE_BYTES):
                yield await self.file.read(min(PIECE_BYTES, part.stop - start))


@asynccontextmanager
async def uploaded(request: Request, uploads: Uploads) -> AsyncIterator[Upload]:
    """A request's form, whose file is deleted behind the block; raises ProtocolError, StoreError, ClientDisconnect."""
    uploads.enter()
    try:
        form = await _form(request)
        try:
            files = [value for name, value in form.multi_items() if name == "file" and isinstance(value, UploadFile)]
            fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            if not files:
                raise refused("file is missing: send the recording as a file in a form (multipart/form-data)")
            yield Upload(Parameters(fields), files[0])
        finally:
            for _, value in form.multi_items():
                if isinstance(value, UploadFile):
                    value.file.close()  # without waiting: whoever is here may have been cancelled
    finally:
        uploads.leave()


async def _form(request: Request) -> FormData:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise refused("file is missing: send the recording as a file in a form (multipart/form-data)")
    try:
        return await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=FIELD_BYTES)
    except HTTPException as error:
        raise refused(f"the form cannot be read: {error.detail}") from error
    except OSError as error:
        raise StoreError(f"the recording cannot be put aside: {error.strerror}") from error


async def passed_over(request: Request) -> None:
    """Take the body and throw it away: a client that is still sending does not read the answer."""
    async for _ in request.stream():
        pass
