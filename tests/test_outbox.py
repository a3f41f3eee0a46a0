"""What waits for a client: bounded, and never more than it needs."""

from __future__ import annotations

import asyncio

from meeting.messages import Ack, Ended, SegmentMessage, ServerMessage, StatsMessage, encode
from meeting.outbox import Closing, Outbox


def line(id_: str = "s1", rev: int = 1, final: bool = False) -> SegmentMessage:
    return SegmentMessage(id_, rev, final, "a", 0.0, 1.0, None, "x", 0, ())


def put(outbox: Outbox, *messages: ServerMessage) -> None:
    for message in messages:
        outbox.put(message, encode(message))


async def _drain(outbox: Outbox) -> list[str | Closing]:
    found: list[str | Closing] = [await outbox.get() for _ in range(len(outbox))]
    return found


def drain(limit: int, *messages: ServerMessage) -> list[str | Closing]:
    async def run() -> list[str | Closing]:
        outbox = Outbox(limit)
        put(outbox, *messages)
        return await _drain(outbox)

    return asyncio.run(run())


def texts(*messages: ServerMessage) -> list[str]:
    return [encode(message) for message in messages]


def test_messages_come_out_in_order() -> None:
    told = (line("s1", 1, True), Ended(1), line("s2", 1, True))
    assert drain(9, *told) == texts(*told)


def test_a_newer_provisional_line_replaces_the_one_that_waits() -> None:
    assert drain(9, line(rev=1), line("s2"), line(rev=2)) == texts(line("s2"), line(rev=2))


def test_a_final_line_replaces_the_provisional_one_and_stays() -> None:
    assert drain(9, line(rev=1), line(rev=2, final=True), line(rev=3)) == texts(line(rev=2, final=True), line(rev=3))


def test_only_the_newest_ack_and_figures_wait() -> None:
    told = [Ack(1, 0.1), StatsMessage(0, 0, 0, 0, 0, "none"), Ack(2, 0.2), StatsMessage(1, 1, 1, 1, 1, "none")]
    assert drain(9, *told) == texts(Ack(2, 0.2), StatsMessage(1, 1, 1, 1, 1, "none"))


def test_provisional_lines_go_first_when_the_queue_is_full() -> None:
    finals = [line(f"s{i}", 1, True) for i in range(3)]
    assert drain(3, finals[0], line("p"), finals[1], finals[2]) == texts(*finals)


def test_a_client_that_takes_not_even_the_rest_is_cut_off() -> None:
    async def run() -> tuple[bool, int]:
        outbox = Outbox(2)
        put(outbox, *[line(f"s{i}", 1, True) for i in range(3)])
        put(outbox, Ended(1))
        return outbox.overflowed.is_set(), len(outbox)

    assert asyncio.run(run()) == (True, 0)


def test_closing_comes_after_everything_that_waits_and_nothing_after_it() -> None:
    async def run() -> list[str | Closing]:
        outbox = Outbox()
        put(outbox, Ended(1))
        outbox.close(1000, "ended")
        outbox.close(1011, "too late")
        put(outbox, Ended(2))
        return [await outbox.get(), await outbox.get()]

    assert asyncio.run(run()) == [encode(Ended(1)), Closing(1000, "ended")]


def test_a_waiting_reader_wakes_up() -> None:
    async def run() -> str | Closing:
        outbox = Outbox()
        reader = asyncio.create_task(outbox.get())
        await asyncio.sleep(0)
        put(outbox, Ended(1))
        return await reader

    assert asyncio.run(run()) == encode(Ended(1))
