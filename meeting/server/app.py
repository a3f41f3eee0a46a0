"""The composition root of the server: settings, store, models and rooms behind one ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

import meeting
from meeting.config.settings import Config
from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode, answer_to, error_body
from meeting.core.messages import JsonObject
from meeting.live.retention import delete_regularly
from meeting.live.rooms import Rooms
from meeting.server import metrics
from meeting.server.api.description import PROBLEMS
from meeting.server.api.routes import add_routes
from meeting.server.security.auth import Authenticator, server_token
from meeting.server.security.forwarding import Forwarding
from meeting.server.security.middleware import AuthMiddleware, SecurityMiddleware, add_security_headers, allowed_hosts
from meeting.server.websocket import serve_socket
from meeting.sources.backend import Backend, LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.memory import trim_regularly
from meeting.storage.link_store import LinkStore
from meeting.storage.store import Store
from pipelines.errors import MeetingError

log = logging.getLogger(__name__)

FINISH_SECONDS = 8.0
"""Seconds that live meetings have to be finished and stored when the server stops"""

WEB = Path(__file__).resolve().parents[2] / "web"
"""The pages"""

HTTP_CODES = {400: ErrorCode.BAD_REQUEST, 404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
"""Code of what the framework refuses by itself, by status; `refused` where the status is not here"""


def create_app(
    config: Config,
    backend: Backend | None = None,
    store: Store | None = None,
    on_failure: Callable[[MeetingError], None] | None = None,
    crashed: bool = False,
) -> FastAPI:
    """The whole server as an ASGI app; `app.state.rooms` is its running part.

    `backend` builds the models and pipelines (the real ones when None), `on_failure` hears of models that
    cannot be loaded; `crashed`: the process before this one ended by a fault of its own.
    """
    token = server_token(config.server)
    forwarding = Forwarding(config.server.trusted_proxies, config.server.public_url)
    backend = backend or LocalBackend(config)
    store = store or Store(config.storage.data_dir)
    engine = EngineLoader(backend, config.models)
    rooms = Rooms(_services(config, store, backend, engine), config.limits, crashed=crashed)
    app = FastAPI(
        title="Meeting transcriber",
        version=meeting.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Where the description lies, which is right behind a proxy as well.
        servers=[{"url": "."}],
        # It would send people to the address that the proxy asked for.
        redirect_slashes=False,
        lifespan=lambda app: _running(config, rooms, engine, on_failure),
    )
    authenticator = Authenticator(token, LinkStore(store))
    app.state.rooms = rooms
    app.state.authenticator = authenticator
    app.state.forwarding = forwarding
    app.state.metrics = metrics.MetricsCollector(rooms)
    app.add_middleware(AuthMiddleware, authenticator=authenticator)  # the one added last comes first
    hosts = allowed_hosts(config.server.host, [*config.server.allowed_hosts, *forwarding.host_names])
    app.add_middleware(SecurityMiddleware, hosts=hosts, forwarding=forwarding)
    add_routes(app)
    _add_pages(app)
    _add_state(app, engine, rooms)
    _add_errors(app, rooms)
    return app


def _services(config: Config, store: Store, backend: Backend, engine: EngineLoader) -> Services:
    return Services(
        store,
        backend,
        engine,
        keep_audio=config.storage.keep_audio,
        backlog=config.limits.backlog,
        longest=config.limits.meeting_hours * 3600,
        fsync=config.storage.durability == "fsync",
    )


@asynccontextmanager
async def _running(
    config: Config, rooms: Rooms, engine: EngineLoader, on_failure: Callable[[MeetingError], None] | None
) -> AsyncIterator[None]:
    """Everything that runs beside the requests, from the start to the end of the server."""
    rooms.store.open()
    recovering = asyncio.create_task(rooms.unfinished.recover())
    watching = asyncio.create_task(rooms.disk.run())
    engine.load(lambda: _report(engine, on_failure))
    deleting = asyncio.create_task(delete_regularly(rooms, config.storage.retention_days))
    shrinking = asyncio.create_task(trim_regularly())
    try:
        yield
    finally:
        deleting.cancel()
        shrinking.cancel()
        await asyncio.wait({deleting, shrinking})
        recovering.cancel()
        watching.cancel()
        await rooms.finish_all(FINISH_SECONDS)
        await asyncio.wait({recovering, watching})
        engine.close()
        rooms.store.close()


def _report(engine: EngineLoader, on_failure: Callable[[MeetingError], None] | None) -> None:
    failure = engine.failure
    if failure is None:
        log.info("models: ready")
        return
    log.error("models: %s", failure)
    if on_failure is not None:
        on_failure(failure)


def page(root: str) -> str:
    """The one page of all; `root` leads from its address to the server's first one, whatever stands before that."""
    return (WEB / "index.html").read_text(encoding="utf-8").replace('="./', f'="./{root}')


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def home() -> HTMLResponse:
        return HTMLResponse(page(""))

    @app.get("/m/{meeting_id}", include_in_schema=False)
    def meeting_page() -> HTMLResponse:
        return HTMLResponse(page("../"))

    @app.get("/m/{meeting_id}/", include_in_schema=False)
    def meeting_page_with_a_slash() -> HTMLResponse:
        return HTMLResponse(page("../../"))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_docs(app.openapi()))

    @app.get("/openapi.json", include_in_schema=False)
    def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    app.mount("/static", StaticFiles(directory=WEB, check_dir=False), name="static")


def _add_state(app: FastAPI, engine: EngineLoader, rooms: Rooms) -> None:
    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:  # no thread: they may all have something to do
        """The process serves."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["server"], responses={503: PROBLEMS[503]})
    def readyz() -> Response:
        """The models are loaded, meetings that were cut off are rebuilt, and a meeting can go live."""
        if engine.models is not None and not rooms.unfinished.recovered:
            return error_response(503, ErrorCode.RECOVERING, "meetings that were cut off are being rebuilt")
        if engine.models is not None:
            return JSONResponse({"status": "ready", "models": engine.models})
        if engine.failure is not None:
            return error_response(503, ErrorCode.MODELS, client_message(engine.failure, rooms.store.data_dir))
        return error_response(503, ErrorCode.LOADING, engine.progress or "the models are being loaded")

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

    @app.websocket("/ws/meetings/{meeting_id}")
    async def socket(websocket: WebSocket, meeting_id: str) -> None:
        await serve_socket(websocket, app.state.rooms, meeting_id, app.state.authenticator)


def _add_errors(app: FastAPI, rooms: Rooms) -> None:
    @app.exception_handler(MeetingError)
    async def explained(request: Request, error: MeetingError) -> JSONResponse:
        answer = answer_to(error)
        if answer.status == 503:
            log.error("%s", error)
        return error_response(answer.status, answer.code, client_message(error, rooms.store.data_dir))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        return error_response(422, ErrorCode.INVALID, f"{where or 'the body'}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTP_CODES.get(error.status_code, ErrorCode.REFUSED)
        answer = error_response(error.status_code, code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        answer = error_response(500, ErrorCode.INTERNAL, "internal error")
        # What nobody foresaw is answered outside `SecurityMiddleware`, which adds these to all else.
        add_security_headers(answer.headers, app.state.forwarding.original(request.scope, Headers(scope=request.scope)))
        return answer


def error_response(status: int, code: ErrorCode, message: str) -> JSONResponse:
    """An error as every part of the API answers it."""
    return JSONResponse(error_body(code, message), status)


def _docs(schema: JsonObject) -> str:
    """The API on one page without scripts: the usual one would be loaded from another server."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            what = escape(operation.get("description") or operation.get("summary", ""))
            rows.append(f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{what}</dd>")
    title = escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: API</title>'
        f'<link rel="icon" href="static/icon.svg"><h1>{title}: API</h1>'
        f'<p>Machine-readable: <a href="openapi.json">openapi.json</a></p><dl>{"".join(rows)}</dl></html>'
    )
