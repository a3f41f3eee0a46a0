"""The addresses at which clients of OpenAI find what they look for."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from meeting.compat.openai.shapes import error_body, models_of, status_of
from meeting.compat.openai.transcriptions import Transcription
from meeting.compat.uploads import Uploads
from meeting.core.messages import JsonObject
from pipelines.errors import MeetingError, NotFound


def add_openai(app: FastAPI, uploads: Uploads) -> None:
    """Serve them; they are no part of the API that /openapi.json describes."""

    @app.post("/v1/audio/transcriptions", include_in_schema=False)
    async def transcribe(request: Request) -> Response:
        return Transcription(request, app.state.rooms, uploads)

    @app.post("/v1/audio/translations", include_in_schema=False)
    async def translate(request: Request) -> Response:
        return Transcription(request, app.state.rooms, uploads, translate=True)

    @app.get("/v1/models", include_in_schema=False)
    async def models() -> JsonObject:
        return {"object": "list", "data": models_of(app.state.rooms.services.engine.models)}

    @app.get("/v1/models/{model_id}", include_in_schema=False)
    async def model(model_id: str) -> Response:
        for known in models_of(app.state.rooms.services.engine.models):
            if known["id"] == model_id:
                return JSONResponse(known)
        return _refusal(NotFound("there is no model of that name; GET /v1/models names those there are"))


def _refusal(error: MeetingError) -> JSONResponse:
    return JSONResponse(error_body(error, str(error)), status_of(error))
