"""The socket `/v1/realtime`: refused before it is opened, or served to its end."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack, aclosing

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from meeting.compat.exchange import Action, Feed, exchange, received, take_place, tell
from meeting.compat.live_stream import open_stream, require_place
from meeting.compat.openai.realtime.settings import first_settings
from meeting.compat.openai.realtime.translator import IDLE_SECONDS, Translator
from meeting.compat.openai.shapes import error_body, status_of
from meeting.compat.parameters import Parameters
from meeting.core.error_text import client_message
from meeting.core.errors import AccessDenied, ErrorCode, ProtocolError
from meeting.live.rooms import Rooms
from meeting.server.security.auth import Authenticator
from meeting.server.security.handshake import require_server, served, shown_token
from pipelines.errors import StoreError

PROTOCOL = "realtime"
"""The subprotocol that is answered to whoever offers it"""
TOKEN_PREFIX = "openai-insecure-api-key."
"""Start of the further subprotocol by which a browser's socket brings its token"""
OLDER_PROTOCOL, OLDER_HEADER = "openai-beta.realtime-v1", "realtime=v1"
"""By which a client says that it speaks the form before today's"""


async def serve_realtime(socket: WebSocket, rooms: Rooms, authenticator: Authenticator, flush: float) -> None:
    """Serve one client until either side ends it; nothing that it does raises out of here.

    `flush` is how many seconds of silence end an utterance.
    """
    async with served(socket), AsyncExitStack() as stack:
        offered: list[str] = socket.scope["subprotocols"]
        older = OLDER_PROTOCOL in offered or socket.headers.get("openai-beta") == OLDER_HEADER
        try:
            if authenticator.required:
                await require_server(authenticator, _token_of(socket, offered), socket)
            settings, warnings = first_settings(Parameters(socket.query_params.multi_items()), older)
            require_place(rooms)
            take_place(socket, authenticator)
        except (AccessDenied, ProtocolError, StoreError) as error:
            body = error_body(error, client_message(error, rooms.store.data_dir))
            await socket.send_denial_response(JSONResponse(body, status_of(error)))
            return
        await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        translator = Translator(settings, warnings, secrets.token_hex(8), time.monotonic(), flush)
        await tell(socket, translator.greeting())
        first = await _until_audio(socket, translator)
        try:
            stream = await stack.enter_async_context(open_stream(rooms, translator.request)) if first else None
        except (ProtocolError, StoreError) as error:
            message = client_message(error, rooms.store.data_dir)
            code = error.code if isinstance(error, ProtocolError) else ErrorCode.STORAGE
            await tell(socket, translator.failed(ProtocolError(message, code), time.monotonic()))
            return
        if stream is not None:
            told = translator.opened(stream.meeting_id, lambda: stream.backlog)
            await exchange(socket, stream, translator, [*told, *first])


async def _until_audio(socket: WebSocket, translator: Translator) -> list[Action]:
    """Serve a client that has sent no audio yet; what its first audio asks for, nothing where it goes before."""
    async with aclosing(received(socket)) as messages:
        while True:
            try:
                data = await asyncio.wait_for(anext(messages), IDLE_SECONDS)
            except StopAsyncIteration:
                return []
            except asyncio.TimeoutError:
                await tell(socket, translator.tick(time.monotonic()))
                return []
            actions = translator.from_client(data, time.monotonic())
            if any(isinstance(action, Feed) for action in actions):
                return actions
            await tell(socket, actions)


def _token_of(socket: WebSocket, offered: list[str]) -> str | None:
    shown = (name.removeprefix(TOKEN_PREFIX) for name in offered if name.startswith(TOKEN_PREFIX))
    return next(shown, None) or shown_token(socket)
