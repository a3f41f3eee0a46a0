"""What people have asked of a running meeting, until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meeting.core.messages import ServerMessage
from meeting.session.events import Event
from pipelines.errors import MeetingError

Answered = tuple[ServerMessage, ...] | None
"""What is now, as all are told it; None when the meeting is over and somebody else must be asked"""


class PendingAnswers:
    """Requests by their tickets; lives on the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Answered]] = {}
        self._last = 0

    async def ask(self, request: Callable[[int], Event], post: Callable[[Event], None]) -> Answered:
        """Post a request, made for the ticket that its answer will name, and wait for that. Raises MeetingError."""
        self._last += 1
        ticket, answered = self._last, asyncio.get_running_loop().create_future()
        self._waiting[ticket] = answered
        post(request(ticket))
        try:
            answer: Answered = await answered
            return answer
        finally:
            del self._waiting[ticket]

    def answer(self, ticket: int, outcome: Answered | MeetingError) -> None:
        """Answer whoever still waits for this ticket."""
        waiting = self._waiting.get(ticket)
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, MeetingError):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    def close(self) -> None:
        """The meeting is over: whoever still waits must ask elsewhere."""
        for ticket in self._waiting:
            self.answer(ticket, None)
