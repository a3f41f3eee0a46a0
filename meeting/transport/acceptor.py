"""Accepts connections: a few at a time, as many as there is room for, and without a fuss when files run out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from meeting.transport.connections import HEADER_SECONDS, STUCK_SECONDS, Connections, Peer

log = logging.getLogger(__name__)

BATCH = 64
"""Connections accepted before those that are there are looked at again"""
PROMPT, LATER = 16, 4
"""Connections begun before those that are there are looked at again: with a whole request, and with anything else"""
PEEK = 4096
"""Bytes looked at to tell what has come"""
BACKLOG = 4096
"""Connections that the system keeps until they are accepted"""
PAUSE = 0.1
"""Seconds for which nothing is accepted after files ran out"""
SHED = 16
"""Connections that go when files run out"""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What `accept` says when there is no room for a further file"""

REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
REASON = b'{"error":{"code":"overloaded","message":"the server has as many connections as it can take; try again"}}'


class Acceptor:
    """Takes connections from a listening socket, in place of asyncio's own loop.

    That one goes on when files have run out, two thousand times at each call, and logs a traceback each time.
    """

    def __init__(
        self,
        listening: socket.socket,
        connections: Connections,
        protocol: Callable[[Peer], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`protocol` makes what serves one peer."""
        self._listening = listening
        self._connections = connections
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._spare: int | None = None
        self._silent: set[_Silent] = set()
        self._prompt: dict[_Silent, None] = {}
        """Of them, those whose request is there, in the order in which they came"""
        self._later: dict[_Silent, None] = {}
        """Of them, those that ask for a websocket, which takes some milliseconds, or have not said all they want"""
        self._opening: set[asyncio.Task[Any]] = set()
        self._open = False

    def start(self) -> None:
        """Accept from now on."""
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._open = True
        self._reserve()
        self._resume()

    def close(self) -> None:
        """Accept no more; the listening socket stays the caller's."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listening.fileno())
            self._release()
            for silent in list(self._silent):
                silent.drop()
            for task in list(self._opening):
                task.cancel()

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(BATCH):
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted(error)
                else:
                    log.warning("a connection could not be accepted: %s", error.strerror)
                return
            self._take(accepted, str(address[0]))

    def _take(self, accepted: socket.socket, address: str) -> None:
        accepted.setblocking(False)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # also for what is left to the system after the connection was closed
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * STUCK_SECONDS))
        peer = self._connections.open(address)
        if peer is None:
            log.warning("a connection was refused: there are as many as there is room for (%d)", len(self._connections))
            self._refuse(accepted)
            return
        peer.connection = silent = _Silent(self, accepted, peer)
        self._silent.add(silent)
        self._loop.add_reader(accepted.fileno(), self._spoke, silent)

    def _spoke(self, silent: _Silent) -> None:
        """Serve a connection whose first bytes have come; websockets in their turn."""
        self._loop.remove_reader(silent.accepted.fileno())
        if not self._prompt and not self._later:
            self._loop.call_soon(self._next)
        prompt = self._tls is not None or is_request(silent.accepted)
        (self._prompt if prompt else self._later)[silent] = None

    def _next(self) -> None:
        """Begin some. Of those for later the latest first: where many wait, the others may well have gone."""
        for _ in range(min(PROMPT, len(self._prompt))):
            self._begin(next(iter(self._prompt)))
        for _ in range(min(LATER, len(self._later))):
            self._begin(next(reversed(self._later)))
        if self._prompt or self._later:
            self._loop.call_soon(self._next)

    def forget(self, silent: _Silent) -> None:
        """A silent connection is silent no more, or gone."""
        self._silent.discard(silent)
        self._prompt.pop(silent, None)
        self._later.pop(silent, None)

    def _begin(self, silent: _Silent) -> None:
        accepted, peer = silent.accepted, silent.peer
        self.forget(silent)
        peer.spoke()
        options = {} if self._tls is None else {"ssl": self._tls, "ssl_handshake_timeout": HEADER_SECONDS}
        opening = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: self._protocol(peer), accepted, **options)  # type: ignore[arg-type]
        )
        peer.connection = _Opening(opening)
        self._opening.add(opening)
        opening.add_done_callback(lambda task: self._opened(task, peer, accepted))

    def _opened(self, task: asyncio.Task[Any], peer: Peer, accepted: socket.socket) -> None:
        self._opening.discard(task)
        if task.cancelled() or task.exception() is not None:  # such as a handshake that came to nothing
            peer.closed()
            accepted.close()

    def _refuse(self, accepted: socket.socket) -> None:
        if self._tls is None:
            with contextlib.suppress(OSError):
                accepted.send(REFUSAL % (len(REASON), REASON))
        accepted.close()

    def _exhausted(self, error: OSError) -> None:
        """Make room, turn away who came, and come back to it: the system goes on telling that someone is there."""
        log.error("no further connection can be accepted for the moment: %s", error.strerror)
        self._connections.shed(SHED)
        self._release()
        with contextlib.suppress(OSError):
            self._refuse(self._listening.accept()[0])
        self._reserve()
        self._loop.remove_reader(self._listening.fileno())
        self._loop.call_later(PAUSE, self._resume)

    def _reserve(self) -> None:
        """Keep a file by which someone can be turned away when there are no more."""
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            self._spare = None

    def _release(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


class _Silent:
    """A connection of which nothing was read so far: nothing is spent on it but its file."""

    def __init__(self, acceptor: Acceptor, accepted: socket.socket, peer: Peer) -> None:
        self._acceptor = acceptor
        self.accepted = accepted
        self.peer = peer

    def drop(self) -> None:
        asyncio.get_running_loop().remove_reader(self.accepted.fileno())
        self._acceptor.forget(self)
        self.accepted.close()
        self.peer.closed()

    def overdue(self, now: float) -> str | None:
        return "nothing came" if now - self.peer.opened > HEADER_SECONDS else None


class _Opening:
    """A connection on its way: before TLS has been agreed on nothing is known of it."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def drop(self) -> None:
        self._task.cancel()

    def overdue(self, now: float) -> str | None:
        return None


def is_request(accepted: socket.socket) -> bool:
    """Whether a whole request has come, and not one for a websocket; nothing of it is read."""
    try:
        seen = accepted.recv(PEEK, socket.MSG_PEEK)
    except OSError:
        return False
    return b"\r\n\r\n" in seen and b"upgrade: websocket" not in seen.lower()
