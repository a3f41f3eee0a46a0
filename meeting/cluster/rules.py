"""What a server knows of its lease by its own clock, and what it tells a client whose meeting is elsewhere; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from meeting.core.continuity.ownership import Owner
from meeting.core.errors import Elsewhere, Moving

OWN_SHARE = 0.9
"""Of a lease, after which its server takes it for lost: two clocks never run alike, and an answer takes a while"""
RENEW_SHARE = 1 / 3
"""Of a lease, after which it is renewed"""
RETRY_SHARE = 1 / 10
"""Of a lease, after which is tried again what the database refused"""
LATE_SHARE = 0.5
"""Of a lease, what is left of it where its server has missed a renewal, and may be gone"""
CHOICE_SHARE = 0.5
"""Of a lease, for which a meeting without a server waits for the one that its clients come to"""
LONGEST_WAIT = 2.0
"""Seconds after which a client is asked to come back at most: a server may stop cleanly, which takes no lease's time"""

COMMAND = "command:"
"""How the address of a command begins that has a lease: no client is sent there"""
AT_WORK = "a command works on this meeting, such as recover or retranscribe: come back in a moment"


@dataclass(frozen=True, slots=True)
class Lease:
    """One server's lease; times are seconds of its own steady clock."""

    server_id: str
    length: float
    """Seconds that each renewal lasts by the database's clock"""
    renewed_at: float
    """When the renewal that succeeded last was asked for, which is before the database counted from"""

    def held(self, now: float) -> bool:
        """Whether nobody else can have taken anything over yet.

        >>> lease = Lease("a", 10.0, renewed_at=100.0)
        >>> lease.held(108.9), lease.held(109.0)
        (True, False)
        """
        return now - self.renewed_at < self.length * OWN_SHARE

    def until_renewal(self, now: float) -> float:
        """Seconds until it is to be renewed."""
        return max(0.0, self.renewed_at + self.length * RENEW_SHARE - now)

    def renewed(self, asked_at: float, now: float) -> Lease | None:
        """The lease after a renewal that was asked for then; None where it had been lost before the answer came.

        What was taken for lost stays lost: others of this process have acted on it.
        """
        return replace(self, renewed_at=asked_at) if self.held(now) else None


def refusal(owner: Owner, length: float) -> Elsewhere | Moving:
    """What a client is told whose meeting another server has; a lease lasts `length` seconds.

    >>> refusal(Owner("a", "https://a.example.org", 9.0), 10.0).address
    'https://a.example.org'
    >>> refusal(Owner("a", "https://a.example.org", 1.5), 10.0).wait
    1.5
    >>> str(refusal(Owner("a", "command:k3v9", 9.0), 10.0))
    'a command works on this meeting, such as recover or retranscribe: come back in a moment'
    """
    if owner.address.startswith(COMMAND):
        return Moving(LONGEST_WAIT, AT_WORK)
    if owner.left >= length * LATE_SHARE:
        return Elsewhere(owner.address)
    return Moving(min(LONGEST_WAIT, max(0.1, owner.left)))


class Unclaimed:
    """Meetings that no server has, for as long as this one has seen them so.

    A client that comes decides which server takes a meeting: the balancer sends all others of that meeting there too.
    """

    def __init__(self, length: float) -> None:
        """`length` is that of a lease, in seconds."""
        self._patience = length * CHOICE_SHARE
        self._seen: dict[str, float] = {}

    def ripe(self, found: Iterable[str], now: float) -> list[str]:
        """Which of those that are without a server now nobody has come to for long enough."""
        self._seen = {meeting_id: self._seen.get(meeting_id, now) for meeting_id in found}
        return [meeting_id for meeting_id, since in self._seen.items() if now - since >= self._patience]
