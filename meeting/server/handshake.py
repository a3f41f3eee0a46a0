"""How a WebSocket's client shows its token: in a header, among the subprotocols, or in a first message."""

from __future__ import annotations

import asyncio

from starlette.status import WS_1006_ABNORMAL_CLOSURE
from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.core.access import FULL_ACCESS, Grant, Role
from meeting.core.errors import Forbidden, ProtocolError, Unauthorized
from meeting.core.messages import Auth, decode
from meeting.server.security.auth import TOKEN_NEEDED, Authenticator, client_address
from meeting.server.security.tokens import SUBPROTOCOL, token_from_header, token_from_subprotocols

FIRST_MESSAGE_SECONDS = 10.0
"""Seconds that a client without a token has for its first message"""


async def accept(socket: WebSocket) -> None:
    """Accept a connection; of the subprotocols only ours is answered, never the token."""
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


async def admit(socket: WebSocket, authenticator: Authenticator, meeting_id: str) -> Grant:
    """What the client may do in a meeting; raises AccessDenied, StoreError, and WebSocketDisconnect if it goes."""
    if not authenticator.required:
        return FULL_ACCESS
    token = token_from_header(socket.headers.get("authorization"))
    token = token or token_from_subprotocols(socket.scope["subprotocols"]) or await _token_from_message(socket)
    grant = await authenticator.authenticate(token, client_address(socket.scope))
    if not grant.allows(Role.VIEW, meeting_id):
        raise Forbidden("your link does not open this meeting")
    return grant


async def _token_from_message(socket: WebSocket) -> str:
    try:
        message = await asyncio.wait_for(socket.receive(), FIRST_MESSAGE_SECONDS)
    except asyncio.TimeoutError:
        raise Unauthorized(TOKEN_NEEDED) from None
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect(message.get("code", WS_1006_ABNORMAL_CLOSURE))
    try:
        first = decode(message.get("text") or "")
    except ProtocolError as error:
        raise Unauthorized(TOKEN_NEEDED) from error
    if not isinstance(first, Auth):
        raise Unauthorized(TOKEN_NEEDED)
    return first.token
