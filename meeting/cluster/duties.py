"""What one server does for all: recordings that wait, webhooks, the deletion of what is old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from meeting.cluster.ownership import DUTY, Claim, Ownership
from meeting.core.errors import Elsewhere, Moving
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

JOBS, WEBHOOKS, RETENTION = f"{DUTY}jobs", f"{DUTY}webhooks", f"{DUTY}retention"
TRY_AGAIN = 2.0
"""Seconds after which a server looks again whether a duty is free"""
LOOK_SECONDS = 0.25
"""Between two looks at whether a duty is still this server's"""


async def while_holding(ownership: Ownership, duty: str, work: Callable[[Claim], Awaitable[None]]) -> None:
    """Do a duty whenever it is this server's, until cancelled: it is cancelled once it is another's."""
    if not ownership.clustered:
        await work(await ownership.take(duty))
        return
    while True:
        with suppress(Elsewhere, Moving, StoreError):
            await _once(ownership, duty, work)
        await asyncio.sleep(TRY_AGAIN)


async def _once(ownership: Ownership, duty: str, work: Callable[[Claim], Awaitable[None]]) -> None:
    claim = await ownership.take(duty)
    log.info("%s: this server does it", duty)
    working = asyncio.ensure_future(work(claim))
    try:
        while claim.held() and not _failed(working):
            # What is over is not begun again: it is this server's, which has nothing to do.
            await (asyncio.sleep(LOOK_SECONDS) if working.done() else asyncio.wait({working}, timeout=LOOK_SECONDS))
    finally:
        working.cancel()
        await asyncio.wait({working})
        await ownership.give_back(claim)
    if _failed(working):
        error = working.exception()
        log.error("%s: stopped by %s", duty, type(error).__name__, exc_info=error)


def _failed(working: asyncio.Future[None]) -> bool:
    return working.done() and not working.cancelled() and working.exception() is not None
