"""A client as a room sees it; for tests only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meeting.core.messages import ServerMessage
from meeting.storage.store import Store


class FakeClient:
    """Remembers what it is told."""

    def __init__(self, store: Store | None = None, meeting_id: str = "") -> None:
        self.told: list[ServerMessage] = []
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.done = asyncio.Event()
        self.news = asyncio.Event()
        self.stored: list[int] = []
        self._store, self._meeting_id = store, meeting_id

    def put(self, message: ServerMessage, text: str) -> None:
        """Remember a message, and for final lines how many the store has by then."""
        self.told.append(message)
        self.texts.append(text)
        self.news.set()
        if self._store is not None and getattr(message, "final", False):
            self.stored.append(self._store.meeting(self._meeting_id).segments)

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """Take no earlier lines."""

    def close(self, code: int, reason: str) -> None:
        """Remember the end."""
        self.closed = (code, reason)
        self.done.set()

    @property
    def kinds(self) -> list[str]:
        """Types of all messages."""
        return [message.type for message in self.told]

    async def until(self, kind: str) -> None:
        """Wait for a message of a type."""
        while kind not in self.kinds:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 20)
