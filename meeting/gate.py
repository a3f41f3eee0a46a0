"""How much audio may be on its way at once, and how fast it may come: more than that waits."""

from __future__ import annotations

import asyncio

HIGH_WATER = 4 << 20
"""Bytes of audio on their way to disk above which a meeting's sockets are not read"""
EACH = 512
"""Bytes that a frame counts beyond its payload: about what its place in the queues takes, or tiny ones had no bound"""
BURST = 4.0
"""Seconds of its full rate that a source may send at once"""


class Gate:
    """Lets frames in while the bytes under way are below a mark; more than that waits."""

    def __init__(self, high: int = HIGH_WATER, each: int = EACH) -> None:
        self._high = high
        self._each = each
        self._held = 0
        self._below = asyncio.Event()
        self._below.set()

    async def enter(self, size: int) -> None:
        """Wait for room, then count a frame of `size` bytes in."""
        await self._below.wait()
        self._held += size + self._each
        if self._held >= self._high:
            self._below.clear()

    def leave(self, size: int) -> None:
        """Count a frame of `size` bytes out."""
        self._held -= size + self._each
        if self._held < self._high:
            self._below.set()


class Pace:
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
