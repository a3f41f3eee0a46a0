"""`POST /v1/listen`: a recording in a request's body, its transcript in the answer."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timezone

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from meeting.compat.containers import container_of
from meeting.compat.deepgram.query import Query, parse_query
from meeting.compat.deepgram.shapes import Heading, error_body, recording, status_of
from meeting.compat.live_stream import open_stream, require_place
from meeting.compat.parameters import Parameters, refused
from meeting.compat.recording import transcribe
from meeting.compat.uploads import Uploads, pieces_of, put_aside
from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, JsonObject
from meeting.live.rooms import Rooms
from pipelines.errors import StoreError

INDEXED = "m4a"
"""The container whose index may stand at its end: all of it is taken before it is heard"""


async def transcribe_file(request: Request, rooms: Rooms, uploads: Uploads) -> Response:
    """Answer one request; the client has gone where it is empty."""
    request_id = str(uuid.uuid4())
    try:
        body = await _transcribed(request, rooms, uploads, request_id)
        return JSONResponse(body, headers={"dg-request-id": request_id})
    except ClientDisconnect:
        return Response(status_code=400)
    except (ProtocolError, StoreError) as error:
        body = error_body(error, client_message(error, rooms.store.data_dir), request_id)
        return JSONResponse(body, status_of(error), {"dg-request-id": request_id})


async def _transcribed(request: Request, rooms: Rooms, uploads: Uploads, request_id: str) -> JsonObject:
    query = parse_query(Parameters(request.query_params.multi_items()))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise refused("nothing is fetched from other addresses: send the audio itself as the request's body")
    digest = hashlib.sha256()
    pieces = _digested(request.stream(), digest.update)
    head = await _head(query, pieces)
    audio = query.raw or AudioInfo(_container(head, query), 0, 0)
    heading = Heading(request_id, datetime.now(timezone.utc), query.channels, {}, query.warnings)
    async with AsyncExitStack() as stack:
        whole = _continued(head, pieces)
        aside = audio.encoding == INDEXED
        if aside:
            require_place(rooms)  # before a large file is taken
            stack.enter_context(uploads.one())
            whole = pieces_of(await stack.enter_async_context(put_aside(whole)))
        stream = await stack.enter_async_context(open_stream(rooms, query.request(audio)))
        heading.models, heading.meeting_id = stream.models, stream.meeting_id if query.keep else None
        decoded = (query.decoded(piece) async for piece in whole)
        heard = await transcribe(request, stream, stream.send_all(decoded), body_taken=aside)
    spoken = [(line, heard.lines.number(line.speaker)) for line in heard.lines]
    digested = digest.hexdigest()
    return recording(heading, spoken, heard.duration, digested, query.punctuate, query.utterances, query.paragraphs)


async def _digested(pieces: AsyncIterator[bytes], update: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        update(piece)
        yield piece


async def _continued(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in rest:
        yield piece


async def _head(query: Query, pieces: AsyncIterator[bytes]) -> bytes:
    """The audio's beginning, as far as it is needed to tell what it is."""
    head = b""
    async for piece in pieces:
        head += piece
        if head and (query.encoding or container_of(head, query.container) is not None):
            return head
    return head


def _container(head: bytes, query: Query) -> str:
    found = container_of(head, query.container)
    if found is None:
        raise ProtocolError("the request's body holds no audio", ErrorCode.BAD_AUDIO)
    return found
