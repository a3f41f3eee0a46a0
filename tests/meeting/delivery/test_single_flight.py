"""Work that many ask for at once is done once, and its outcome is never older than the question."""

from __future__ import annotations

import asyncio
import threading

import pytest

from meeting.delivery.single_flight import SingleFlight


def test_who_asks_while_a_call_runs_waits_for_the_next_one() -> None:
    calls: list[str] = []
    go_on = threading.Event()

    def work(key: str) -> int:
        calls.append(key)
        assert go_on.wait(20)
        return len(calls)

    async def run() -> None:
        flight = SingleFlight(work, 2)
        first = asyncio.create_task(flight("a"))
        while not calls:
            await asyncio.sleep(0)
        later = [asyncio.create_task(flight("a")) for _ in range(5)]
        await asyncio.sleep(0)
        go_on.set()
        assert await first == 1
        assert await asyncio.gather(*later) == [2] * 5
        assert await flight("a") == 3
        assert not len(flight)

    asyncio.run(run())


def test_no_more_calls_run_at_once_than_may() -> None:
    running: list[str] = []
    most: list[int] = []

    def work(key: str) -> str:
        running.append(key)
        most.append(len(running))
        running.remove(key)
        return key

    async def run() -> list[str]:
        flight = SingleFlight(work, 1)
        return await asyncio.gather(*(flight(key) for key in "abcdefgh"))

    assert asyncio.run(run()) == list("abcdefgh")
    assert max(most) == 1


def test_a_fault_reaches_all_who_wait_and_the_next_one_is_tried_anew() -> None:
    faults = [OSError("once")]

    def work(key: str) -> str:
        if faults:
            raise faults.pop()
        return key

    async def run() -> None:
        flight = SingleFlight(work, 1)
        told = await asyncio.gather(*(flight("a") for _ in range(3)), return_exceptions=True)
        assert [str(fault) for fault in told] == ["once"] * 3
        assert await flight("a") == "a"

    asyncio.run(run())


def test_who_goes_away_does_not_end_the_work_of_others() -> None:
    go_on = threading.Event()

    def work(key: str) -> str:
        assert go_on.wait(20)
        return key

    async def run() -> None:
        flight = SingleFlight(work, 1)
        one, other = asyncio.create_task(flight("a")), asyncio.create_task(flight("a"))
        await asyncio.sleep(0)
        one.cancel()
        go_on.set()
        assert await other == "a"
        with pytest.raises(asyncio.CancelledError):
            await one

    asyncio.run(run())
