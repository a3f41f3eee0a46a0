"""The addresses at which pages that record find what they look for."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket

from meeting.compat.recording_page import serve_recording_page


def add_recording_page(app: FastAPI) -> None:
    """Serve them; the other protocols have routes of their own."""

    @app.websocket("/transcribe")
    @app.websocket("/transcription")
    async def transcribe(websocket: WebSocket) -> None:
        await serve_recording_page(websocket, app.state.rooms, app.state.authenticator)
