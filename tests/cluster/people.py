"""A source and readers of one meeting, on the project's own client; what each of them saw, and for how long nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from meeting.client import Client, Disconnected
from meeting.core.messages import AudioInfo

FRAME_SECONDS = 0.1
BYTES_PER_SECOND = 32_000


@dataclass
class Seen:
    """What one client went through."""

    name: str
    losses: int = 0
    """Connections that were lost"""
    away: float = 0.0
    """Seconds without a connection, all together"""
    longest: float = 0.0
    """The longest of them"""
    _since: float | None = None

    def lost(self) -> None:
        """A connection is gone, or there is still none."""
        if self._since is None:
            self.losses, self._since = self.losses + 1, time.monotonic()

    def back(self) -> None:
        """There is one again."""
        if self._since is not None:
            took, self._since = time.monotonic() - self._since, None
            self.away, self.longest = self.away + took, max(self.longest, took)

    def row(self) -> str:
        """For people."""
        return f"{self.name}: {self.losses} losses, {self.away:.1f} s away, {self.longest:.1f} s at the longest"


@dataclass
class Meeting:
    """One meeting that is being held: a source that speaks `audio` at `speed`, and readers."""

    address: str
    id: str
    audio: bytes
    speed: float = 4.0
    source: Seen = field(default_factory=lambda: Seen("source"))
    readers: list[Seen] = field(default_factory=list)
    acked: int = -1
    """Bytes that are known to be kept"""
    sent: float = 0.0
    """Share of the audio that was sent"""
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the source may stop"""
    stalled: float = 0.0
    """The longest time in which nothing was acknowledged while something waited, in seconds"""

    async def run(self, readers: int = 2) -> None:
        """Hold it to its end; raises ClientError when a client gives up."""
        self.readers = [Seen(f"reader {number + 1}") for number in range(readers)]
        reading = [asyncio.create_task(self._read(seen)) for seen in self.readers]
        try:
            await self._speak()
            await asyncio.wait_for(asyncio.gather(*reading), 60)
        finally:
            for task in reading:
                task.cancel()

    async def _speak(self) -> None:
        async with Client(self.address).speak(self.id, AudioInfo("pcm_s16le", 16000, 1)) as source:
            watching = asyncio.create_task(self._follow(source, self.source))
            acks = asyncio.create_task(self._watch_acks(lambda: source.unacknowledged))
            step = round(BYTES_PER_SECOND * FRAME_SECONDS)
            for at in range(0, len(self.audio), step):
                await source.send(self.audio[at : at + step])
                self.sent = (at + step) / len(self.audio)
                await asyncio.sleep(FRAME_SECONDS / self.speed)
            await self.hold.wait()
            await source.finish()
            await watching
            acks.cancel()

    async def _watch_acks(self, waiting: Callable[[], int]) -> None:
        since, before = time.monotonic(), waiting()
        while True:
            await asyncio.sleep(0.02)
            now = waiting()
            if now == 0 or now < before:
                since = time.monotonic()
            before = now
            self.stalled = max(self.stalled, time.monotonic() - since)

    async def _read(self, seen: Seen) -> None:
        async with Client(self.address).follow(self.id) as viewer:
            await self._follow(viewer, seen)

    async def _follow(self, events: object, seen: Seen) -> None:
        async for event in events:  # type: ignore[attr-defined]
            if isinstance(event, Disconnected):
                seen.lost()
            else:
                seen.back()

    def rows(self) -> list[str]:
        """What everybody saw."""
        told = [f"{self.source.row()}; {self.stalled:.1f} s without an ack at the longest"]
        return [*told, *(reader.row() for reader in self.readers)]
