"""The composition root of the server: settings, store, models, rooms and endpoints become one ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

import meeting
from meeting.agents.endpoint import AgentEndpoint, add_agents
from meeting.compat.deepgram.routes import add_deepgram
from meeting.compat.openai.realtime.routes import add_realtime
from meeting.compat.openai.routes import add_openai
from meeting.compat.routes import add_recording_page
from meeting.compat.uploads import Uploads
from meeting.config.settings import Config
from meeting.jobs.jobs import Jobs
from meeting.live.recognition.known_voices import KnownVoices
from meeting.live.retention import delete_regularly
from meeting.live.rooms import Rooms
from meeting.notes.jobs import NotesJobs
from meeting.server import metrics
from meeting.server.api.routes import add_routes
from meeting.server.api.uploads.routes import add_jobs
from meeting.server.error_handlers import add_error_handlers
from meeting.server.error_shapes import error_shape
from meeting.server.health import add_health
from meeting.server.pages import add_pages
from meeting.server.security.auth import Authenticator, server_token
from meeting.server.security.forwarding import Forwarding
from meeting.server.security.middleware import AuthMiddleware, SecurityMiddleware, allowed_hosts
from meeting.server.speakers import voices
from meeting.server.websocket import serve_socket
from meeting.sources.backend import Backend, LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.memory import trim_regularly
from meeting.storage.link_store import LinkStore
from meeting.storage.store import Store
from meeting.webhooks.dispatcher import Dispatcher
from meeting.webhooks.wiring import connect_webhooks
from pipelines.errors import MeetingError

log = logging.getLogger(__name__)

FINISH_SECONDS = 8.0
"""Seconds that live meetings have to be finished and stored when the server stops"""


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
    forwarding = Forwarding(config.server.trusted_proxies, config.server.public_url, config.server.root_path)
    backend = backend or LocalBackend(config)
    store = store or Store.configured(config.storage)
    engine = EngineLoader(backend, config.models)
    rooms = Rooms(_services(config, store, backend, engine), config.limits, crashed=crashed)
    authenticator = Authenticator(token, LinkStore(store))
    agents = AgentEndpoint(store, authenticator, lambda: rooms.stopping)
    notes = NotesJobs(store, config.notes)
    jobs = Jobs(rooms, config.limits, crashed)
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
        lifespan=lambda app: _running(config, rooms, engine, agents, notes, jobs, _webhooks(config, rooms), on_failure),
    )
    app.state.rooms = rooms
    app.state.authenticator = authenticator
    app.state.notes = notes
    app.state.jobs = jobs
    app.state.voices = KnownVoices(rooms)
    app.state.forwarding = forwarding
    app.state.metrics = metrics.MetricsCollector(rooms)
    _add_security(app, config, authenticator, forwarding)
    app.add_middleware(metrics.CountingMiddleware, measurements=rooms.services.measurements)
    _add_endpoints(app, engine, rooms, agents)
    return app


def _add_endpoints(app: FastAPI, engine: EngineLoader, rooms: Rooms, agents: AgentEndpoint) -> None:
    add_routes(app)
    add_jobs(app)
    app.include_router(voices.router)
    add_pages(app)
    add_health(app, engine, rooms)
    _add_compatible(app)
    add_agents(app, agents)
    add_error_handlers(app, rooms)

    @app.websocket("/ws/meetings/{meeting_id}")
    async def socket(websocket: WebSocket, meeting_id: str) -> None:
        await serve_socket(websocket, app.state.rooms, meeting_id, app.state.authenticator)


def _add_compatible(app: FastAPI) -> None:
    """Endpoints for other services' clients."""
    add_recording_page(app)
    uploads = Uploads()
    add_deepgram(app, uploads)
    add_openai(app, uploads)
    add_realtime(app)


def _add_security(app: FastAPI, config: Config, authenticator: Authenticator, forwarding: Forwarding) -> None:
    app.add_middleware(AuthMiddleware, authenticator=authenticator, shape=error_shape)  # the one added last comes first
    hosts = allowed_hosts(config.server.host, [*config.server.allowed_hosts, *forwarding.host_names])
    elsewhere = None if authenticator.required else frozenset(config.server.allowed_origins)
    app.add_middleware(
        SecurityMiddleware,
        hosts=hosts,
        forwarding=forwarding,
        elsewhere=elsewhere,
        recording_bytes=config.limits.recording * 1_000_000,
        shape=error_shape,
    )


def _services(config: Config, store: Store, backend: Backend, engine: EngineLoader) -> Services:
    return Services(
        store,
        backend,
        engine,
        keep_audio=config.storage.keep_audio,
        backlog=config.limits.backlog,
        max_seconds=config.limits.meeting_hours * 3600,
        fsync=config.storage.durability == "fsync",
    )


def _webhooks(config: Config, rooms: Rooms) -> Dispatcher:
    counted = rooms.services.measurements
    dispatcher = connect_webhooks(config.webhooks, rooms.store, counted.webhooks.add)
    counted.webhooks_waiting = lambda: dispatcher.waiting
    return dispatcher


@asynccontextmanager
async def _running(
    config: Config,
    rooms: Rooms,
    engine: EngineLoader,
    agents: AgentEndpoint,
    notes: NotesJobs,
    jobs: Jobs,
    webhooks: Dispatcher,
    on_failure: Callable[[MeetingError], None] | None,
) -> AsyncIterator[None]:
    """Everything that runs beside the requests, from the start to the end of the server."""
    rooms.store.open()
    recovering = asyncio.create_task(rooms.unfinished.recover())
    watching = asyncio.create_task(rooms.disk.run())
    engine.load(lambda: _report(engine, on_failure))
    deleting = asyncio.create_task(delete_regularly(rooms, config.storage.retention_days))
    telling = asyncio.create_task(webhooks.run())
    beside = {
        deleting,
        asyncio.create_task(trim_regularly()),
        asyncio.create_task(agents.run()),
        asyncio.create_task(jobs.run()),
    }
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await notes.close()
        recovering.cancel()
        watching.cancel()
        await rooms.finish_all(FINISH_SECONDS)
        telling.cancel()  # what it has not told yet the next start does
        await asyncio.wait({recovering, watching, telling})
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
