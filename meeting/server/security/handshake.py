"""How a WebSocket is taken: accepted, its client let in by a token, and whatever happens to it handled.

The token comes in a header, among the subprotocols, or in a first message.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable

from starlette.status import WS_1006_ABNORMAL_CLOSURE
from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.core.access import FULL_ACCESS, Grant, Role
from meeting.core.errors import CloseCode, Forbidden, ProtocolError, Unauthorized
from meeting.core.messages import Auth, decode
from meeting.server.security.auth import TOKEN_NEEDED, Authenticator, client_address
from meeting.server.security.tokens import SUBPROTOCOL, token_from_header, token_from_subprotocols

log = logging.getLogger(__name__)

FIRST_MESSAGE_SECONDS = 10.0
"""Seconds that a client without a token has for its first message"""

_connection_numbers = itertools.count(1)


@contextlib.asynccontextmanager
async def served(socket: WebSocket) -> AsyncIterator[None]:
    """Around the whole of one connection: nothing that a client does raises out of here."""
    number = next(_connection_numbers)
    log.info("connection %d: opened", number)
    try:
        yield
    except (WebSocketDisconnect, OSError):
        pass
    except Exception:
        log.exception("connection %d: internal error", number)
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
            await socket.close(CloseCode.INTERNAL, "internal error")
    finally:
        log.info("connection %d: closed", number)


async def accept(socket: WebSocket) -> None:
    """Accept a connection; of the subprotocols only ours is answered, never the token."""
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


async def admit(socket: WebSocket, authenticator: Authenticator, meeting_id: str) -> Grant:
    """What the client may do in a meeting; raises AccessDenied, StoreError, and WebSocketDisconnect if it goes."""
    if not authenticator.required:
        return FULL_ACCESS
    token = shown_token(socket) or await _token_from_message(socket, _token_of)
    grant = await authenticator.authenticate(token, client_address(socket.scope))
    if not grant.allows(Role.VIEW, meeting_id):
        raise Forbidden("your link does not open this meeting")
    return grant


async def admit_to_server(socket: WebSocket, authenticator: Authenticator) -> None:
    """Let in who has the server's token, which may also be the whole of a first message; raises as `admit` does."""
    if authenticator.required:
        token = shown_token(socket) or await _token_from_message(socket, lambda text: _token_of(text, bare=True))
        await require_server(authenticator, token, socket)


async def require_server(authenticator: Authenticator, token: str | None, socket: WebSocket) -> None:
    """Let nobody pass but who has the server's token; raises AccessDenied, and StoreError where it cannot be told."""
    grant = await authenticator.authenticate(token, client_address(socket.scope))
    if not grant.allows(Role.SERVER, None):
        raise Forbidden("your link opens one meeting: this takes the server's token")


def shown_token(socket: WebSocket) -> str | None:
    """The token in a connection's header, or among its subprotocols."""
    return token_from_header(socket.headers.get("authorization")) or token_from_subprotocols(
        socket.scope["subprotocols"]
    )


async def _token_from_message(socket: WebSocket, token_of: Callable[[str], str | None]) -> str:
    try:
        message = await asyncio.wait_for(socket.receive(), FIRST_MESSAGE_SECONDS)
    except asyncio.TimeoutError:
        raise Unauthorized(TOKEN_NEEDED) from None
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect(message.get("code", WS_1006_ABNORMAL_CLOSURE))
    token = token_of(message.get("text") or "")
    if not token:
        raise Unauthorized(TOKEN_NEEDED)
    return token


LONGEST_TOKEN = 500
"""Characters of a first message that may be a token by itself"""


def _token_of(text: str, bare: bool = False) -> str | None:
    """The token that a first message brings; with `bare` it may be nothing else."""
    try:
        first = decode(text)
    except ProtocolError:
        token = text.strip()
        return token if bare and len(token) <= LONGEST_TOKEN and not token.startswith(("{", "data:")) else None
    return first.token if isinstance(first, Auth) else None
