"""Whether the server runs, whether it is ready for a meeting, and how much it does."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode
from meeting.live.rooms import Rooms
from meeting.server import metrics
from meeting.server.api.description import PROBLEMS
from meeting.server.error_handlers import error_response
from meeting.sources.engine_loader import EngineLoader


def add_health(app: FastAPI, engine: EngineLoader, rooms: Rooms) -> None:
    """Serve what monitors ask for."""

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:  # no thread: they may all have something to do
        """The process serves."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["server"], responses={503: PROBLEMS[503]})
    def readyz(request: Request) -> Response:
        """The models are loaded, meetings that were cut off are rebuilt, and a meeting can go live.

        Of several servers each is asked by the balancer: it is ready while it has a lease, whatever it rebuilds.
        """
        if rooms.ownership.clustered and (rooms.stopping or not rooms.ownership.held()):
            return error_response(request, 503, ErrorCode.MOVING, "this server takes no meeting now")
        rebuilt = rooms.ownership.clustered or rooms.unfinished.recovered
        if engine.models is not None and not rebuilt:
            return error_response(request, 503, ErrorCode.RECOVERING, "meetings that were cut off are being rebuilt")
        if engine.models is not None:
            return JSONResponse({"status": "ready", "models": engine.models})
        if engine.failure is not None:
            return error_response(request, 503, ErrorCode.MODELS, client_message(engine.failure, rooms.store.data_dir))
        return error_response(request, 503, ErrorCode.LOADING, engine.progress or "the models are being loaded")

    @app.get(
        "/metrics",
        tags=["server"],
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}},
            **{status: PROBLEMS[status] for status in (401, 403, 429)},
        },
    )
    async def show_metrics(request: Request) -> Response:
        """Figures for a monitoring system."""
        return Response(request.app.state.metrics.render(), media_type=metrics.CONTENT_TYPE)
