"""Meetings that go for good: by hand, or by age."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta, timezone

from meeting.rooms import Rooms
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

DAY = 86_400.0
"""Seconds between two looks for what is too old"""
SHOWN = 5
"""Meetings that are named in the log where many cannot be deleted"""


async def remove_meeting(rooms: Rooms, meeting_id: str) -> bool:
    """Delete a meeting with its text, audio and links; false, and nothing done, while it is live. Raises NotFound."""
    await asyncio.to_thread(rooms.store.meeting, meeting_id)
    async with rooms.emptied(meeting_id) as empty:
        if empty:
            await asyncio.wrap_future(rooms.store.delete_meeting(meeting_id))
    return empty


async def sweep(rooms: Rooms, days: float, now: datetime) -> int:
    """Delete the meetings that ended, or were made and never held, more than `days` before `now`; how many.

    One whose files cannot be deleted is left to the next time. Raises StoreError where the database refuses.
    """
    gone, stuck = 0, []
    for meeting_id in await asyncio.to_thread(rooms.store.older_than, now - timedelta(days=days)):
        try:
            gone += await remove_meeting(rooms, meeting_id)
        except NotFound:  # someone was faster
            continue
        except StoreError as error:
            if not isinstance(error.__cause__, OSError):  # the database: the next one would fail as well
                raise
            stuck.append(f"{meeting_id} ({error})")
    if gone:
        log.info("%d meeting(s) older than %g days deleted", gone, days)
    if stuck:
        shown = ", ".join(stuck[:SHOWN]) + (" …" if len(stuck) > SHOWN else "")
        log.error("%d old meeting(s) could not be deleted, and are tried again in a day: %s", len(stuck), shown)
    return gone


async def keep_for(rooms: Rooms, days: float | None) -> None:
    """Sweep now and daily, until cancelled; does nothing where meetings are kept for ever."""
    while days is not None:
        try:
            await sweep(rooms, days, datetime.now(timezone.utc))
        except StoreError as error:
            log.error("old meetings could not be deleted: %s", error)
        await asyncio.sleep(DAY)
