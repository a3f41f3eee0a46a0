"""How much audio may be on its way at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meeting.live.flow_control import EACH, HIGH_WATER, Gate


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
