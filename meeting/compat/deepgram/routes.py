"""The addresses at which clients of Deepgram find what they look for."""

from __future__ import annotations

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import Response

from meeting.compat.deepgram.files import transcribe_file
from meeting.compat.deepgram.listen import serve_listen
from meeting.compat.deepgram.turns import TurnTranslator
from meeting.compat.uploads import Uploads


def add_deepgram(app: FastAPI, uploads: Uploads, flush: float) -> None:
    """Serve them; they are no part of the API that /openapi.json describes.

    `flush` is how many seconds of silence end an utterance.
    """

    @app.websocket("/v1/listen")
    async def listen(websocket: WebSocket) -> None:
        await serve_listen(websocket, app.state.rooms, app.state.authenticator, flush)

    @app.websocket("/v2/listen")
    async def listen_in_turns(websocket: WebSocket) -> None:
        await serve_listen(websocket, app.state.rooms, app.state.authenticator, flush, TurnTranslator)

    @app.post("/v1/listen", include_in_schema=False)
    async def transcribe(request: Request) -> Response:
        return await transcribe_file(request, app.state.rooms, uploads)
