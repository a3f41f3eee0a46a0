"""Events between the connection and the program: bounded, and never in the way of what must go on.

Acknowledgements come on the same connection, so that it is read on however slowly a program takes its events. What
does not fit any more is summed up: one snapshot, with the same effect as all those that it stands for.
"""

from __future__ import annotations

import asyncio
from collections import deque

from meeting.client.events import Disconnected, Event
from meeting.client.transcript import TranscriptState
from meeting.core.messages import Ended, ErrorMessage, SessionMessage

MAX_EVENTS = 2000
"""Events that wait for the program"""
MAX_KEPT = 100
"""Of those that a snapshot does not hold, such as errors, the newest stay"""


class EventQueue:
    """First in, first out; for one event loop."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self._max_events = max_events
        self._events: deque[Event] = deque()
        self._state = TranscriptState()
        self._news = asyncio.Event()
        self._closed = False
        self._error: BaseException | None = None

    def put(self, event: Event) -> None:
        """Let the program have an event; at once, whether it takes any or not."""
        self._state.apply(event)
        self._events.append(event)
        if len(self._events) > self._max_events:
            kept = [
                one for one in self._events if isinstance(one, ErrorMessage | SessionMessage | Ended | Disconnected)
            ]
            ends = [one for one in kept if isinstance(one, Ended)]
            others = [one for one in kept if not isinstance(one, Ended)][-MAX_KEPT:]
            self._events = deque([*others, self._state.snapshot(), *ends])
        self._news.set()

    def close(self, error: BaseException | None = None) -> None:
        """No more will come; `error` is raised behind the last one."""
        if not self._closed:
            self._closed, self._error = True, error
        self._news.set()

    async def get(self) -> Event | None:
        """The next event; None behind the last one. Raises the error that it was closed with, every time."""
        while not self._events:
            if self._closed:
                if self._error is not None:
                    raise self._error
                return None
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()
