"""Events that wait for the program."""

from __future__ import annotations

import asyncio

import pytest

from meeting.client.errors import ClientError
from meeting.client.event_queue import EventQueue
from meeting.client.events import Event
from meeting.client.transcript import TranscriptState
from meeting.core.errors import ErrorCode
from meeting.core.messages import Ended, ErrorMessage, SegmentMessage, SnapshotMessage, StateMessage


def line(number: int, rev: int = 1) -> SegmentMessage:
    return SegmentMessage(f"s{number}", rev, True, "s", number, number + 1, None, f"text {rev}", 4, ())


async def rest(queue: EventQueue) -> list[Event]:
    events = []
    while (event := await queue.get()) is not None:
        events.append(event)
    return events


def test_events_come_in_their_order_and_end() -> None:
    async def run() -> list[Event]:
        queue = EventQueue()
        queue.put(line(0))
        queue.put(Ended(1))
        queue.close()
        return await rest(queue)

    assert asyncio.run(run()) == [line(0), Ended(1)]


def test_who_waits_gets_what_comes() -> None:
    async def run() -> Event | None:
        queue = EventQueue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put(line(0))
        return await waiting

    assert asyncio.run(run()) == line(0)


def test_an_error_comes_behind_the_last_event_every_time() -> None:
    async def run() -> None:
        queue = EventQueue()
        queue.put(line(0))
        queue.close(ClientError("over"))
        queue.close()
        assert await queue.get() == line(0)
        for _ in range(2):
            with pytest.raises(ClientError, match="over"):
                await queue.get()

    asyncio.run(run())


def test_what_does_not_fit_is_summed_up_and_nothing_is_lost() -> None:
    async def run() -> list[Event]:
        queue = EventQueue(max_events=10)
        full = ErrorMessage(ErrorCode.STORAGE, "full", False)
        queue.put(full)
        for number in range(40):
            queue.put(line(number))
            queue.put(line(number, 2))
        queue.put(StateMessage("ended", "Monday"))
        queue.put(Ended(40))
        queue.close()
        events = await rest(queue)
        assert full in events
        return events

    events, state = asyncio.run(run()), TranscriptState()
    assert len(events) <= 12
    assert any(isinstance(event, SnapshotMessage) for event in events)
    for event in events:
        state.apply(event)
    assert state.segments == [line(number, 2) for number in range(40)]
    assert events[-1] == Ended(40)


def test_the_end_stays_last_where_it_is_what_does_not_fit() -> None:
    async def run() -> list[Event]:
        queue = EventQueue(max_events=1)
        queue.put(line(0))
        queue.put(Ended(1))
        queue.close()
        return await rest(queue)

    events = asyncio.run(run())
    assert [event.type for event in events] == ["snapshot", "ended"]


def test_errors_that_nobody_takes_do_not_fill_the_memory() -> None:
    queue = EventQueue(max_events=10)
    for number in range(1000):
        queue.put(ErrorMessage(ErrorCode.STORAGE, str(number), False))
    assert len(queue._events) < 130
