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

from meeting.core.access import is_loopback, network

log = logging.getLogger(__name__)

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
SILENT, IDLE, SPEAKING = range(3)
"""What those that wait have done so far: nothing that was read, been served, or sent something that is not whole yet"""
MOST_SILENT = 256
"""Connections of which nothing was read yet: they take a file each, and no memory to speak of"""
READ_BYTES = 1 << 16
"""Most bytes that one read takes from a socket"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be."""

    waiting: int = 128
    """That wait for their clients, beside those that are silent"""
    waiting_each: int = 64
    """The same from one address, which for IPv6 is a /64; not for this machine's own and other proxies'"""
    total: int = 10_000
    """In all"""


class Connection(Protocol):
    """What a peer is connected by now."""

    def drop(self) -> None:
        """End at once, whatever was not sent yet."""

    def overdue(self, now: float) -> str | None:
        """Why the connection must end, if it must; tells the peer meanwhile whose turn it is."""


class Peer:
    """One connection, from its acceptance to its end."""

    __slots__ = ("_connections", "address", "admitted", "connection", "opened", "rank", "since", "speaks")

    def __init__(self, connections: Connections, address: str | None, now: float) -> None:
        self._connections = connections
        self.address = address
        """What counts as one address; None where it does not count"""
        self.opened = now
        self.since = now
        """Since when it is the client's turn, if it is"""
        self.rank = SILENT
        """What it has done so far"""
        self.admitted = False
        """Whether its client was let into a meeting"""
        self.speaks = False
        """Whether its client may send audio, and so large messages"""
        self.connection: Connection | None = None

    @property
    def buffer(self) -> memoryview:
        """Where all connections of a server read to, one after the other; of `READ_BYTES` bytes."""
        return self._connections.buffer

    def spoke(self) -> None:
        """Its first bytes have come."""
        self._connections.spoke(self)

    def wait(self) -> None:
        """It is the client's turn."""
        self._connections.wait(self)

    def serve(self) -> None:
        """It is the server's turn, or the client was let in."""
        self._connections.serve(self)

    def admit(self, reserved: bool = False) -> bool:
        """Let the client in; False when there are as many as may be.

        With `reserved` it also has the places that are kept for those who are not in yet.
        """
        return self._connections.admit(self, reserved)

    def closed(self) -> None:
        """The connection is gone."""
        self._connections.close(self)


class Connections:
    """All connections of a server; lives on its event loop, in seconds of the loop's clock."""

    def __init__(
        self, bounds: Bounds, clock: Callable[[], float], exempt: Callable[[str], bool] = lambda address: False
    ) -> None:
        """`exempt` tells the addresses of proxies: these are not counted each, as those of this machine are not."""
        self.bounds = bounds
        self.total = bounds.total
        """Connections that there may be now"""
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._clock = clock
        self._exempt = exempt
        self._peers: dict[Peer, None] = {}
        self._waiting: tuple[dict[Peer, None], ...] = ({}, {}, {})
        """By rank, and then by age"""
        self._by_address: dict[str, dict[Peer, None]] = {}
        self._admitted = 0

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def waiting(self) -> int:
        """Connections that wait for their clients."""
        return sum(map(len, self._waiting))

    def open(self, address: str) -> Peer | None:
        """Take in a new connection, if need be in place of one that waits; None when there is no place."""
        if len(self._peers) >= self.total and not self._evict(self._oldest()):
            return None
        where = network(address)
        # An IPv4 address may come within an IPv6 one.
        ours = any(is_loopback(one) or self._exempt(one) for one in (address, where))
        peer = Peer(self, None if ours else where, self._clock())
        self._peers[peer] = None
        self._enter(peer)
        return peer

    def spoke(self, peer: Peer) -> None:
        """As `Peer.spoke`."""
        if peer.rank == SILENT:
            self._waiting[SILENT].pop(peer, None)
            peer.rank = SPEAKING
            if peer in self._peers:
                self._waiting[SPEAKING][peer] = None
                self._bound()

    def wait(self, peer: Peer) -> None:
        """As `Peer.wait`."""
        if peer in self._peers and not self._waits(peer):
            self._admitted -= peer.admitted
            peer.since = self._clock()
            self._enter(peer)

    def serve(self, peer: Peer) -> None:
        """As `Peer.serve`."""
        if self._leave(peer):
            peer.rank = IDLE
            self._admitted += peer.admitted

    def admit(self, peer: Peer, reserved: bool) -> bool:
        """As `Peer.admit`."""
        if not reserved and self._admitted >= self.total - self._most_waiting - self._most_silent:
            return False
        if not peer.admitted:
            self._admitted += peer in self._peers and not self._waits(peer)
            peer.admitted = True
        self.serve(peer)
        return True

    def close(self, peer: Peer) -> None:
        """As `Peer.closed`."""
        if peer in self._peers:
            if not self._leave(peer):
                self._admitted -= peer.admitted
            del self._peers[peer]

    def sweep(self) -> None:
        """End what is overdue; to be called about twice a second."""
        now = self._clock()
        for peer in list(self._peers):
            reason = peer.connection.overdue(now) if peer.connection is not None else None
            if reason is not None:
                log.info("a connection ends: %s", reason)
                self._evict(peer)
        self._bound()

    def shed(self, count: int) -> None:
        """End so many of those that wait, the oldest first."""
        for _ in range(count):
            self._evict(self._oldest())

    @property
    def _most_waiting(self) -> int:
        return min(self.bounds.waiting, max(1, self.total // 4))

    @property
    def _most_silent(self) -> int:
        return min(MOST_SILENT, max(1, self.total // 4))

    def _bound(self) -> None:
        silent, idle, speaking = self._waiting
        while len(silent) > self._most_silent:
            self._evict(next(iter(silent)))
        while len(idle) + len(speaking) > self._most_waiting:
            self._evict(next(iter(idle or speaking)))

    def _waits(self, peer: Peer) -> bool:
        return peer in self._waiting[peer.rank]

    def _enter(self, peer: Peer) -> None:
        self._waiting[peer.rank][peer] = None
        if peer.address is not None:
            neighbours = self._by_address.setdefault(peer.address, {})
            neighbours[peer] = None
            if len(neighbours) > self.bounds.waiting_each:
                self._evict(next(iter(neighbours)))
        self._bound()

    def _leave(self, peer: Peer) -> bool:
        """Take a peer out of those that wait; whether it was there."""
        if not self._waits(peer):
            return False
        del self._waiting[peer.rank][peer]
        if peer.address is not None:
            neighbours = self._by_address[peer.address]
            del neighbours[peer]
            if not neighbours:
                del self._by_address[peer.address]
        return True

    def _oldest(self) -> Peer | None:
        return next((peer for queue in self._waiting for peer in queue), None)

    def _evict(self, peer: Peer | None) -> bool:
        if peer is None:
            return False
        self.close(peer)
        if peer.connection is not None:
            peer.connection.drop()
        return True


class Progress:
    """Whether a client takes what is written to it."""

    __slots__ = ("_closing", "_size", "_then")

    def __init__(self, now: float) -> None:
        self._size = 0
        self._then = now
        self._closing: float | None = None

    def stuck(self, size: int, now: float) -> float:
        """Seconds for which nothing was taken, while `size` bytes wait now."""
        if not size or size < self._size:
            self._then = now
        self._size = size
        return now - self._then

    def taken(self, now: float) -> None:
        """Most of what waited was taken, whatever waits by the next look."""
        self._then = now

    def closing(self, now: float) -> float:
        """Seconds for which the connection is being closed: since this was asked first."""
        if self._closing is None:
            self._closing = now
        return now - self._closing


def reset(transport: WriteTransport) -> None:
    """End a connection at once; what the system still holds for a client that does not take it goes as well."""
    ours = transport.get_extra_info("socket")
    if ours is not None:
        with contextlib.suppress(OSError):  # it may be closed already
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def peer_of(scope: Mapping[str, Any]) -> Peer | None:
    """The connection of an ASGI scope; None where it came some other way, as in tests."""
    found = scope.get("state", {}).get("peer")
    return found if isinstance(found, Peer) else None
