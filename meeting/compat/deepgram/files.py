"""`POST /v1/listen`: a recording in a request's body, its transcript in the answer."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timezone

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from meeting.compat.deepgram.query import Query, container_of, parse_query
from meeting.compat.deepgram.shapes import Heading, error_body, recording, status_of
from meeting.compat.deepgram.translator import SERIOUS
from meeting.compat.lines import Lines
from meeting.compat.live_stream import LiveStream, open_stream
from meeting.compat.parameters import Parameters, refused
from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, AudioInfo, ErrorMessage, JsonObject
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
        lines, duration = await _heard(request, stream, _Feeder(stream, query, digest, head, pieces))
    spoken = [(line, lines.number(line.speaker)) for line in lines]
    return recording(heading, spoken, duration, digest.hexdigest(), query.punctuate, query.utterances, query.paragraphs)


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


class _Feeder:
    """Gives a meeting what comes of a request's body."""

    def __init__(
        self, stream: LiveStream, query: Query, digest: hashlib._Hash, head: bytes, pieces: AsyncIterator[bytes]
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


async def _heard(request: Request, stream: LiveStream, feeder: _Feeder) -> tuple[Lines, float]:
    """The lines of a recording, and its length in seconds; raises ProtocolError, and ClientDisconnect if it goes."""
    collecting = asyncio.create_task(_collect(stream))
    feeding = asyncio.create_task(feeder.run())
    gone: asyncio.Future[Message] | None = None
    try:
        await asyncio.wait({collecting, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            feeding.result()
            gone = asyncio.ensure_future(request.receive())
            await asyncio.wait({collecting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            raise ClientDisconnect
        return collecting.result()
    finally:
        tasks = [task for task in (collecting, feeding, gone) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _collect(stream: LiveStream) -> tuple[Lines, float]:
    lines, duration = Lines(), 0.0
    trouble: ErrorMessage | None = None
    async for message in stream.messages():
        if isinstance(message, ErrorMessage) and message.fatal:
            raise ProtocolError(message.message, message.code, stream.close_code)
        if isinstance(message, ErrorMessage) and message.code in SERIOUS:
            trouble = message
        if isinstance(message, Ack):
            duration = message.audio
        lines.apply(message)
    if trouble is not None and not any(lines):  # what is wrong at the end of a recording does not take back the rest
        raise ProtocolError(trouble.message, trouble.code)
    return lines, duration
