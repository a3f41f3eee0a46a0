"""Audio on its way: how much at once, and how fast."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.gate import BURST, EACH, HIGH_WATER, Gate, Pace


def test_a_gate_holds_back_what_is_too_much_until_there_is_room() -> None:
    async def run() -> list[str]:
        gate, order = Gate(10, 0), []
        await gate.enter(10)

        async def another() -> None:
            await gate.enter(1)
            order.append("entered")

        task = asyncio.create_task(another())
        await asyncio.sleep(0)
        order.append("waited")
        gate.leave(1)
        await task
        return order

    assert asyncio.run(run()) == ["waited", "entered"]


def test_frames_without_anything_in_them_fill_a_gate_too() -> None:
    async def run() -> int:
        gate, entered = Gate(), 0
        with suppress(asyncio.TimeoutError):
            while True:
                await asyncio.wait_for(gate.enter(0), 0.1)
                entered += 1
        for _ in range(entered):
            gate.leave(0)
        await asyncio.wait_for(gate.enter(HIGH_WATER), 10)
        return entered

    assert asyncio.run(run()) == HIGH_WATER // EACH


def test_a_source_at_its_pace_never_waits() -> None:
    pace = Pace(1000)
    assert [pace.delay(100, second / 10) for second in range(200)] == [0.0] * 200


def test_what_waited_while_the_line_was_down_may_come_at_once_and_then_waits() -> None:
    pace = Pace(1000)
    assert pace.delay(round(1000 * BURST), 0.0) == 0.0
    assert pace.delay(500, 0.0) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 3)), max_size=40))
def test_whoever_waits_as_told_never_exceeds_the_rate(sent: list[tuple[int, float]]) -> None:
    pace, now, total = Pace(1000), 0.0, 0
    for size, pause in sent:
        now += pause + pace.delay(size, now + pause)
        total += size
        assert total <= 1000 * (BURST + now) + 1e-3
