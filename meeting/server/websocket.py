"""One WebSocket: parses what a client sends, hands it to its room, and sends what the room has for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket

from meeting.core.access import Grant, Role
from meeting.core.error_text import client_message
from meeting.core.errors import AccessDenied, CloseCode, Elsewhere, ErrorCode, Moving, ProtocolError, answer_to
from meeting.core.messages import (
    AliveMessage,
    AudioFrame,
    Auth,
    ErrorMessage,
    MovedMessage,
    Start,
    Stop,
    decode,
    encode,
)
from meeting.delivery.outbox import Closing, Outbox
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.server.security.auth import NO_LONGER_VALID, Authenticator
from meeting.server.security.handshake import accept, admit, served
from meeting.session.events import ClientRejected, FrameReceived, StopReceived
from meeting.sources.log_context import logged_meeting
from meeting.transport.connections import Connection, connection_of
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

ALIVE_SECONDS = 15.0
"""Between two messages to a client, which can tell from their absence that its connection is dead"""
NO_ROOM = "the server has as many connections as it can take: try again later"


async def serve_socket(socket: WebSocket, rooms: Rooms, meeting_id: str, authenticator: Authenticator) -> None:
    """Serve one connection until either side ends it; nothing that a client does raises out of here."""
    async with served(socket):
        await accept(socket)
        await _serve(socket, rooms, meeting_id, authenticator)


async def _serve(socket: WebSocket, rooms: Rooms, meeting_id: str, authenticator: Authenticator) -> None:
    try:
        grant = await admit(socket, authenticator, meeting_id)
        room = await rooms.enter(meeting_id)
        if rooms.ownership.clustered:  # until the meeting was this server's another one may have revoked the link
            await authenticator.check_again(grant)
        logged_meeting.set(meeting_id)
        connection = connection_of(socket.scope)
        # Without tokens all have the same role: then nobody can be told apart, and nobody has a place kept.
        reserved = authenticator.required and grant.role >= Role.SPEAK
        if connection is not None and not connection.admit(reserved):
            await _reject(socket, ErrorCode.TOO_MANY, NO_ROOM, CloseCode.TOO_MANY)
        elif room is not None:
            await _join(socket, room, authenticator, grant)
        else:
            async for text in rooms.archive.messages(meeting_id):
                await socket.send_text(text)
            await socket.close(CloseCode.NORMAL, "ended")
    except (Elsewhere, Moving) as error:
        await _send_away(socket, error)
    except (AccessDenied, StoreError) as error:
        answer = answer_to(error)
        told = str(error)
        if isinstance(error, NotFound):
            told = "there is no such meeting"
        elif isinstance(error, StoreError):
            log.error("meeting %s: nobody can come in: %s", meeting_id, error)
            told = client_message(error, rooms.store.data_dir)
        await _reject(socket, answer.code, told, answer.close)


async def _send_away(socket: WebSocket, error: Elsewhere | Moving) -> None:
    address, wait = (error.address, 0.0) if isinstance(error, Elsewhere) else (None, error.wait)
    await socket.send_text(encode(MovedMessage(address, wait)))
    await socket.close(CloseCode.TRY_AGAIN_LATER, answer_to(error).code)


async def _reject(socket: WebSocket, code: ErrorCode, message: str, close: CloseCode) -> None:
    await socket.send_text(encode(ErrorMessage(code, message, True)))
    await socket.close(close, code)


async def _join(socket: WebSocket, room: Room, authenticator: Authenticator, grant: Grant) -> None:
    outbox = Outbox(turn=room.turn)
    client = room.join(outbox, grant.role)
    revoked = _unauthorized(NO_LONGER_VALID)
    with authenticator.while_valid(grant, lambda: room.post(ClientRejected(client, revoked))):
        await _exchange(socket, room, client, outbox, grant)


async def _exchange(socket: WebSocket, room: Room, client: int, outbox: Outbox, grant: Grant) -> None:
    reader = asyncio.create_task(_receive_all(socket, room, client, grant))
    writer = asyncio.create_task(_send_all(socket, outbox, room))
    overflow = asyncio.create_task(outbox.overflowed.wait())
    pulse = asyncio.create_task(_keep_alive(outbox))
    try:
        await asyncio.wait({reader, writer, overflow}, return_when=asyncio.FIRST_COMPLETED)
        if outbox.overflowed.is_set() and not writer.done():
            log.info("meeting %s: a client does not keep up and is disconnected", room.id)
            await _disconnect(socket, writer)
    finally:
        room.leave(client)
        for task in (reader, writer, overflow, pulse):
            task.cancel()
        results = await asyncio.gather(reader, writer, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _disconnect(socket: WebSocket, writer: asyncio.Task[None]) -> None:
    """Close the connection of a client that may not even read the close frame."""
    writer.cancel()
    await asyncio.wait({writer})
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(CloseCode.TRY_AGAIN_LATER, "does not keep up"), 1)


async def _send_all(socket: WebSocket, outbox: Outbox, room: Room) -> None:
    while True:
        item = await outbox.get()
        if not room.held():  # a process that was stopped finds here what it had to say before
            item = Closing(CloseCode.TRY_AGAIN_LATER, "another server goes on")
        if isinstance(item, Closing):
            await socket.close(item.code, item.reason)
            return
        await socket.send_text(item)


async def _keep_alive(outbox: Outbox) -> None:
    message = AliveMessage(ALIVE_SECONDS)
    text = encode(message)
    while True:
        await asyncio.sleep(ALIVE_SECONDS)
        if not len(outbox):  # what is on its way tells as much
            outbox.put(message, text)


async def _receive_all(socket: WebSocket, room: Room, client: int, grant: Grant) -> None:
    connection = connection_of(socket.scope)
    async for data in _messages(socket):
        await room.ready()
        try:
            await _handle(room, client, data, grant, connection)
        except ProtocolError as error:
            room.post(ClientRejected(client, error))


async def _messages(socket: WebSocket) -> AsyncIterator[str | bytes]:
    while (message := await socket.receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        yield text if text is not None else data or b""


async def _handle(room: Room, client: int, data: str | bytes, grant: Grant, connection: Connection | None) -> None:
    if isinstance(data, bytes):
        if grant.role < Role.SPEAK:  # not even counted: the source must not wait because of it
            raise ProtocolError("audio comes after start")
        await room.frame(FrameReceived(client, AudioFrame.decode(data)))
        return
    match decode(data):
        case Start() if grant.role < Role.SPEAK:
            raise _unauthorized("your link allows to read along, not to speak")
        case Start() as start:
            if connection is not None:
                connection.sends_audio = True
            room.start_source(client, start)
        case Stop():
            room.post(StopReceived(client))
        case Auth():
            """Whoever was let in without it may send it all the same."""


def _unauthorized(message: str) -> ProtocolError:
    return ProtocolError(message, ErrorCode.UNAUTHORIZED, CloseCode.UNAUTHORIZED)
