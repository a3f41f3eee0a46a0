"""Which of several servers has a meeting, as the database knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has something."""

    server_id: str
    address: str
    """Where clients reach it"""
    left: float
    """Seconds that its lease still runs by the database's clock"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Something that a server has from now on."""

    subject: str
    server_id: str
    fence: int
    """Grows whenever it goes to a server"""
    former: str | None = None
    """The server that had it and did not give it back"""
    beside: tuple[str, ...] = ()
    """What else that server had"""


@dataclass(frozen=True, slots=True)
class Left:
    """Something that must be gone on with and has no server."""

    subject: str
    former: str | None
    """The server that had it and did not give it back"""
