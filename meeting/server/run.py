"""Running the app: the listening socket, logs, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
import webbrowser
from collections.abc import Callable
from types import FrameType

import uvicorn

from meeting.config.settings import Config, Limits, Server
from meeting.core.messages import FRAME_HEADER
from meeting.live.rooms import Rooms
from meeting.server.app import FINISH_SECONDS, create_app
from meeting.server.crash_record import crash_record
from meeting.server.log_throttle import flush_repeats
from meeting.server.security.auth import server_token
from meeting.server.security.forwarding import Forwarding
from meeting.sources import memory
from meeting.storage.files.lock import only_server
from meeting.storage.store import Store
from meeting.transport import descriptors, websocket_connection
from meeting.transport.acceptor import Acceptor
from meeting.transport.addresses import is_loopback
from meeting.transport.connections import Connection, ConnectionLimits, ConnectionRegistry
from meeting.transport.http_connection import HttpConnection
from pipelines.errors import MeetingError, ServeError

log = logging.getLogger(__name__)

FRAME_MARGIN = 4096
"""Bytes by which a socket's message may exceed the largest frame, so that we and not the library answer it"""
MAX_GRACE_SECONDS = 5
"""Seconds that open HTTP requests have at most once every meeting is stored"""
MIN_GRACE_SECONDS = 0.5
"""Seconds that they have even if the meetings took all of theirs"""
SWEEP_SECONDS = 0.5
"""Seconds between two looks at connections that keep the server waiting"""


class MeetingServer(uvicorn.Server):
    """Finishes and stores every live meeting before it lets connections go; a second signal forces the end.

    It accepts connections itself, within bounds that follow from `limits` and from how many `files` the process may
    have open (None: as many as it likes). Addresses for which `is_proxy` is true stand for many clients.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        rooms: Rooms,
        on_started: Callable[[], None] = lambda: None,
        limits: Limits | None = None,
        files: int | None = None,
        is_proxy: Callable[[str], bool] = lambda address: False,
    ) -> None:
        super().__init__(config)
        self._rooms = rooms
        self._on_started = on_started
        self._limits = limits or Limits()
        self._open_files = files
        self._is_proxy = is_proxy
        self._acceptors: list[Acceptor] = []
        self._sweeping: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the first signal, at once after the second; the process then exits as it should."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup([])
        limits = ConnectionLimits(self._limits.pending, self._limits.pending_per_address, self._max_connections())
        connections = ConnectionRegistry(limits, asyncio.get_running_loop().time, self._is_proxy)
        for listening in sockets or []:
            self._acceptors.append(Acceptor(listening, connections, self._protocol, self.config.ssl))
            self._acceptors[-1].start()
        self._sweeping = asyncio.create_task(self._sweep(connections))
        self._on_started()

    def _protocol(self, connection: Connection) -> HttpConnection:
        return HttpConnection(self.config, self.server_state, self.lifespan.state, connection)

    def _max_connections(self) -> int:
        """Connections that there may be beside the meetings that are live or expected."""
        if self._open_files is None:
            return descriptors.MAX_FILES
        return descriptors.connections_allowed(
            self._open_files, max(self._rooms.live, descriptors.expected_meetings(self._limits))
        )

    async def _sweep(self, connections: ConnectionRegistry) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            connections.total = self._max_connections()
            connections.sweep()
            flush_repeats()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End meetings first: their clients are told `ended`, or may come back."""
        if self._rooms.live:
            log.warning("finishing %d live meeting(s); press Ctrl+C again to stop at once", self._rooms.live)
        began = time.monotonic()
        finishing = asyncio.create_task(self._rooms.finish_all(FINISH_SECONDS))
        while not finishing.done() and not self.force_exit:
            await asyncio.wait({finishing}, timeout=0.1)
        await asyncio.sleep(0)
        # One span for both: who stops us kills us when it is over.
        self.config.timeout_graceful_shutdown = grace(time.monotonic() - began)  # type: ignore[assignment]
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)
        if self._sweeping is not None:
            self._sweeping.cancel()


def grace(took: float) -> float:
    """Seconds that open HTTP requests have, after the meetings took so many."""
    return min(MAX_GRACE_SECONDS, max(MIN_GRACE_SECONDS, FINISH_SECONDS - took))


def server_config(app: object, config: Config) -> uvicorn.Config:
    """How uvicorn serves the app."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="on",
        loop="asyncio",  # the one loop and the one parser that our limits are tested with
        http="h11",
        ws=websocket_connection.WebSocketConnection,
        ws_ping_interval=websocket_connection.PING_INTERVAL,
        ws_ping_timeout=websocket_connection.PING_TIMEOUT,
        ws_max_size=config.limits.frame_bytes + FRAME_HEADER.size + FRAME_MARGIN,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # `forwarding` reads them: uvicorn would believe whom the environment names
        timeout_graceful_shutdown=MAX_GRACE_SECONDS,
        ssl_certfile=config.server.tls_cert,
        ssl_keyfile=config.server.tls_key,
    )


def check_tls(server: Server) -> None:
    """Raise ServeError in one sentence unless https can be served with the files that are set, if any."""
    if server.tls_cert is None:
        if server.tls_key is not None:
            raise ServeError("server.tls_key is set without server.tls_cert: name the certificate as well")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.tls_cert, server.tls_key, password="")
    except ssl.SSLError as error:
        raise ServeError(
            f"{server.tls_cert} and its key cannot be used: they must be PEM, belong together and have no password"
        ) from error
    except OSError as error:
        which = [str(path) for path in (server.tls_cert, server.tls_key) if path is not None]
        raise ServeError(f"{' or '.join(which)} cannot be read: {error.strerror}") from error


def readable_by_others(server: Server) -> str | None:
    """What to tell whoever starts a server whose tokens and speech others can read on the way; None where none can."""
    encrypted = server.tls_cert is not None or (server.public_url or "").lower().startswith("https:")
    if encrypted or is_loopback(server.host):
        return None
    return (
        f"{server.host} is served without https: tokens, speech and text can be read by anyone on the network between, "
        "and browsers will not give their microphone to the page. Set server.tls_cert and server.tls_key; or, behind a "
        "proxy that brings https, listen on 127.0.0.1 and set server.public_url to the address that people open"
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ServeError in one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ServeError(f"cannot listen on {host}: there is no such address on this machine") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ServeError(f"cannot listen on {host}, port {port}: {_listen_hint(error)}") from error
    return listening


def _listen_hint(error: OSError) -> str:
    import errno

    hints = {
        errno.EADDRINUSE: "the port is in use; stop the other program or choose another with --port",
        errno.EACCES: "this user may not use that port; choose one above 1023 with --port",
        errno.EADDRNOTAVAIL: "there is no such address on this machine",
    }
    return hints.get(error.errno or 0, error.strerror or str(error))


def serve(config: Config, open_page: bool = False) -> None:
    """Serve until a signal; raises MeetingError when that cannot be, or when the models cannot be loaded."""
    # Before anything is opened: without a token nobody may reach us.
    server_token(config.server)
    Forwarding(config.server.trusted_proxies, config.server.public_url)
    check_tls(config.server)
    warning = readable_by_others(config.server)
    if warning is not None:
        log.warning("%s", warning)
    memory.limit_arenas()
    files = descriptors.raise_limit()
    problem = descriptors.shortage(config.limits, files)
    if problem is not None:
        log.warning("%s: %s", problem, descriptors.ADVICE)
    os.umask(0o077)  # what is kept here is for this user's eyes
    failures: list[MeetingError] = []
    store = Store(config.storage.data_dir)
    listening = listen(config.server.host, config.server.port)
    try:
        # First of all: whoever comes second must not so much as migrate what the first one is using.
        with only_server(store.data_dir), crash_record(store.data_dir) as crashed:
            store.open()
            server: MeetingServer | None = None

            def failed(error: MeetingError) -> None:
                failures.append(error)
                if server is not None:
                    server.should_exit = True

            app = create_app(config, store=store, on_failure=failed, crashed=crashed)
            url = _page_url(config.server, listening.getsockname()[1])
            server = MeetingServer(
                server_config(app, config),
                app.state.rooms,
                lambda: _announce(url, open_page),
                config.limits,
                files,
                app.state.forwarding.is_trusted,
            )
            server.run([listening])
    finally:
        store.close()
        listening.close()
    if failures:
        raise failures[0]


def _page_url(server: Server, port: int) -> str:
    host, scheme = server.host, "http" if server.tls_cert is None else "https"
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{shown}:{port}/"


def _announce(url: str, open_page: bool) -> None:
    print(f"Meeting transcriber: open {url} (Ctrl+C stops)", flush=True)
    if open_page:
        webbrowser.open(url)
