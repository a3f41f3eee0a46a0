"""The server that runs the app: it accepts connections itself, and ends meetings before it ends."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from meeting.config.settings import Config, Limits
from meeting.core.messages import FRAME_HEADER
from meeting.live.rooms import Rooms
from meeting.server.app import FINISH_SECONDS
from meeting.server.log_throttle import flush_repeats
from meeting.transport import descriptors, websocket_connection
from meeting.transport.acceptor import Acceptor
from meeting.transport.connections import Connection, ConnectionLimits, ConnectionRegistry
from meeting.transport.http_connection import HttpConnection

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
        counted = self._rooms.services.measurements
        clock, count_refused = asyncio.get_running_loop().time, counted.connections_refused.add
        connections = ConnectionRegistry(limits, clock, self._is_proxy, count_refused)
        counted.open_connections = connections.__len__
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
