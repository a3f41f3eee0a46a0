"""All endpoints that speak other services' protocols."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket

from meeting.compat.recording_page import serve_recording_page


def add_compatible_routes(app: FastAPI) -> None:
    """Serve them."""

    @app.websocket("/transcribe")
    @app.websocket("/transcription")
    async def transcribe(websocket: WebSocket) -> None:
        await serve_recording_page(websocket, app.state.rooms, app.state.authenticator)
