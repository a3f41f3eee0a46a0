"""One socket: parses what a client sends, hands it to its room, and sends what the room has for it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.core.access import Denied, Grant, Role
from meeting.core.error_text import for_clients
from meeting.core.messages import AudioFrame, Auth, Close, ErrorMessage, Start, Stop, decode, encode
from meeting.delivery.outbox import Closing, Outbox
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.server.auth import Doorman
from meeting.server.handshake import accept, admit
from meeting.session.events import Broke, Framed, Stopped
from meeting.transport.connections import Peer, peer_of
from pipelines.errors import NotFound, ProtocolError, StoreError

log = logging.getLogger(__name__)

TRY_AGAIN = 1013
"""Close code for a client that does not keep up: it may come back and get a snapshot"""

FULL = "the server has as many connections as it can take: try again later"

_numbers = itertools.count(1)


async def serve_socket(socket: WebSocket, rooms: Rooms, meeting_id: str, doorman: Doorman) -> None:
    """Serve one connection until either side ends it; nothing that a client does raises out of here."""
    number = next(_numbers)
    log.info("connection %d: opened", number)
    try:
        await accept(socket)
        await _serve(socket, rooms, meeting_id, doorman)
    except (WebSocketDisconnect, OSError):
        pass
    except Exception:
        log.exception("connection %d: internal error", number)
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
            await socket.close(Close.INTERNAL, "internal error")
    finally:
        log.info("connection %d: closed", number)


async def _serve(socket: WebSocket, rooms: Rooms, meeting_id: str, doorman: Doorman) -> None:
    try:
        grant = await admit(socket, doorman, meeting_id)
        room = await rooms.enter(meeting_id)
        peer = peer_of(socket.scope)
        # Without tokens all have the same role: then nobody can be told apart, and nobody has a place kept.
        if peer is not None and not peer.admit(reserved=doorman.asks and grant.role >= Role.SPEAK):
            await _refuse(socket, ErrorMessage("too_many", FULL, True), Close.TOO_MANY)
        elif room is not None:
            await _attend(socket, room, doorman, grant)
        else:
            async for text in rooms.archive.messages(meeting_id):
                await socket.send_text(text)
            await socket.close(Close.NORMAL, "ended")
    except Denied as error:
        await _refuse(socket, ErrorMessage(error.code, str(error), True), Close.UNAUTHORIZED)
    except NotFound:
        await _refuse(socket, ErrorMessage("not_found", "there is no such meeting", True), Close.NOT_FOUND)
    except StoreError as error:
        log.error("meeting %s: nobody can come in: %s", meeting_id, error)
        told = for_clients(error, rooms.store.data_dir)
        await _refuse(socket, ErrorMessage("storage", told, True), Close.INTERNAL)


async def _refuse(socket: WebSocket, message: ErrorMessage, code: int) -> None:
    await socket.send_text(encode(message))
    await socket.close(code, message.code)


async def _attend(socket: WebSocket, room: Room, doorman: Doorman, grant: Grant) -> None:
    outbox = Outbox(turn=room.turn)
    client = room.join(outbox, grant.role)
    with doorman.inside(grant, lambda: room.post(Broke(client, _denied("this link is no longer valid")))):
        await _converse(socket, room, client, outbox, grant)


async def _converse(socket: WebSocket, room: Room, client: int, outbox: Outbox, grant: Grant) -> None:
    reader = asyncio.create_task(_read(socket, room, client, grant))
    writer = asyncio.create_task(_write(socket, outbox))
    flood = asyncio.create_task(outbox.overflowed.wait())
    try:
        await asyncio.wait({reader, writer, flood}, return_when=asyncio.FIRST_COMPLETED)
        if outbox.overflowed.is_set() and not writer.done():
            log.info("meeting %s: a client does not keep up and is disconnected", room.id)
            await _cut(socket, writer)
    finally:
        room.leave(client)
        for task in (reader, writer, flood):
            task.cancel()
        results = await asyncio.gather(reader, writer, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _cut(socket: WebSocket, writer: asyncio.Task[None]) -> None:
    """Close the connection of a client that may not even read the close frame."""
    writer.cancel()
    await asyncio.wait({writer})
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(TRY_AGAIN, "does not keep up"), 1)


async def _write(socket: WebSocket, outbox: Outbox) -> None:
    while True:
        item = await outbox.get()
        if isinstance(item, Closing):
            await socket.close(item.code, item.reason)
            return
        await socket.send_text(item)


async def _read(socket: WebSocket, room: Room, client: int, grant: Grant) -> None:
    peer = peer_of(socket.scope)
    async for data in _frames(socket):
        await room.ready()
        try:
            await _take(room, client, data, grant, peer)
        except ProtocolError as error:
            room.post(Broke(client, error))


async def _frames(socket: WebSocket) -> AsyncIterator[str | bytes]:
    while (message := await socket.receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        yield text if text is not None else data or b""


async def _take(room: Room, client: int, data: str | bytes, grant: Grant, peer: Peer | None) -> None:
    if isinstance(data, bytes):
        if grant.role < Role.SPEAK:  # not even counted: the source must not wait because of it
            raise ProtocolError("audio comes after start")
        await room.frame(Framed(client, AudioFrame.decode(data)))
        return
    match decode(data):
        case Start() if grant.role < Role.SPEAK:
            raise _denied("your link allows to read along, not to speak")
        case Start() as start:
            if peer is not None:
                peer.speaks = True
            room.start(client, start)
        case Stop():
            room.post(Stopped(client))
        case Auth():
            """Whoever was let in without it may send it all the same."""


def _denied(message: str) -> ProtocolError:
    return ProtocolError(message, "unauthorized", Close.UNAUTHORIZED)
