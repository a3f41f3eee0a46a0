"""What waits for a client: bounded, and never more than it needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from meeting.core.messages import Ack, Ended, SegmentMessage, ServerMessage, StatsMessage, encode
from meeting.delivery.outbox import Closing, Outbox


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


def test_a_newer_partial_line_replaces_the_one_that_waits() -> None:
    assert drain(9, line(rev=1), line("s2"), line(rev=2)) == texts(line("s2"), line(rev=2))


def test_a_final_line_replaces_the_partial_one_and_stays() -> None:
    assert drain(9, line(rev=1), line(rev=2, final=True), line(rev=3)) == texts(line(rev=2, final=True), line(rev=3))


def test_only_the_newest_ack_and_figures_wait() -> None:
    told = [Ack(1, 0.1), StatsMessage(0, 0, 0, 0, 0, "none"), Ack(2, 0.2), StatsMessage(1, 1, 1, 1, 1, "none")]
    assert drain(9, *told) == texts(Ack(2, 0.2), StatsMessage(1, 1, 1, 1, 1, "none"))


def test_figures_of_one_source_do_not_replace_those_of_another() -> None:
    ann, bob = (StatsMessage(0, 0, 0, 0, 0, "none", source_id=name) for name in ("ann", "bob"))
    assert drain(9, ann, bob, replace(ann, level=-20.0)) == texts(bob, replace(ann, level=-20.0))


def test_that_a_partial_line_is_withdrawn_is_told_also_when_the_queue_is_full() -> None:
    finals, withdrawn = [line(f"s{i}", 1, True) for i in range(2)], replace(line("p", 2), text="")
    assert drain(3, withdrawn, finals[0], line("q"), finals[1]) == texts(withdrawn, *finals)


def test_partial_lines_go_first_when_the_queue_is_full() -> None:
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


async def everything(outbox: Outbox) -> list[str | Closing]:
    found = [await outbox.get()]
    while not isinstance(found[-1], Closing):
        found.append(await outbox.get())
    return found


def parts(*texts: str) -> Callable[[], str | None]:
    left = list(texts)
    return lambda: left.pop(0) if left else None


def test_earlier_lines_come_once_nothing_else_waits_and_the_goodbye_after_them() -> None:
    async def run() -> list[str | Closing]:
        outbox = Outbox()
        outbox.follow(parts("a", "b"))
        put(outbox, line("s1", 1, True))
        found = [await outbox.get(), await outbox.get()]
        put(outbox, line("s2", 1, True), Ended(2))
        outbox.close(1000, "ended")
        return [*found, *await everything(outbox)]

    first, second = texts(line("s1", 1, True), line("s2", 1, True))
    assert asyncio.run(run()) == [first, "a", second, "b", encode(Ended(2)), Closing(1000, "ended")]


def test_a_part_is_made_only_once_it_can_be_taken() -> None:
    made: list[int] = []

    async def run() -> None:
        outbox = Outbox()
        outbox.follow(lambda: made.append(1) or "part")  # type: ignore[func-returns-value]
        await asyncio.sleep(0)
        assert made == []
        await outbox.get()
        assert made == [1]

    asyncio.run(run())


def test_a_client_that_is_sent_away_gets_no_earlier_lines() -> None:
    async def run() -> list[str | Closing]:
        outbox = Outbox()
        outbox.follow(parts("a", "b"))
        outbox.close(4401, "forbidden")
        return await everything(outbox)

    assert asyncio.run(run()) == [Closing(4401, "forbidden")]


def test_a_new_snapshot_takes_the_place_of_what_was_still_to_come_of_the_old_one() -> None:
    async def run() -> list[str | Closing]:
        outbox = Outbox()
        outbox.follow(parts("old", "old"))
        assert await outbox.get() == "old"
        outbox.follow(parts("new"))
        outbox.close(1000, "ended")
        return await everything(outbox)

    assert asyncio.run(run()) == ["new", Closing(1000, "ended")]


def test_too_many_bytes_count_as_too_many_messages_do() -> None:
    async def run() -> tuple[list[str | Closing], bool, bool]:
        finals = [line(f"s{i}", 1, True) for i in range(3)]
        size = sys.getsizeof(encode(finals[0]))
        outbox = Outbox(max_bytes=3 * size)
        put(outbox, finals[0], line("p"), finals[1])
        put(outbox, finals[2])  # the partial line goes
        kept = await _drain(outbox)
        put(outbox, *finals)
        before = outbox.overflowed.is_set()
        put(outbox, line("s4", 1, True))
        return kept, before, outbox.overflowed.is_set()

    kept, before, after = asyncio.run(run())
    assert kept == texts(*[line(f"s{i}", 1, True) for i in range(3)])
    assert (before, after) == (False, True)


def test_bytes_that_were_sent_or_replaced_do_not_count() -> None:
    async def run() -> bool:
        outbox = Outbox(max_bytes=3000)
        for number in range(1000):
            put(outbox, line("p", number), Ack(number, 0.1), line(f"s{number}", 1, True))
            while len(outbox):
                await outbox.get()
        for number in range(1000):
            put(outbox, line("p", number), Ack(number, 0.1))
        return outbox.overflowed.is_set()

    assert not asyncio.run(run())


def test_many_with_long_texts_take_turns() -> None:
    served: list[int] = []

    async def one(number: int, outbox: Outbox) -> None:
        for _ in range(3):
            await outbox.get()
            served.append(number)

    async def run() -> int:
        turn = asyncio.Lock()
        outboxes = [Outbox(turn=turn) for _ in range(20)]
        for outbox in outboxes:
            outbox.follow(lambda: "part")
        tasks = [asyncio.create_task(one(number, outbox)) for number, outbox in enumerate(outboxes)]
        most = 0
        while not all(task.done() for task in tasks):
            before = len(served)
            await asyncio.sleep(0)
            most = max(most, len(served) - before)
        return most

    assert asyncio.run(run()) == 1
    assert sorted(served) == sorted([*range(20)] * 3)


def test_whoever_waits_is_woken_by_the_end_by_a_message_and_by_earlier_lines() -> None:
    async def woken(news: Callable[[Outbox], None]) -> str | Closing:
        outbox = Outbox()
        waiting = asyncio.create_task(outbox.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        news(outbox)
        return await asyncio.wait_for(waiting, 20)

    assert asyncio.run(woken(lambda outbox: outbox.close(1000, "ended"))) == Closing(1000, "ended")
    assert asyncio.run(woken(lambda outbox: put(outbox, Ended(1)))) == encode(Ended(1))
    assert asyncio.run(woken(lambda outbox: outbox.follow(lambda: "earlier"))) == "earlier"
