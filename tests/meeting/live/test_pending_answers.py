"""Whoever asks a meeting is answered, whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from meeting.live.pending_answers import PendingAnswers
from meeting.session.events import EndRequested, Event
from pipelines.errors import NotFound


def run(body: Callable[[PendingAnswers, list[Event]], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(body(PendingAnswers(), []), 20)

    asyncio.run(bounded())


def test_each_is_answered_by_its_ticket() -> None:
    async def body(answers: PendingAnswers, posted: list[Event]) -> None:
        asked = [asyncio.create_task(answers.ask(EndRequested, posted.append)) for _ in range(2)]
        await asyncio.sleep(0)
        first, second = [event.ticket for event in posted if isinstance(event, EndRequested)]
        assert first != second
        answers.answer(second, ())
        answers.answer(first, None)
        assert await asyncio.gather(*asked) == [None, ()]

    run(body)


def test_a_refusal_is_raised() -> None:
    async def body(answers: PendingAnswers, posted: list[Event]) -> None:
        asked = asyncio.create_task(answers.ask(EndRequested, posted.append))
        await asyncio.sleep(0)
        answers.answer(1, NotFound("no such voice"))
        with pytest.raises(NotFound, match="no such voice"):
            await asked

    run(body)


def test_an_answer_that_nobody_waits_for_any_more_is_let_go() -> None:
    async def body(answers: PendingAnswers, posted: list[Event]) -> None:
        asked = asyncio.create_task(answers.ask(EndRequested, posted.append))
        await asyncio.sleep(0)
        asked.cancel()
        answers.answer(1, ())
        await asyncio.wait({asked})
        answers.answer(1, ())
        answers.answer(7, None)

    run(body)


def test_who_still_waits_when_the_meeting_is_over_learns_that() -> None:
    async def body(answers: PendingAnswers, posted: list[Event]) -> None:
        asked = [asyncio.create_task(answers.ask(EndRequested, posted.append)) for _ in range(3)]
        await asyncio.sleep(0)
        answers.answer(1, ())
        answers.close()
        assert await asyncio.gather(*asked) == [(), None, None]

    run(body)
