"""The sockets `/transcribe` and `/transcription`, for pages that record with RecordRTC."""

from __future__ import annotations

import time

from starlette.websockets import WebSocket

from meeting.compat.captions import Captions, piece_of
from meeting.compat.exchange import Feed, exchange, received, take_place
from meeting.compat.live_stream import StreamRequest, open_stream
from meeting.compat.parameters import Parameters
from meeting.compat.wav import WavPiece
from meeting.core.error_text import client_message
from meeting.core.errors import AccessDenied, ProtocolError, answer_to
from meeting.live.rooms import Rooms
from meeting.server.security.auth import Authenticator
from meeting.server.security.handshake import LONGEST_TOKEN, accept, admit_to_server, served
from pipelines.errors import StoreError


async def serve_recording_page(socket: WebSocket, rooms: Rooms, authenticator: Authenticator) -> None:
    """Serve one page until either side ends it; nothing that it does raises out of here."""
    async with served(socket):
        await accept(socket)
        try:
            await _serve(socket, rooms, authenticator)
        except (AccessDenied, ProtocolError, StoreError) as error:
            answer = answer_to(error)
            await socket.send_text(client_message(error, rooms.store.data_dir))
            await socket.close(answer.close, answer.code)


async def _serve(socket: WebSocket, rooms: Rooms, authenticator: Authenticator) -> None:
    parameters = Parameters(socket.query_params.multi_items())
    keep, language, title = parameters.flag("keep"), parameters.language(), parameters.title()
    await admit_to_server(socket, authenticator)
    take_place(socket, authenticator)
    piece = await _first_piece(socket)
    if piece is not None:
        async with open_stream(rooms, StreamRequest(piece.audio, title, language, keep=keep)) as stream:
            await exchange(socket, stream, Captions(piece.audio, time.monotonic()), [Feed(piece.samples)])


async def _first_piece(socket: WebSocket) -> WavPiece | None:
    """The piece that says what the audio is; None where the page goes before."""
    first = True
    async for data in received(socket):
        try:
            piece = piece_of(data)
        except ProtocolError:
            # A page that always shows its token first may do so where nobody asks for one, or has it in the header.
            if first and isinstance(data, str) and len(data) <= LONGEST_TOKEN:
                first = False
                continue
            raise
        if isinstance(piece, WavPiece):
            return piece
        first = False
    return None
