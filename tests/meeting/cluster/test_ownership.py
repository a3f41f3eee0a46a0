"""A single server has everything, and asks nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

from meeting.cluster.ownership import SingleServer, holding
from meeting.storage.store import Store


def test_a_single_server_has_everything_and_writes_without_a_check(tmp_path: Path) -> None:
    async def body() -> None:
        store = Store(tmp_path)
        ownership = SingleServer(store)
        await ownership.require("m")
        async with holding(ownership, "m") as claim:
            assert claim.store is store
            assert claim.held()
            assert ownership.held()
            assert ownership.holds("n")
            assert ownership.figures() is None
        ownership.give_back_after(claim, lambda: asyncio.sleep(60))
        await ownership.settle(60)

    asyncio.run(body())
