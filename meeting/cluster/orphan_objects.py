"""Objects that no meeting needs any more: what servers that died had not removed from the object store goes.

But nothing of a meeting that a server has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from meeting.cluster.ownership import Ownership, holding
from meeting.core.error_text import first_of
from meeting.core.errors import Elsewhere, Moving, ObjectStoreError
from meeting.core.records import State
from meeting.storage.store import Store
from meeting.storage.summary import read_states, read_summary
from pipelines.errors import NotFound

log = logging.getLogger(__name__)

ENDED_DAYS = 1.0
"""For which nothing was stored of a journal whose meeting is over before it may go: its end may be late"""
UNKNOWN_DAYS = 7.0
"""The same of a meeting that the database does not know, so that a wrong database is noticed before anything is gone"""


async def remove_orphan_objects(store: Store, ownership: Ownership, now: datetime, retention_days: float | None) -> int:
    """Remove the objects that no meeting needs any more; of how many meetings.

    What the object store refuses for one is left to the next time. Raises StoreError where the database refuses, or the
    object store lists nothing.
    """
    if store.objects is None:
        return 0
    days = UNKNOWN_DAYS if retention_days is None else min(UNKNOWN_DAYS, retention_days)
    gone, stuck = 0, []
    for meeting_id in await asyncio.to_thread(suspects, store):
        try:
            # Nobody goes on with it or deletes it meanwhile.
            async with holding(ownership, meeting_id) as claim:
                names = await asyncio.to_thread(orphan_objects, claim.store, meeting_id, now, days)
                if names and claim.held():
                    await asyncio.to_thread(store.objects.objects.remove, names)
                    gone += 1
        except (Elsewhere, Moving):  # somebody has it
            continue
        except ObjectStoreError as error:
            stuck.append(f"{meeting_id} ({error})")
    if gone:
        log.info("what was left of %d meeting(s) in the object store is removed", gone)
    if stuck:
        log.error(
            "what is left of %d meeting(s) in the object store could not be removed, and is tried again in a day: %s",
            len(stuck),
            first_of(stuck),
        )
    return gone


def suspects(store: Store) -> list[str]:
    """Ids of the meetings that may have left objects; slow. Raises StoreError."""
    assert store.objects is not None
    # Objects first: those that come with a new meeting meanwhile belong to one that is known then.
    journals, audio = store.objects.meetings()
    states = read_states(store)
    unknown = sorted((journals | audio) - states.keys())
    if unknown and not states:
        log.error(
            "the database knows no meeting, and the object store has objects of %d: nothing of them is deleted. "
            "See that storage.database and storage.objects belong together",
            len(unknown),
        )
        unknown = []
    return unknown + sorted(id_ for id_ in journals if states.get(id_) == State.ENDED)


def orphan_objects(store: Store, meeting_id: str, now: datetime, unknown_days: float = UNKNOWN_DAYS) -> list[str]:
    """Names of the objects that are to go of a meeting that no other server has; slow. Raises StoreError."""
    assert store.objects is not None
    journals, audio = store.objects.stored(meeting_id)
    try:
        summary = read_summary(store, meeting_id)
    except NotFound:
        found = [*journals.values(), *audio.values()]
        if any(one.last > now - timedelta(days=unknown_days) for one in found):
            return []
        return _joined(one.names for one in found)
    if summary.meeting.state != State.ENDED:
        return []
    # What is stored in better form; the length is stored once the last word is, and one that was given up has none.
    heard = {one.id for one in summary.sources if one.samples and (one.audio is None or one.id in audio)}
    before = now - timedelta(days=ENDED_DAYS)
    return _joined(
        one.names for id_, one in journals.items() if id_ in heard and not one.set_aside and one.last <= before
    )


def _joined(names: Iterable[Iterable[str]]) -> list[str]:
    return [name for each in names for name in each]
