"""The composition root of the server: settings, store, models, rooms and endpoints become one ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, WebSocket

import meeting
from meeting.agents.endpoint import AgentEndpoint, add_agents
from meeting.cluster.duties import JOBS, RETENTION, WEBHOOKS, while_holding
from meeting.cluster.ownership import Ownership, holding
from meeting.cluster.shared_ownership import SharedOwnership
from meeting.cluster.takeover import Takeover
from meeting.cluster.wiring import connect_cluster
from meeting.compat.client_audio import flush_seconds
from meeting.compat.deepgram.routes import add_deepgram
from meeting.compat.openai.realtime.routes import add_realtime
from meeting.compat.openai.routes import add_openai
from meeting.compat.routes import add_recording_page
from meeting.compat.uploads import Uploads
from meeting.config.settings import Config
from meeting.jobs.hearing_elsewhere import AvailableModels
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
from meeting.server.security.routing import RoutingMiddleware
from meeting.server.speakers import voices
from meeting.server.websocket import serve_socket
from meeting.sources.backend import Backend, LocalBackend, local_choices
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.sources.memory import trim_regularly
from meeting.storage.link_store import LinkStore
from meeting.storage.store import Store
from meeting.webhooks.dispatcher import LOOK_AGAIN, Dispatcher
from meeting.webhooks.wiring import connect_webhooks
from pipelines.errors import MeetingError, StoreError
from pipelines.options import ModelChoice

log = logging.getLogger(__name__)

QUEUED_ELSEWHERE_SECONDS = 2.0
"""Seconds between two looks for webhooks that another server has queued"""
PRUNE_SECONDS = 600.0
"""Between two looks for sound that was fetched from an object store and that nobody asks for any more"""
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
    choices = partial(local_choices, config.models) if backend is None else tuple
    backend = backend or LocalBackend(config)
    store = store or Store.configured(config.storage)
    engine = EngineLoader(backend, config.models)
    services = _services(config, store, backend, engine)
    cluster = connect_cluster(config, store, services.recovery_queue)
    rooms = Rooms(services, config.limits, crashed=crashed, ownership=cluster)
    authenticator = Authenticator(token, LinkStore(store))
    agents = AgentEndpoint(store, authenticator, lambda: rooms.stopping)
    notes = NotesJobs(store, config.notes, rooms.ownership)
    jobs = Jobs(rooms, config.limits, _other_models(config, engine, choices), crashed)
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
        lifespan=lambda app: _running(
            config, rooms, engine, agents, notes, jobs, _webhooks(config, rooms), cluster, on_failure
        ),
    )
    app.state.rooms = rooms
    app.state.authenticator = authenticator
    app.state.notes = notes
    app.state.jobs = jobs
    app.state.voices = KnownVoices(rooms)
    app.state.forwarding = forwarding
    app.state.metrics = metrics.MetricsCollector(rooms)
    _add_security(app, config, authenticator, forwarding, rooms.ownership)
    app.add_middleware(metrics.CountingMiddleware, measurements=rooms.services.measurements)
    _add_endpoints(app, engine, rooms, agents, flush_seconds(config.speech.endpoint_silence))
    return app


def _add_endpoints(app: FastAPI, engine: EngineLoader, rooms: Rooms, agents: AgentEndpoint, flush: float) -> None:
    add_routes(app)
    add_jobs(app)
    app.include_router(voices.router)
    add_pages(app)
    add_health(app, engine, rooms)
    _add_compatible(app, flush)
    add_agents(app, agents)
    add_error_handlers(app, rooms)

    @app.websocket("/ws/meetings/{meeting_id}")
    async def socket(websocket: WebSocket, meeting_id: str) -> None:
        await serve_socket(websocket, app.state.rooms, meeting_id, app.state.authenticator)


def _add_compatible(app: FastAPI, flush: float) -> None:
    """Endpoints for other services' clients; `flush` is how many seconds of silence end an utterance."""
    add_recording_page(app)
    uploads = Uploads()
    add_deepgram(app, uploads, flush)
    add_openai(app, uploads)
    add_realtime(app, flush)


def _add_security(
    app: FastAPI, config: Config, authenticator: Authenticator, forwarding: Forwarding, ownership: Ownership
) -> None:
    if ownership.clustered:  # within all others: only who may ask is told where to go
        app.add_middleware(RoutingMiddleware, ownership=ownership, shape=error_shape)
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
        # Of several servers another one must find it, whose view of a shared folder is what was synced. In an object
        # store it is found there.
        fsync=config.storage.durability == "fsync" or (config.cluster.address is not None and store.objects is None),
    )


def _other_models(
    config: Config, engine: EngineLoader, choices: Callable[[], Sequence[ModelChoice]]
) -> AvailableModels:
    def running() -> str | None:
        return None if engine.models is None else engine.models["speech"]

    return AvailableModels(config, choices, running)


def _webhooks(config: Config, rooms: Rooms) -> Dispatcher:
    counted = rooms.services.measurements
    look_again = QUEUED_ELSEWHERE_SECONDS if rooms.ownership.clustered else LOOK_AGAIN
    dispatcher = connect_webhooks(config.webhooks, rooms.store, counted.webhooks.add, look_again)
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
    cluster: SharedOwnership | None,
    on_failure: Callable[[MeetingError], None] | None,
) -> AsyncIterator[None]:
    """Everything that runs beside the requests, from the start to the end of the server."""
    rooms.store.open()
    keeping = None if cluster is None else asyncio.create_task(_keep_lease(cluster, rooms))
    recovering = asyncio.create_task(rooms.unfinished.recover() if cluster is None else _take_over(cluster, rooms))
    watching = asyncio.create_task(rooms.disk.run())
    engine.load(lambda: _report(engine, on_failure))
    days, own = config.storage.retention_days, rooms.ownership
    telling = asyncio.create_task(while_holding(own, WEBHOOKS, lambda claim: webhooks.run()))
    beside = {
        asyncio.create_task(while_holding(own, RETENTION, lambda claim: delete_regularly(rooms, days))),
        asyncio.create_task(trim_regularly()),
        asyncio.create_task(agents.run()),
        asyncio.create_task(_prune_regularly(rooms.store)),
        asyncio.create_task(while_holding(own, JOBS, jobs.run)),
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
        if keeping is not None and cluster is not None:
            keeping.cancel()
            await asyncio.wait({keeping})
            await cluster.stop()
        engine.close()
        rooms.store.close()


async def _keep_lease(cluster: SharedOwnership, rooms: Rooms) -> None:
    cluster.on_lost = lambda: _drop(rooms)
    await cluster.keep()


def _drop(rooms: Rooms) -> None:
    """Let go of every meeting at once: other servers may go on with them."""
    for room in rooms.open:
        room.task.cancel()


async def _take_over(cluster: SharedOwnership, rooms: Rooms) -> None:
    def unkept() -> set[str]:
        return set(rooms.store.unkept())

    async def go_on(meeting_id: str) -> None:
        async with holding(cluster, meeting_id):  # and given back where it is over
            await rooms.unfinished.go_on(meeting_id)

    async def delete(meeting_id: str) -> None:
        rooms.unkept.delete_soon(meeting_id, None)

    await Takeover(cluster.length, cluster.left, unkept, go_on, delete).run()


async def _prune_regularly(store: Store) -> None:
    if store.objects is not None:
        try:
            await asyncio.to_thread(store.objects.check)
        except StoreError as error:
            log.error("%s: see to storage.objects, its keys and its address; nothing is acknowledged before", error)
    while store.objects is not None:
        await asyncio.to_thread(store.objects.prune)
        await asyncio.sleep(PRUNE_SECONDS)


def _report(engine: EngineLoader, on_failure: Callable[[MeetingError], None] | None) -> None:
    failure = engine.failure
    if failure is None:
        log.info("models: ready")
        return
    log.error("models: %s", failure)
    if on_failure is not None:
        on_failure(failure)
