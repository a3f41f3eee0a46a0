"""Meetings that go for good: by hand, or by age."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting.cluster.orphan_objects import remove_orphan_objects
from meeting.core.error_text import first_of
from meeting.core.errors import Elsewhere, Moving, ObjectStoreError
from meeting.core.trusted_time import TrustedTime, observe
from meeting.live.rooms import Rooms
from meeting.storage.files.private_files import create
from meeting.storage.store import Store
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

DELETE_EVERY = 86_400.0
"""Seconds between two searches for old meetings"""
READ_CLOCK_EVERY = 3600.0
"""Seconds between two looks at the clock"""
CLOCK_FILE = "clock.json"
"""File in the data folder that tells the next start what time it was"""


async def delete_meeting(rooms: Rooms, meeting_id: str) -> bool:
    """Delete a meeting with its text, audio and links; false, and nothing done, while it is live. Raises NotFound."""
    await asyncio.to_thread(rooms.store.meeting, meeting_id)
    async with rooms.reserved_for_deletion(meeting_id) as store:
        if store is not None:
            await asyncio.wrap_future(store.delete_meeting(meeting_id))
            rooms.on_deleted(meeting_id)
    return store is not None


async def delete_old_meetings(rooms: Rooms, days: float, now: datetime) -> int:
    """Delete the meetings that ended, or were made and never held, more than `days` before `now`; how many.

    One whose files or objects cannot be deleted is left to the next time. Raises StoreError where the database refuses.
    """
    gone, stuck, since = 0, [], now - timedelta(days=days)
    await asyncio.to_thread(_delete_old_strays, rooms.store, since)
    for meeting_id in await asyncio.to_thread(rooms.store.older_than, since):
        try:
            gone += await delete_meeting(rooms, meeting_id)
        except (NotFound, Elsewhere, Moving):  # someone was faster, or has it
            continue
        except StoreError as error:
            # The next one may be well, but where it is the database.
            if not isinstance(error, ObjectStoreError) and not isinstance(error.__cause__, OSError):
                raise
            stuck.append(f"{meeting_id} ({error})")
    if gone:
        log.info("%d meeting(s) older than %g days deleted", gone, days)
    if stuck:
        log.error(
            "%d old meeting(s) could not be deleted, and are tried again in a day: %s", len(stuck), first_of(stuck)
        )
    return gone


def _delete_old_strays(store: Store, since: datetime) -> None:
    """Delete files that no meeting is known of, such as those of a database that was lost, once they are too old.

    What the disk refuses is left to the next time. Raises StoreError where the database refuses.
    """
    gone, kept = 0, 0
    try:
        strays = store.strays()
    except StoreError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        log.error("files of no known meeting cannot be looked for, and are in a day: %s", error)
        return
    for path in strays:
        try:
            if path.stat().st_mtime >= since.timestamp():
                continue
            path.unlink()
            gone += 1
        except OSError:
            kept += 1
    if gone or kept:
        log.warning("%d old file(s) of no known meeting deleted, %d could not be", gone, kept)


async def delete_regularly(
    rooms: Rooms,
    days: float | None,
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    steady: Callable[[], float] = time.monotonic,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Delete old meetings, and what is left in the object store, now and daily, until cancelled.

    Does nothing where meetings are kept for ever, in no object store.

    `clock` gives the time of day, `steady` seconds of a clock that nobody sets; `wait` waits for seconds.
    """
    due, read_at = 0.0, steady()
    known: TrustedTime | None = None
    while days is not None or rooms.store.objects is not None:
        try:
            known = known or await asyncio.to_thread(load_time, rooms.store)
            now = steady()
            before, known = known, observe(known, clock(), timedelta(seconds=now - read_at))
            read_at = now
            await asyncio.to_thread(save_time, rooms.store.data_dir / CLOCK_FILE, known)
            _log_doubt(before, known)
            trusted_again = before is not None and before.clock_doubted and not known.clock_doubted
            if now >= due or trusted_again:
                due = now + DELETE_EVERY - READ_CLOCK_EVERY / 2
                await _delete_all(rooms, days, known.earlier)
        except StoreError as error:
            log.error("old meetings could not be deleted: %s", error)
        await wait(READ_CLOCK_EVERY)


async def _delete_all(rooms: Rooms, days: float | None, now: datetime) -> None:
    """Raises StoreError where old meetings cannot be deleted; what is left in the object store is looked for first."""
    try:
        if rooms.store.objects is not None:
            await remove_orphan_objects(rooms.store, rooms.ownership, now, days)
    except StoreError as error:
        log.error("what is left in the object store could not be looked for, and is in a day: %s", error)
    if days is not None:
        await delete_old_meetings(rooms, days, now)


def load_time(store: Store) -> TrustedTime | None:
    """What was known of the time when a server last looked, or what its meetings tell; None of a new data folder.

    Raises StoreError.
    """
    try:
        body = json.loads((store.data_dir / CLOCK_FILE).read_text(encoding="utf-8"))
        trusted, shown = (datetime.fromisoformat(body[name]).astimezone(timezone.utc) for name in ("day", "clock"))
        return TrustedTime(trusted, shown, timedelta(seconds=float(body["agreed"])))
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        latest = store.latest()
        return None if latest is None else TrustedTime(latest, latest)


def save_time(path: Path, known: TrustedTime) -> None:
    """Keep what is known of the time for the next start, or tell the log why not."""
    body = {
        "day": known.trusted.isoformat(),
        "clock": known.clock.isoformat(),
        "agreed": known.agreed_for.total_seconds(),
    }
    new = path.with_suffix(".new")
    try:
        with create(new) as file:
            json.dump(body, file)
        new.replace(path)  # at once: half a file would make the next start trust any clock
    except OSError as error:
        log.warning("the time of this look for old meetings cannot be kept: %s", error)


def _log_doubt(before: TrustedTime | None, known: TrustedTime) -> None:
    if not known.clock_doubted or (before is not None and before.clock_doubted and known.agreed_for):
        return
    ahead = known.clock - known.trusted
    log.warning(
        "the clock is %.1f days %s what this server knew: until it has run for a day, old meetings are judged by the "
        "earlier of the two times. If the clock is wrong, set it right before that",
        abs(ahead) / timedelta(days=1),
        "ahead of" if ahead > timedelta(0) else "behind",
    )
