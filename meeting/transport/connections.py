"""Who is connected, and whose turn it is: those that keep the server waiting are bounded, and the oldest go first.

A connection waits for its client while no request of it is being answered, while a body comes slowly or an answer is
not taken, and, for a socket, until its client was let in. The rest of the time its client waits for the server.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from asyncio import WriteTransport
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from meeting.config.settings import Limits
from meeting.transport.addresses import client_network, is_loopback

log = logging.getLogger(__name__)

_LIMITS = Limits()

HEADER_SECONDS = 10.0
"""Seconds within which a request must have come whole, but for its body, from the connection or the last answer on"""
ADMISSION_SECONDS = 30.0
"""Seconds within which a socket's client must have been let in, from the connection on"""
BODY_SECONDS, BODY_RATE = 20.0, 500.0
"""Seconds that a body may take, and bytes for which it may take one second more"""
STUCK_SECONDS = 30.0
"""Seconds after which a connection ends whose client takes nothing of what waits for it"""
SLOW_SECONDS = 5.0
"""Seconds after which such a connection counts as waiting for its client"""
CLOSING_SECONDS = 10.0
"""Seconds that a client has to take the rest of a connection that was closed"""
SILENT, IDLE, RECEIVING = range(3)
"""Stages of those that wait: nothing of theirs was read, they were served before, what has come is not whole yet"""
MAX_SILENT = 256
"""Connections of which nothing was read yet: they take a file each, and no memory to speak of"""
BUFFER_BYTES = 1 << 16
"""Most bytes that one read takes from a socket"""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be."""

    waiting: int = _LIMITS.pending
    """That wait for their clients, beside those that are silent"""
    waiting_per_address: int = _LIMITS.pending_per_address
    """The same from one address, which for IPv6 is a /64; not for this machine's own and other proxies'"""
    total: int = 10_000
    """In all"""


class ConnectionHandler(Protocol):
    """What serves a connection now: nobody yet, HTTP, or a WebSocket."""

    def drop(self) -> None:
        """End at once, whatever was not sent yet."""

    def overdue_reason(self, now: float) -> str | None:
        """Why the connection must end, or None; tells it meanwhile whose turn it is."""


class Connection:
    """One connection, from its acceptance to its end."""

    __slots__ = ("_connections", "address", "admitted", "handler", "opened", "sends_audio", "stage", "waiting_since")

    def __init__(self, connections: ConnectionRegistry, address: str | None, now: float) -> None:
        self._connections = connections
        self.address = address
        """What counts as one address; None where it does not count"""
        self.opened = now
        self.waiting_since = now
        """Since when it is the client's turn, if it is"""
        self.stage = SILENT
        """What it has done so far"""
        self.admitted = False
        """Whether its client was let into a meeting"""
        self.sends_audio = False
        """Whether its client may send audio, and so large messages"""
        self.handler: ConnectionHandler | None = None

    @property
    def buffer(self) -> memoryview:
        """Where all connections of a server read to, one after the other; of `BUFFER_BYTES` bytes."""
        return self._connections.buffer

    def mark_receiving(self) -> None:
        """Its first bytes have come."""
        self._connections.mark_receiving(self)

    def mark_waiting(self) -> None:
        """It is the client's turn."""
        self._connections.mark_waiting(self)

    def mark_busy(self) -> None:
        """It is the server's turn, or the client was let in."""
        self._connections.mark_busy(self)

    def admit(self, reserved: bool = False) -> bool:
        """Let the client in; False when there are as many as may be.

        With `reserved` it also has the places that are kept for those who are not in yet.
        """
        return self._connections.admit(self, reserved)

    def closed(self) -> None:
        """The connection is gone."""
        self._connections.close(self)


class ConnectionRegistry:
    """All connections of a server; lives on its event loop, in seconds of the loop's clock."""

    def __init__(
        self,
        limits: ConnectionLimits,
        clock: Callable[[], float],
        exempt: Callable[[str], bool] = lambda address: False,
    ) -> None:
        """`exempt` tells the addresses of proxies: these are not counted each, as those of this machine are not."""
        self.limits = limits
        self.total = limits.total
        """Connections that there may be now"""
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self._clock = clock
        self._exempt = exempt
        self._all: dict[Connection, None] = {}
        self._waiting: tuple[dict[Connection, None], ...] = ({}, {}, {})
        """By stage, and then by age"""
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._admitted = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def waiting(self) -> int:
        """Connections that wait for their clients."""
        return sum(map(len, self._waiting))

    def open(self, address: str) -> Connection | None:
        """Take in a new connection, if need be in place of one that waits; None when there is no place."""
        if len(self._all) >= self.total and not self._evict(self._oldest_waiting()):
            return None
        where = client_network(address)
        # An IPv4 address may come within an IPv6 one.
        ours = any(is_loopback(one) or self._exempt(one) for one in (address, where))
        connection = Connection(self, None if ours else where, self._clock())
        self._all[connection] = None
        self._add_waiting(connection)
        return connection

    def mark_receiving(self, connection: Connection) -> None:
        """As `Connection.mark_receiving`."""
        if connection.stage == SILENT:
            self._waiting[SILENT].pop(connection, None)
            connection.stage = RECEIVING
            if connection in self._all:
                self._waiting[RECEIVING][connection] = None
                self._enforce_limits()

    def mark_waiting(self, connection: Connection) -> None:
        """As `Connection.mark_waiting`."""
        if connection in self._all and not self._is_waiting(connection):
            self._admitted -= connection.admitted
            connection.waiting_since = self._clock()
            self._add_waiting(connection)

    def mark_busy(self, connection: Connection) -> None:
        """As `Connection.mark_busy`."""
        if self._remove_waiting(connection):
            connection.stage = IDLE
            self._admitted += connection.admitted

    def admit(self, connection: Connection, reserved: bool) -> bool:
        """As `Connection.admit`."""
        if not reserved and self._admitted >= self.total - self._max_waiting - self._max_silent:
            return False
        if not connection.admitted:
            self._admitted += connection in self._all and not self._is_waiting(connection)
            connection.admitted = True
        self.mark_busy(connection)
        return True

    def close(self, connection: Connection) -> None:
        """As `Connection.closed`."""
        if connection in self._all:
            if not self._remove_waiting(connection):
                self._admitted -= connection.admitted
            del self._all[connection]

    def sweep(self) -> None:
        """End what is overdue; to be called about twice a second."""
        now = self._clock()
        for connection in list(self._all):
            reason = connection.handler.overdue_reason(now) if connection.handler is not None else None
            if reason is not None:
                log.info("a connection ends: %s", reason)
                self._evict(connection)
        self._enforce_limits()

    def shed(self, count: int) -> None:
        """End so many of those that wait, the oldest first."""
        for _ in range(count):
            self._evict(self._oldest_waiting())

    @property
    def _max_waiting(self) -> int:
        return min(self.limits.waiting, max(1, self.total // 4))

    @property
    def _max_silent(self) -> int:
        return min(MAX_SILENT, max(1, self.total // 4))

    def _enforce_limits(self) -> None:
        silent, idle, receiving = self._waiting
        while len(silent) > self._max_silent:
            self._evict(next(iter(silent)))
        while len(idle) + len(receiving) > self._max_waiting:
            self._evict(next(iter(idle or receiving)))

    def _is_waiting(self, connection: Connection) -> bool:
        return connection in self._waiting[connection.stage]

    def _add_waiting(self, connection: Connection) -> None:
        self._waiting[connection.stage][connection] = None
        if connection.address is not None:
            neighbours = self._by_address.setdefault(connection.address, {})
            neighbours[connection] = None
            if len(neighbours) > self.limits.waiting_per_address:
                self._evict(next(iter(neighbours)))
        self._enforce_limits()

    def _remove_waiting(self, connection: Connection) -> bool:
        """Take a connection out of those that wait; whether it was there."""
        if not self._is_waiting(connection):
            return False
        del self._waiting[connection.stage][connection]
        if connection.address is not None:
            neighbours = self._by_address[connection.address]
            del neighbours[connection]
            if not neighbours:
                del self._by_address[connection.address]
        return True

    def _oldest_waiting(self) -> Connection | None:
        return next((connection for queue in self._waiting for connection in queue), None)

    def _evict(self, connection: Connection | None) -> bool:
        if connection is None:
            return False
        self.close(connection)
        if connection.handler is not None:
            connection.handler.drop()
        return True


class WriteProgress:
    """Whether a client takes what is written to it."""

    __slots__ = ("_closing", "_size", "_then")

    def __init__(self, now: float) -> None:
        self._size = 0
        self._then = now
        self._closing: float | None = None

    def seconds_stuck(self, size: int, now: float) -> float:
        """Seconds for which nothing was taken, while `size` bytes wait now."""
        if not size or size < self._size:
            self._then = now
        self._size = size
        return now - self._then

    def note_taken(self, now: float) -> None:
        """Most of what waited was taken, whatever waits by the next look."""
        self._then = now

    def seconds_closing(self, now: float) -> float:
        """Seconds for which the connection is being closed: since this was asked first."""
        if self._closing is None:
            self._closing = now
        return now - self._closing


def abort_with_reset(transport: WriteTransport) -> None:
    """End a connection at once; what the system still holds for a client that does not take it goes as well."""
    ours = transport.get_extra_info("socket")
    if ours is not None:
        with contextlib.suppress(OSError):  # it may be closed already
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def connection_of(scope: Mapping[str, Any]) -> Connection | None:
    """The connection of an ASGI scope; None where it came some other way, as in tests."""
    found = scope.get("state", {}).get("connection")
    return found if isinstance(found, Connection) else None
