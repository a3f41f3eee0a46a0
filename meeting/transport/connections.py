"""Every open connection, and whether it waits for its client: such are limited, and the oldest are closed first.

A connection waits for its client while none of its requests is being answered, while a body comes slowly or an answer
is not read, and, for a WebSocket, until its client was let in. The rest of the time its client waits for the server.
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
"""Seconds from the connection, or the last answer, within which the header of a request must be complete"""
ADMISSION_SECONDS = 30.0
"""Seconds from the connection within which a WebSocket's client must have been let in"""
BODY_SECONDS, BODY_RATE = 20.0, 500.0
"""Seconds that a request's body may take, and bytes for each of which it may take a second more"""
STUCK_SECONDS = 30.0
"""Seconds after which a connection is closed whose client reads nothing of what was written to it"""
SLOW_SECONDS = 5.0
"""Seconds after which such a connection counts as waiting for its client"""
CLOSING_SECONDS = 10.0
"""Seconds that a client has to read the rest after the connection was closed"""
SILENT, IDLE, RECEIVING = range(3)
"""Stages of a waiting connection: nothing was read from it, it was served before, its request is incomplete"""
MAX_SILENT = 256
"""Connections that nothing was read from: each costs a file descriptor and hardly any memory"""
BUFFER_BYTES = 1 << 16
"""Bytes that one read takes from a socket at most"""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be."""

    waiting: int = _LIMITS.pending
    """Waiting for their clients, the silent ones not counted"""
    waiting_per_address: int = _LIMITS.pending_per_address
    """The same from one address, which for IPv6 is a /64; not for this machine's own and other proxies'"""
    total: int = 10_000
    """In all"""


class ConnectionHandler(Protocol):
    """What serves a connection now: nobody yet, HTTP, or a WebSocket."""

    def drop(self) -> None:
        """Close at once, whatever was not sent yet."""

    def overdue_reason(self, now: float) -> str | None:
        """Why the connection must be closed, or None; also marks it as waiting or busy."""


class Connection:
    """One connection, from its acceptance to its end."""

    __slots__ = ("_connections", "address", "admitted", "handler", "opened", "sends_audio", "stage", "waiting_since")

    def __init__(self, connections: ConnectionRegistry, address: str | None, now: float) -> None:
        self._connections = connections
        self.address = address
        """Its network, by which connections are counted; None where they are not"""
        self.opened = now
        self.waiting_since = now
        """When it last began to wait for its client"""
        self.stage = SILENT
        """One of `SILENT`, `IDLE`, `RECEIVING`"""
        self.admitted = False
        """Whether its client was let into a meeting"""
        self.sends_audio = False
        """Whether its client is a source, whose messages may be large"""
        self.handler: ConnectionHandler | None = None

    @property
    def buffer(self) -> memoryview:
        """The buffer that all connections of a server read into, one after the other; of `BUFFER_BYTES` bytes."""
        return self._connections.buffer

    def mark_receiving(self) -> None:
        """Its first bytes have come; it goes on waiting for the rest."""
        self._connections.mark_receiving(self)

    def mark_waiting(self) -> None:
        """It waits for its client from now on."""
        self._connections.mark_waiting(self)

    def mark_busy(self) -> None:
        """It does not wait for its client: a request is being answered, or the client was let in."""
        self._connections.mark_busy(self)

    def admit(self, reserved: bool = False) -> bool:
        """Let the client into a meeting; False when there are as many as allowed.

        With `reserved` it also has the places that are kept for those who are not in yet.
        """
        return self._connections.admit(self, reserved)

    def closed(self) -> None:
        """It is closed."""
        self._connections.close(self)


class ConnectionRegistry:
    """All connections of a server, within limits; lives on its event loop, in seconds of the loop's clock."""

    def __init__(
        self,
        limits: ConnectionLimits,
        clock: Callable[[], float],
        exempt: Callable[[str], bool] = lambda address: False,
        on_refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """`exempt` says which addresses are proxies: like this machine's own, they are not limited by address.

        `on_refused` is told why a connection is turned away or closed before its end: "full", "crowded", "overdue".
        """
        self.limits = limits
        self.total = limits.total
        """Connections that are allowed now"""
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self._clock = clock
        self._exempt = exempt
        self._on_refused = on_refused
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
        """Register a new connection, if need be in place of a waiting one; None when there is no place."""
        if len(self._all) >= self.total and not self._evict(self._oldest_waiting()):
            self._on_refused("full")
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
        """Close what is overdue; to be called about twice a second."""
        now = self._clock()
        for connection in list(self._all):
            reason = connection.handler.overdue_reason(now) if connection.handler is not None else None
            if reason is not None:
                log.info("a connection ends: %s", reason)
                self._evict(connection, "overdue")
        self._enforce_limits()

    def shed(self, count: int) -> None:
        """Close so many of the waiting connections, the oldest first."""
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
        """Remove a connection from the waiting ones; whether it was one."""
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

    def _evict(self, connection: Connection | None, why: str = "crowded") -> bool:
        if connection is None:
            return False
        self._on_refused(why)
        self.close(connection)
        if connection.handler is not None:
            connection.handler.drop()
        return True


class WriteProgress:
    """Whether a client reads what is written to it."""

    __slots__ = ("_closing", "_size", "_then")

    def __init__(self, now: float) -> None:
        self._size = 0
        self._then = now
        self._closing: float | None = None

    def seconds_stuck(self, size: int, now: float) -> float:
        """Seconds for which the client has read nothing, where `size` bytes wait for it now."""
        if not size or size < self._size:
            self._then = now
        self._size = size
        return now - self._then

    def note_taken(self, now: float) -> None:
        """Note that the write buffer has drained, however full it is at the next look."""
        self._then = now

    def seconds_closing(self, now: float) -> float:
        """Seconds since the connection was first seen to be closing."""
        if self._closing is None:
            self._closing = now
        return now - self._closing


def abort_with_reset(transport: WriteTransport) -> None:
    """Close a connection with a TCP reset, which also discards what the kernel still holds for the client."""
    ours = transport.get_extra_info("socket")
    if ours is not None:
        with contextlib.suppress(OSError):  # it may be closed already
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def connection_of(scope: Mapping[str, Any]) -> Connection | None:
    """The connection of an ASGI scope; None where it came some other way, as in tests."""
    found = scope.get("state", {}).get("connection")
    return found if isinstance(found, Connection) else None
