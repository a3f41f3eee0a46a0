"""How much audio may be on its way at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meeting.sources.flow_control import EACH, HIGH_WATER, ByteBudget


def test_a_gate_holds_back_what_is_too_much_until_there_is_room() -> None:
    async def run() -> list[str]:
        budget, order = ByteBudget(10, 0), []
        await budget.enter(10)

        async def another() -> None:
            await budget.enter(1)
            order.append("entered")

        task = asyncio.create_task(another())
        await asyncio.sleep(0)
        order.append("waited")
        budget.leave(1)
        await task
        return order

    assert asyncio.run(run()) == ["waited", "entered"]


def test_frames_without_anything_in_them_fill_a_gate_too() -> None:
    async def run() -> int:
        budget, entered = ByteBudget(), 0
        with suppress(asyncio.TimeoutError):
            while True:
                await asyncio.wait_for(budget.enter(0), 0.1)
                entered += 1
        for _ in range(entered):
            budget.leave(0)
        await asyncio.wait_for(budget.enter(HIGH_WATER), 10)
        return entered

    assert asyncio.run(run()) == HIGH_WATER // EACH
