"""How much audio may be on its way at once: more than that waits."""

from __future__ import annotations

import asyncio

HIGH_WATER = 4 << 20
"""Bytes of audio on their way to disk above which a meeting's sockets are not read"""
EACH = 512
"""Bytes that a frame counts beyond its payload: about what its place in the queues takes, or tiny ones had no bound"""


class ByteBudget:
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
