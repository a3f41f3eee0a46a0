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


async def remove_meeting(rooms: Rooms, meeting_id: str) -> bool:
    """Delete a meeting with its text, audio and links; false, and nothing done, while it is live. Raises NotFound."""
    await asyncio.to_thread(rooms.store.meeting, meeting_id)
    if not await rooms.dismiss(meeting_id):
        return False
    await asyncio.wrap_future(rooms.store.delete_meeting(meeting_id))
    # Whoever came while it was being deleted stands in a room of a meeting that is no more.
    await rooms.dismiss(meeting_id)
    return True


async def sweep(rooms: Rooms, days: float, now: datetime) -> int:
    """Delete the meetings that ended, or were made and never held, more than `days` before `now`; how many."""
    gone = 0
    for meeting_id in await asyncio.to_thread(rooms.store.older_than, now - timedelta(days=days)):
        try:
            gone += await remove_meeting(rooms, meeting_id)
        except NotFound:  # someone was faster
            continue
    if gone:
        log.info("%d meeting(s) older than %g days deleted", gone, days)
    return gone


async def keep_for(rooms: Rooms, days: float | None) -> None:
    """Sweep now and daily, until cancelled; does nothing where meetings are kept for ever."""
    while days is not None:
        try:
            await sweep(rooms, days, datetime.now(timezone.utc))
        except StoreError as error:
            log.error("old meetings could not be deleted: %s", error)
        await asyncio.sleep(DAY)
