"""The address at which clients of OpenAI's realtime API find what they look for."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket

from meeting.compat.openai.realtime.socket import serve_realtime


def add_realtime(app: FastAPI, flush: float) -> None:
    """Serve it; `flush` is how many seconds of silence end an utterance."""

    @app.websocket("/v1/realtime")
    async def realtime(websocket: WebSocket) -> None:
        await serve_realtime(websocket, app.state.rooms, app.state.authenticator, flush)
