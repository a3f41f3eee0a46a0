"""Commands that write a meeting beside servers that share its database: each has a lease of its own meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from meeting.cluster.ownership import Claim, Ownership, SingleServer
from meeting.cluster.rules import COMMAND
from meeting.cluster.wiring import shared_ownership
from meeting.config.settings import Config
from meeting.core.errors import Conflict, Elsewhere, Moving
from meeting.core.ids import new_id
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.store import Store
from pipelines.errors import StoreError

LOOK_SECONDS = 0.25
"""Between two looks at whether the lease is there, or a meeting is free"""
LEASE_PATIENCE = 10.0
"""Seconds that the database has to give the lease"""
LOST = "the database did not answer in time, so that servers may have this meeting now: look at it, and try once more"


@asynccontextmanager
async def command_ownership(
    config: Config, store: Store, recovery_queue: RecoveryQueue | None = None
) -> AsyncIterator[Ownership]:
    """What a command has within the block: everything with a file as database, else what it claims under a lease.

    What it takes over from a server that is gone is recovered in the turns of `recovery_queue`. Raises SettingsError,
    and StoreError where there is no lease.
    """
    if not config.storage.database:
        yield SingleServer(store)
        return
    # Nobody can be sent to a command: its address says what it is, and is no other's.
    ownership = shared_ownership(config, store, recovery_queue or RecoveryQueue(), f"{COMMAND}{new_id()}")
    keeping = asyncio.create_task(ownership.keep())
    try:
        if not await _within(LEASE_PATIENCE, ownership.held):
            raise StoreError("the database gives no lease: see that PostgreSQL is running")
        yield ownership
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await ownership.stop()


@asynccontextmanager
async def taken(ownership: Ownership, meeting_id: str, patience: float = 0.0) -> AsyncIterator[Claim]:
    """A meeting is this process's within the block; one that another has is waited for, for so many seconds.

    Raises Conflict, which names who has it, and StoreError.
    """
    until = time.monotonic() + patience
    while (claim := await _tried(ownership, meeting_id, until)) is None:
        await asyncio.sleep(LOOK_SECONDS)
    try:
        yield claim
    finally:
        await ownership.give_back(claim)


async def _tried(ownership: Ownership, meeting_id: str, until: float) -> Claim | None:
    try:
        return await ownership.take(meeting_id)
    except (Elsewhere, Moving) as error:
        if time.monotonic() < until:
            return None
        if isinstance(error, Elsewhere):
            who = f"the server {error.address} has this meeting now"
            raise Conflict(f"{who}: try again once nobody works on it there") from error
        raise Conflict(str(error)) from error


async def _within(seconds: float, true: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS / 10)
    return true()
