"""What is on its way to one client: bounded, newest partial results only, never holding up a meeting."""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from meeting.core.errors import CloseCode
from meeting.core.messages import Ack, Ended, SegmentMessage, ServerMessage, StatsMessage

MAX_MESSAGES = 1000
"""Messages that may wait for a client before it counts as one that does not read"""
MAX_BYTES = 4_000_000
"""The same in bytes of their text frames"""
LONG_TEXT = 32_000
"""Characters from which on a text frame counts as one that holds others up"""


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a connection."""

    code: CloseCode
    reason: str


class Receiver(Protocol):
    """A client, as a room sees it; called on the event loop and never waited for."""

    def put(self, message: ServerMessage, text: str) -> None:
        """Take a message and the same as a text frame."""

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """Send also what `earlier` gives, text frame by text frame until None, each once nothing else waits.

        It takes the place of that of an earlier call.
        """

    def close(self, code: CloseCode, reason: str) -> None:
        """No more will come; end the connection once everything has been sent."""


@dataclass(frozen=True, slots=True)
class _Queued:
    text: str
    droppable: bool


class Outbox:
    """The queue to one socket.

    A newer partial line, ack or figure of the same source takes the place of the one still waiting. When the queue is
    full, partial lines go first; a client that does not even take the rest is cut off (`overflowed`).
    """

    def __init__(
        self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES, turn: asyncio.Lock | None = None
    ) -> None:
        """Many who share a `turn` do not hold the event loop up with long texts at once."""
        self._max_messages = max_messages
        self._turn = turn or asyncio.Lock()
        self._max_bytes = max_bytes
        self._queue: OrderedDict[str, _Queued] = OrderedDict()
        self._size = 0
        self._queued_ever = 0
        self._earlier: Callable[[], str | None] | None = None
        self._ended: str | None = None
        self._closing: Closing | None = None
        self._changed = asyncio.Event()
        self.overflowed = asyncio.Event()
        """Set once the client has fallen too far behind"""

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: ServerMessage, text: str) -> None:
        """Queue a message; after `close` or an overflow it is thrown away."""
        if self._closing is not None or self.overflowed.is_set():
            return
        self._changed.set()
        if isinstance(message, Ended) and self._earlier is not None:  # a client may leave once it hears this
            self._ended = text
            return
        key = _key(message)
        if key is not None and key in self._queue:
            self._take(key)
        self._queued_ever += 1
        final = isinstance(message, SegmentMessage) and message.final
        # That a line is withdrawn counts whether it was final or not: nothing comes after it.
        droppable = isinstance(message, SegmentMessage) and not message.final and message.text != ""
        # A final line takes the place of its partial one, and no later message takes the place of a final line.
        self._queue[f"#{self._queued_ever}" if final or key is None else key] = _Queued(text, droppable)
        self._size += sys.getsizeof(text)
        while len(self._queue) > self._max_messages or self._size > self._max_bytes:
            self._drop_one()

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """Send also what `earlier` gives, text frame by text frame until None, each once nothing else waits."""
        self._earlier = earlier
        self._changed.set()

    def close(self, code: CloseCode, reason: str) -> None:
        """Send what is waiting, then close; the first call counts. Earlier lines are sent at a normal end only."""
        if self._closing is None:
            self._closing = Closing(code, reason)
            self._changed.set()
            if code != CloseCode.NORMAL:
                self._earlier = None

    async def get(self) -> str | Closing:
        """The next text frame, or how to close."""
        while True:
            if self._next_is_long:
                async with self._turn:
                    await asyncio.sleep(0)
                    item = self._next()
            else:
                item = self._next()
            if item is not None:
                return item
            self._changed.clear()
            await self._changed.wait()

    @property
    def _next_is_long(self) -> bool:
        """Whether the next text frame takes its time to make or to send."""
        first = next(iter(self._queue.values()), None)
        return self._earlier is not None if first is None else len(first.text) > LONG_TEXT

    def _next(self) -> str | Closing | None:
        if self._queue:
            return self._take(next(iter(self._queue)))
        # Nothing waits, so the client has been told all there is: what it is told of now is as new as that.
        if self._earlier is not None:
            text = self._earlier()
            if text is not None:
                return text
            self._earlier = None
        if self._ended is not None:
            text, self._ended = self._ended, None
            return text
        return self._closing

    def _take(self, name: str) -> str:
        text = self._queue.pop(name).text
        self._size -= sys.getsizeof(text)
        return text

    def _drop_one(self) -> None:
        """Make room: a partial line goes, which the next one replaces anyway; without one the client is given up."""
        for name, item in self._queue.items():
            if item.droppable:
                self._take(name)
                return
        self._queue.clear()
        self._size = 0
        self._earlier = self._ended = None
        self.overflowed.set()


def _key(message: ServerMessage) -> str | None:
    """What a newer message of the same key replaces; None where every one counts."""
    if isinstance(message, SegmentMessage):
        return f"segment {message.id}"
    if isinstance(message, StatsMessage):
        return f"stats {message.source_id}"
    return message.type if isinstance(message, Ack) else None
