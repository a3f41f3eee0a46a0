"""What is on its way to one client: bounded, newest partial results only, never holding up a meeting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from meeting.messages import Ack, SegmentMessage, ServerMessage, StatsMessage

LIMIT = 1000
"""Messages that may wait for a client before it counts as one that does not read"""


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a connection."""

    code: int
    reason: str


class Receiver(Protocol):
    """A client, as a room sees it; called on the event loop and never waited for."""

    def put(self, message: ServerMessage, text: str) -> None:
        """Take a message and the same as a text frame."""

    def close(self, code: int, reason: str) -> None:
        """No more will come; end the connection once everything has been sent."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    droppable: bool


class Outbox:
    """The queue to one socket.

    A newer provisional line, ack or figure takes the place of the one still waiting. When the queue is full,
    provisional lines go first; a client that does not even take the rest is cut off (`overflowed`).
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._count = 0
        self._closing: Closing | None = None
        self._changed = asyncio.Event()
        self.overflowed = asyncio.Event()
        """Set once the client has fallen too far behind"""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: ServerMessage, text: str) -> None:
        """Queue a message; after `close` or an overflow it is thrown away."""
        if self._closing is not None or self.overflowed.is_set():
            return
        key = _key(message)
        if key is not None:
            self._waiting.pop(key, None)
        self._count += 1
        final = isinstance(message, SegmentMessage) and message.final
        droppable = isinstance(message, SegmentMessage) and not message.final
        # A final line takes its provisional one's place, and no later message its.
        self._waiting[f"#{self._count}" if final or key is None else key] = _Waiting(text, droppable)
        if len(self._waiting) > self._limit:
            self._shed()
        self._changed.set()

    def close(self, code: int, reason: str) -> None:
        """Send what is waiting, then close; the first call counts."""
        if self._closing is None:
            self._closing = Closing(code, reason)
            self._changed.set()

    async def get(self) -> str | Closing:
        """The next text frame, or how to close."""
        while not self._waiting:
            if self._closing is not None:
                return self._closing
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popitem(last=False)[1].text

    def _shed(self) -> None:
        for name, item in self._waiting.items():
            if item.droppable:
                del self._waiting[name]
                return
        self._waiting.clear()
        self.overflowed.set()


def _key(message: ServerMessage) -> str | None:
    """What a newer message of the same key replaces; None where every one counts."""
    if isinstance(message, SegmentMessage):
        return f"segment {message.id}"
    return message.type if isinstance(message, (Ack, StatsMessage)) else None
