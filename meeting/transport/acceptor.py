"""Accepts connections: a few at a time, up to a limit, and calmly when the process runs out of file descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from meeting.core.errors import ErrorCode, error_body
from meeting.transport.connections import HEADER_SECONDS, STUCK_SECONDS, Connection, ConnectionRegistry

log = logging.getLogger(__name__)

ACCEPTED_PER_TURN = 64
"""Connections accepted before the event loop serves those that are there"""
REQUESTS_PER_TURN, OTHERS_PER_TURN = 16, 4
"""Connections served first in one turn of the event loop: with a complete request, with anything else"""
PEEK_BYTES = 4096
"""Bytes that are peeked at to tell what has come"""
BACKLOG = 4096
"""Connections that the kernel queues until they are accepted"""
PAUSE_SECONDS = 0.1
"""Seconds for which nothing is accepted after file descriptors ran out"""
CLOSED_AT_ONCE = 16
"""Connections that are closed when file descriptors run out"""
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of `accept` where the process or the system is out of file descriptors"""

REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
REFUSAL_BODY = json.dumps(
    error_body(ErrorCode.OVERLOADED, "the server has as many connections as it can take; try again"),
    separators=(",", ":"),
).encode()


class Acceptor:
    """Takes connections from a listening socket, in place of asyncio's own loop.

    asyncio's goes on when file descriptors run out: two thousand times at each call, with a traceback each time.
    """

    def __init__(
        self,
        listening: socket.socket,
        connections: ConnectionRegistry,
        protocol: Callable[[Connection], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`protocol` makes the asyncio protocol of one connection."""
        self._listening = listening
        self._connections = connections
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._spare_file: int | None = None
        self._silent: set[_SilentConnection] = set()
        self._requests: dict[_SilentConnection, None] = {}
        """Of the silent ones, those whose request is complete, in the order in which they came"""
        self._others: dict[_SilentConnection, None] = {}
        """Of the silent ones, those that ask for a WebSocket, which costs more, or whose request is incomplete"""
        self._opening: set[asyncio.Task[Any]] = set()
        self._accepting = False

    def start(self) -> None:
        """Accept from now on."""
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._accepting = True
        self._open_spare_file()
        self._resume()

    def close(self) -> None:
        """Accept no more; the listening socket stays the caller's."""
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._listening.fileno())
            self._close_spare_file()
            for silent in list(self._silent):
                silent.drop()
            for task in list(self._opening):
                task.cancel()

    def _resume(self) -> None:
        if self._accepting:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    self._make_room(error)
                else:
                    log.warning("a connection could not be accepted: %s", error.strerror)
                return
            self._register(accepted, str(address[0]))

    def _register(self, accepted: socket.socket, address: str) -> None:
        accepted.setblocking(False)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # also for what is left to the system after the connection was closed
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * STUCK_SECONDS))
        connection = self._connections.open(address)
        if connection is None:
            log.warning("a connection was refused: there are as many as there is room for (%d)", len(self._connections))
            self._refuse(accepted)
            return
        connection.handler = silent = _SilentConnection(self, accepted, connection)
        self._silent.add(silent)
        self._loop.add_reader(accepted.fileno(), self._readable, silent)

    def _readable(self, silent: _SilentConnection) -> None:
        """Queue a connection whose first bytes have come; WebSockets wait behind requests."""
        self._loop.remove_reader(silent.accepted.fileno())
        if not self._requests and not self._others:
            self._loop.call_soon(self._serve_some)
        complete = self._tls is not None or is_complete_request(silent.accepted)
        (self._requests if complete else self._others)[silent] = None

    def _serve_some(self) -> None:
        """Serve some. Of the others the latest first: where many wait, the earlier ones may have given up."""
        for _ in range(min(REQUESTS_PER_TURN, len(self._requests))):
            self._serve(next(iter(self._requests)))
        for _ in range(min(OTHERS_PER_TURN, len(self._others))):
            self._serve(next(reversed(self._others)))
        if self._requests or self._others:
            self._loop.call_soon(self._serve_some)

    def forget(self, silent: _SilentConnection) -> None:
        """Stop tracking a silent connection: it is served now, or gone."""
        self._silent.discard(silent)
        self._requests.pop(silent, None)
        self._others.pop(silent, None)

    def _serve(self, silent: _SilentConnection) -> None:
        accepted, connection = silent.accepted, silent.connection
        self.forget(silent)
        connection.mark_receiving()
        options = {} if self._tls is None else {"ssl": self._tls, "ssl_handshake_timeout": HEADER_SECONDS}
        opening = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: self._protocol(connection), accepted, **options)  # type: ignore[arg-type]
        )
        connection.handler = _OpeningConnection(opening)
        self._opening.add(opening)
        opening.add_done_callback(lambda task: self._opened(task, connection, accepted))

    def _opened(self, task: asyncio.Task[Any], connection: Connection, accepted: socket.socket) -> None:
        self._opening.discard(task)
        if task.cancelled() or task.exception() is not None:  # such as a handshake that came to nothing
            connection.closed()
            accepted.close()

    def _refuse(self, accepted: socket.socket) -> None:
        if self._tls is None:
            with contextlib.suppress(OSError):
                accepted.send(REFUSAL % (len(REFUSAL_BODY), REFUSAL_BODY))
        accepted.close()

    def _make_room(self, error: OSError) -> None:
        """Close some connections, turn away the newcomer, and pause: the socket stays readable, the loop would spin."""
        log.error("no further connection can be accepted for the moment: %s", error.strerror)
        self._connections.shed(CLOSED_AT_ONCE)
        self._close_spare_file()
        with contextlib.suppress(OSError):
            self._refuse(self._listening.accept()[0])
        self._open_spare_file()
        self._loop.remove_reader(self._listening.fileno())
        self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _open_spare_file(self) -> None:
        """Keep a descriptor in reserve, so that a newcomer can be accepted and turned away when there is no other."""
        try:
            self._spare_file = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            self._spare_file = None

    def _close_spare_file(self) -> None:
        if self._spare_file is not None:
            os.close(self._spare_file)
            self._spare_file = None


class _SilentConnection:
    """A connection that nothing was read from so far: it costs a file descriptor and nothing else."""

    def __init__(self, acceptor: Acceptor, accepted: socket.socket, connection: Connection) -> None:
        self._acceptor = acceptor
        self.accepted = accepted
        self.connection = connection

    def drop(self) -> None:
        asyncio.get_running_loop().remove_reader(self.accepted.fileno())
        self._acceptor.forget(self)
        self.accepted.close()
        self.connection.closed()

    def overdue_reason(self, now: float) -> str | None:
        return "nothing came" if now - self.connection.opened > HEADER_SECONDS else None


class _OpeningConnection:
    """A connection whose protocol is being set up: nothing is known of it until the TLS handshake is over."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def drop(self) -> None:
        self._task.cancel()

    def overdue_reason(self, now: float) -> str | None:
        return None


def is_complete_request(accepted: socket.socket) -> bool:
    """Whether a complete request has come that is not for a WebSocket; peeks, so that nothing of it is consumed."""
    try:
        seen = accepted.recv(PEEK_BYTES, socket.MSG_PEEK)
    except OSError:
        return False
    return b"\r\n\r\n" in seen and b"upgrade: websocket" not in seen.lower()
