"""The socket `/v1/listen`: refused before it is opened, or served to its end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from typing import Protocol

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.compat.client_audio import flush_seconds
from meeting.compat.containers import container_of
from meeting.compat.deepgram.query import Query, parse_query
from meeting.compat.deepgram.shapes import Heading, error_body, status_of
from meeting.compat.deepgram.translator import IDLE_SECONDS, Translator
from meeting.compat.exchange import Action, exchange, take_place, tell
from meeting.compat.exchange import Translator as ExchangeTranslator
from meeting.compat.live_stream import LiveStream, open_stream
from meeting.compat.parameters import Parameters
from meeting.core.error_text import client_message
from meeting.core.errors import AccessDenied, ProtocolError
from meeting.core.messages import AudioInfo
from meeting.live.rooms import Rooms
from meeting.server.security.auth import Authenticator
from meeting.server.security.handshake import require_server, served, shown_token
from pipelines.errors import StoreError

PROTOCOLS = ("token", "bearer")
"""Subprotocols behind which a browser's socket brings its token as another one"""


class ListenTranslator(ExchangeTranslator, Protocol):
    """One version of the protocol."""

    @property
    def closing(self) -> bool:
        """Whether the client has no more audio."""

    def greeting(self) -> list[Action]:
        """What a client is told first."""

    def opened(self, backlog: Callable[[], float]) -> None:
        """The meeting has been made; `backlog` says how many seconds of its audio wait for the models."""

    def nothing(self) -> list[Action]:
        """The end of a stream that had no audio."""


Making = Callable[[Query, Heading, float, float], ListenTranslator]
"""Makes the translator of a request; then come the time, and how many seconds of silence end an utterance"""


async def serve_listen(
    socket: WebSocket, rooms: Rooms, authenticator: Authenticator, flush: float, making: Making = Translator
) -> None:
    """Serve one client until either side ends it; nothing that it does raises out of here.

    `flush` is how many seconds of silence end an utterance.
    """
    async with served(socket), AsyncExitStack() as stack:
        request_id = str(uuid.uuid4())
        stream: LiveStream | None = None
        try:
            if authenticator.required:
                await require_server(authenticator, _token_of(socket), socket)
            query = parse_query(Parameters(socket.query_params.multi_items()))
            take_place(socket, authenticator)
            if query.encoding:
                stream = await stack.enter_async_context(open_stream(rooms, query.request(query.audio)))
        except (AccessDenied, ProtocolError, StoreError) as error:
            await _refuse(socket, error, rooms, request_id)
            return
        offered = socket.scope["subprotocols"]
        spoken = next((name for name in PROTOCOLS if name in offered), None)
        named = ",".join(str(warning["parameter"]) for warning in query.warnings)
        headers = [(b"dg-request-id", request_id.encode()), (b"dg-warnings", _header(named).encode())]
        await socket.accept(subprotocol=spoken, headers=headers)
        heading = Heading(request_id, datetime.now(timezone.utc), query.channels, {}, query.warnings)
        # as long as the pause that is asked for, so that it is one
        translator = making(query, heading, time.monotonic(), max(flush, flush_seconds(query.pause or 0.0)))
        await _serve(socket, rooms, stack, query, heading, stream, translator)


async def _serve(
    socket: WebSocket,
    rooms: Rooms,
    stack: AsyncExitStack,
    query: Query,
    heading: Heading,
    stream: LiveStream | None,
    translator: ListenTranslator,
) -> None:
    await tell(socket, translator.greeting())
    try:
        head = b"" if stream is not None else await _head(socket, translator, query)
        if stream is None:
            container = container_of(head, query.container)
            if container is None:  # it ended before it said anything
                await tell(socket, translator.nothing())
                return
            request = query.request(AudioInfo(container, 0, 0))
            stream = await stack.enter_async_context(open_stream(rooms, request))
    except (ProtocolError, StoreError) as error:
        told = error if isinstance(error, ProtocolError) else ProtocolError(client_message(error, rooms.store.data_dir))
        await tell(socket, translator.failed(told, time.monotonic()))
        return
    heading.models, heading.meeting_id = stream.models, stream.meeting_id if query.keep else None
    translator.opened(lambda: stream.backlog)
    await exchange(socket, stream, translator, translator.from_client(head, time.monotonic()) if head else [])


async def _head(socket: WebSocket, translator: ListenTranslator, query: Query) -> bytes:
    """Audio up to where it says what it is, or as much as there is where the client has no more."""
    head = b""
    while container_of(head, query.container) is None:
        try:
            message = await asyncio.wait_for(socket.receive(), IDLE_SECONDS)
        except asyncio.TimeoutError:
            raise ProtocolError(f"no audio has come for {IDLE_SECONDS:g} seconds") from None
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect(message.get("code", 1006))
        text, data = message.get("text"), message.get("bytes")
        if text is None:
            if not data:
                return head
            head += data
            continue
        await tell(socket, translator.from_client(text, time.monotonic()))
        if translator.closing:
            return head
    return head


def _token_of(socket: WebSocket) -> str | None:
    offered = socket.scope["subprotocols"]
    if len(offered) == 2 and offered[0].lower() in PROTOCOLS:
        return str(offered[1])
    return shown_token(socket)


async def _refuse(
    socket: WebSocket, error: AccessDenied | ProtocolError | StoreError, rooms: Rooms, request_id: str
) -> None:
    """Answer with HTTP before the connection becomes a socket."""
    message = client_message(error, rooms.store.data_dir)
    headers = {"dg-request-id": request_id, "dg-error": _header(message)}
    await socket.send_denial_response(JSONResponse(error_body(error, message, request_id), status_of(error), headers))


def _header(text: str) -> str:
    """A text as a header can hold it."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:500]
