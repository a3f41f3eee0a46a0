"""How fast something may come: more than that waits; pure."""

from __future__ import annotations

BURST = 4.0
"""Seconds of its full rate that may come at once"""


class RateLimiter:
    """Says how long a source that sends too fast must wait: a bucket of bytes that fills at its rate."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._level = rate * BURST
        self._then = 0.0

    def delay(self, size: int, now: float) -> float:
        """Take `size` bytes at `now` (seconds on any steady clock); seconds to wait before the next are taken."""
        filled = self._level + max(0.0, now - self._then) * self._rate
        self._level, self._then = min(self._rate * BURST, filled) - size, now
        return max(0.0, -self._level / self._rate)
