"""For how long shared models have not answered; pure."""

from __future__ import annotations

from collections.abc import Hashable

STALL_AFTER = 3.0
"""Seconds after which a call that waits for its answer counts as waiting in vain"""


class Stalls:
    """Adds up the time in which some call has waited for more than `STALL_AFTER` seconds; times in seconds, not going
    back.

    However many calls wait, a second counts once.
    """

    def __init__(self) -> None:
        self._began: dict[Hashable, float] = {}
        self._seconds = 0.0
        self._counted_until = float("-inf")

    def begin(self, call: Hashable, now: float) -> None:
        """A call is sent."""
        self.seconds(now)
        self._began[call] = now

    def end(self, call: Hashable, now: float) -> None:
        """It is answered, or given up."""
        self.seconds(now)
        self._began.pop(call, None)

    def stalled(self, now: float) -> bool:
        """Whether some call waits in vain now."""
        return bool(self._began) and min(self._began.values()) + STALL_AFTER < now

    def seconds(self, now: float) -> float:
        """The time so far."""
        if self.stalled(now):
            since = max(min(self._began.values()) + STALL_AFTER, self._counted_until)
            self._seconds += max(0.0, now - since)
        self._counted_until = now
        return self._seconds
