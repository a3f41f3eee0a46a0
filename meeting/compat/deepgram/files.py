"""`POST /v1/listen`: a recording in a request's body, its transcript in the answer."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from meeting.compat.containers import container_of
from meeting.compat.deepgram.query import Query, parse_query
from meeting.compat.deepgram.shapes import Heading, error_body, recording, status_of
from meeting.compat.live_stream import LiveStream, open_stream
from meeting.compat.parameters import Parameters, refused
from meeting.compat.recording import transcribe
from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, JsonObject
from meeting.live.rooms import Rooms
from pipelines.errors import StoreError


async def transcribe_file(request: Request, rooms: Rooms) -> Response:
    """Answer one request; the client has gone where it is empty."""
    request_id = str(uuid.uuid4())
    try:
        return JSONResponse(await _transcribed(request, rooms, request_id), headers={"dg-request-id": request_id})
    except ClientDisconnect:
        return Response(status_code=400)
    except (ProtocolError, StoreError) as error:
        body = error_body(error, client_message(error, rooms.store.data_dir), request_id)
        return JSONResponse(body, status_of(error), {"dg-request-id": request_id})


async def _transcribed(request: Request, rooms: Rooms, request_id: str) -> JsonObject:
    query = parse_query(Parameters(request.query_params.multi_items()))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise refused("nothing is fetched from other addresses: send the audio itself as the request's body")
    pieces = request.stream()
    head = await _head(query, pieces)
    audio = query.audio if query.encoding else AudioInfo(_container(head, query), 0, 0)
    heading = Heading(request_id, datetime.now(timezone.utc), query.channels, {}, query.warnings)
    digest = hashlib.sha256(head)
    async with open_stream(rooms, query.request(audio)) as stream:
        heading.models, heading.meeting_id = stream.models, stream.meeting_id if query.keep else None
        heard = await transcribe(request, stream, _Feeder(stream, query, digest, head, pieces).run())
    spoken = [(line, heard.lines.number(line.speaker)) for line in heard.lines]
    digested = digest.hexdigest()
    return recording(heading, spoken, heard.duration, digested, query.punctuate, query.utterances, query.paragraphs)


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


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class _Feeder:
    """Gives a meeting what comes of a request's body."""

    def __init__(
        self, stream: LiveStream, query: Query, digest: _Digest, head: bytes, pieces: AsyncIterator[bytes]
    ) -> None:
        self._stream = stream
        self._query = query
        self._digest = digest
        self._head = head
        self._pieces = pieces

    async def run(self) -> None:
        """All of it, as fast as it is taken."""
        await self._stream.send(self._query.decoded(self._head))
        async for piece in self._pieces:
            self._digest.update(piece)
            await self._stream.send(self._query.decoded(piece))
        self._stream.stop()
