"""What a server has: all meetings where it is the only one, else those that it has claimed, for as long as it may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from meeting.storage.store import Store

DUTY = "duty:"
"""How the names of duties begin, which no meeting's id does"""


def always() -> bool:
    """What a server has that is the only one stays its own."""
    return True


@dataclass(eq=False)
class Claim:
    """A meeting, or another thing that one server does for all, as long as this server has it."""

    subject: str
    """A meeting's id, or the name of a duty"""
    store: Store
    """Whose writes fail with OwnershipLost once another server has it"""
    held: Callable[[], bool] = always
    """Whether nobody else can have it, by this server's own clock; from any thread"""
    fence: int = 0
    """Grows whenever it goes to a server"""
    former: str | None = None
    """The server that had it and did not give it back: it may still run, and find out only later"""
    beside: tuple[str, ...] = ()
    """What else that server had then"""
    users: int = 1
    """Of this process"""


@dataclass(frozen=True, slots=True)
class LeaseFigures:
    """How one of several servers stands with its lease, for whoever watches over it; meetings only, no duties."""

    owned: int
    """Meetings that it has now"""
    takeovers: int
    """Meetings that it took over from servers that were gone, since it started"""
    losses: int
    """Times that its lease was lost since it started"""
    age: float | None
    """Seconds since the last renewal that succeeded was asked for, also once the lease is lost; None before any"""


class Ownership(Protocol):
    """Which server has what; lives on the event loop."""

    clustered: bool
    """Whether there may be other servers"""

    def held(self) -> bool:
        """Whether this server may act at all."""

    def holds(self, subject: str) -> bool:
        """Whether this server has something now."""

    async def take(self, subject: str) -> Claim:
        """Claim something, once more where it is claimed here; to be given back.

        Raises Elsewhere where another server has it, Moving where that is to be seen in a moment, and StoreError.
        """

    async def give_back(self, claim: Claim) -> None:
        """Let another server have it once nobody here uses it; never raises."""

    def give_back_after(self, claim: Claim, released: Callable[[], Awaitable[object]]) -> None:
        """Do so in a task of its own, once what still writes for it is over."""

    async def require(self, subject: str) -> None:
        """Raise Elsewhere or Moving where another server has something; nothing is claimed. Raises StoreError."""

    async def settle(self, timeout: float) -> None:
        """Wait until all that is to be given back has been, for so many seconds."""

    def figures(self) -> LeaseFigures | None:
        """How it stands with the lease; None where there is none, since there is no other server."""


@asynccontextmanager
async def holding(ownership: Ownership, subject: str) -> AsyncIterator[Claim]:
    """Claimed within the block; raises as `take` does."""
    claim = await ownership.take(subject)
    try:
        yield claim
    finally:
        await ownership.give_back(claim)


class SingleServer:
    """There is no other: everything is this server's, and nobody is asked."""

    clustered = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def held(self) -> bool:
        """Always."""
        return True

    def holds(self, subject: str) -> bool:
        """Everything."""
        return True

    async def take(self, subject: str) -> Claim:
        """Nobody else can have it."""
        return Claim(subject, self._store)

    async def give_back(self, claim: Claim) -> None:
        """Nothing to do."""

    def give_back_after(self, claim: Claim, released: Callable[[], Awaitable[object]]) -> None:
        """Nothing to do."""

    async def require(self, subject: str) -> None:
        """It is here."""

    async def settle(self, timeout: float) -> None:
        """Nothing to wait for."""

    def figures(self) -> LeaseFigures | None:
        """There is no lease."""
        return None
