"""The form of a request: its fields, and its file on disk, as long as it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from meeting.compat.parameters import Parameters, refused
from meeting.compat.uploads import Uploads, putting_aside

MOST_FIELDS = 500
FIELD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that has been read."""

    fields: Parameters
    file: UploadFile


@asynccontextmanager
async def uploaded(request: Request, uploads: Uploads) -> AsyncIterator[Upload]:
    """A request's form, whose file is deleted behind the block; raises ProtocolError, StoreError, ClientDisconnect."""
    with uploads.one():
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


async def _form(request: Request) -> FormData:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise refused("file is missing: send the recording as a file in a form (multipart/form-data)")
    try:
        with putting_aside():
            return await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=FIELD_BYTES)
    except HTTPException as error:
        raise refused(f"the form cannot be read: {error.detail}") from error


async def passed_over(request: Request) -> None:
    """Take the body and throw it away: a client that is still sending does not read the answer."""
    async for _ in request.stream():
        pass
