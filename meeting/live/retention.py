"""Meetings that go for good: by hand, or by age."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting.core.trusted_time import TrustedTime, observe
from meeting.live.rooms import Rooms
from meeting.storage.store import Store
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

DAY = 86_400.0
"""Seconds between two sweeps"""
LOOK = 3600.0
"""Seconds between two looks at the clock"""
CLOCK = "clock.json"
"""File in the data folder that tells the next start what time it was"""
SHOWN = 5
"""Meetings that are named in the log where many cannot be deleted"""


async def remove_meeting(rooms: Rooms, meeting_id: str) -> bool:
    """Delete a meeting with its text, audio and links; false, and nothing done, while it is live. Raises NotFound."""
    await asyncio.to_thread(rooms.store.meeting, meeting_id)
    async with rooms.reserved_for_deletion(meeting_id) as empty:
        if empty:
            await asyncio.wrap_future(rooms.store.delete_meeting(meeting_id))
    return empty


async def sweep(rooms: Rooms, days: float, now: datetime) -> int:
    """Delete the meetings that ended, or were made and never held, more than `days` before `now`; how many.

    One whose files cannot be deleted is left to the next time. Raises StoreError where the database refuses.
    """
    gone, stuck, since = 0, [], now - timedelta(days=days)
    await asyncio.to_thread(_sweep_strays, rooms.store, since)
    for meeting_id in await asyncio.to_thread(rooms.store.older_than, since):
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


def _sweep_strays(store: Store, since: datetime) -> None:
    """Delete files that no meeting is known of, such as those of a database that was lost, once they are too old."""
    gone, kept = 0, 0
    for path in store.strays():
        try:
            if path.stat().st_mtime >= since.timestamp():
                continue
            path.unlink()
            gone += 1
        except OSError:
            kept += 1
    if gone or kept:
        log.warning("%d old file(s) of no known meeting deleted, %d could not be", gone, kept)


async def keep_for(
    rooms: Rooms,
    days: float | None,
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    steady: Callable[[], float] = time.monotonic,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Sweep now and daily, until cancelled; does nothing where meetings are kept for ever.

    `clock` gives the time of day, `steady` seconds of a clock that nobody sets; `wait` waits for seconds.
    """
    due, looked = 0.0, steady()
    known: TrustedTime | None = None
    while days is not None:
        try:
            known = known or await asyncio.to_thread(recall, rooms.store)
            now = steady()
            before, known, looked = known, observe(known, clock(), timedelta(seconds=now - looked)), now
            await asyncio.to_thread(remember, rooms.store.data_dir / CLOCK, known)
            _tell(before, known)
            believed_again = before is not None and before.clock_doubted and not known.clock_doubted
            if now >= due or believed_again:
                due = now + DAY - LOOK / 2
                await sweep(rooms, days, known.earlier)
        except StoreError as error:
            log.error("old meetings could not be deleted: %s", error)
        await wait(LOOK)


def recall(store: Store) -> TrustedTime | None:
    """What was known of the time when a server last looked, or what its meetings tell; None of a new data folder.

    Raises StoreError.
    """
    try:
        body = json.loads((store.data_dir / CLOCK).read_text(encoding="utf-8"))
        day, shown = (datetime.fromisoformat(body[name]).astimezone(timezone.utc) for name in ("day", "clock"))
        return TrustedTime(day, shown, timedelta(seconds=float(body["agreed"])))
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        latest = store.latest()
        return None if latest is None else TrustedTime(latest, latest)


def remember(path: Path, known: TrustedTime) -> None:
    """Keep what is known of the time for the next start, or tell the log why not."""
    body = {
        "day": known.trusted.isoformat(),
        "clock": known.clock.isoformat(),
        "agreed": known.agreed_for.total_seconds(),
    }
    new = path.with_suffix(".new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(body, file)
        new.replace(path)
    except OSError as error:
        log.warning("the time of this look for old meetings cannot be kept: %s", error)


def _tell(before: TrustedTime | None, known: TrustedTime) -> None:
    if not known.clock_doubted or (before is not None and before.clock_doubted and known.agreed_for):
        return
    ahead = known.clock - known.trusted
    log.warning(
        "the clock is %.1f days %s what this server knew: until it has run for a day, old meetings are judged by the "
        "earlier of the two times. If the clock is wrong, set it right before that",
        abs(ahead) / timedelta(days=1),
        "ahead of" if ahead > timedelta(0) else "behind",
    )
