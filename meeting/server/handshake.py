"""How a socket's client shows its token: in a header, among the subprotocols, or in a first message."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.core.access import EVERYTHING, SUBPROTOCOL, Denied, Grant, Role, from_header, from_subprotocols
from meeting.core.messages import Auth, decode
from meeting.server.auth import NEEDED, Doorman, client_address
from pipelines.errors import ProtocolError

PATIENCE = 10.0
"""Seconds that a client without a token has for its first message"""


async def accept(socket: WebSocket) -> None:
    """Take a connection; of the subprotocols only ours is answered, never the token."""
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


async def admit(socket: WebSocket, doorman: Doorman, meeting_id: str) -> Grant:
    """What the client may do in a meeting; raises Denied, StoreError, and WebSocketDisconnect if it goes."""
    if not doorman.asks:
        return EVERYTHING
    token = from_header(socket.headers.get("authorization")) or from_subprotocols(socket.scope["subprotocols"])
    grant = await doorman.identify(token or await _told(socket), client_address(socket.scope))
    if not grant.allows(Role.VIEW, meeting_id):
        raise Denied("your link does not open this meeting", 403)
    return grant


async def _told(socket: WebSocket) -> str:
    try:
        message = await asyncio.wait_for(socket.receive(), PATIENCE)
    except asyncio.TimeoutError:
        raise Denied(NEEDED) from None
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect(message.get("code", 1006))
    try:
        first = decode(message.get("text") or "")
    except ProtocolError as error:
        raise Denied(NEEDED) from error
    if not isinstance(first, Auth):
        raise Denied(NEEDED)
    return first.token
