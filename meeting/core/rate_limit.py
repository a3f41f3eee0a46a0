"""How fast something may come, and how often it may be tried: more than that waits; pure."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

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


def growing_wait(tries: int, first: float, growth: float, longest: float, chance: float) -> float:
    """Seconds to wait after so many tries have failed: `first`, then `growth` times as long each time, up to `longest`.

    `chance`, from 0 to 1, shortens them by up to half, so that those who failed together do not come back together.
    """
    return min(longest, first * growth ** min(tries - 1, 16)) * (0.5 + 0.5 * chance)


def asked_wait(retry_after: str, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date; None where it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
