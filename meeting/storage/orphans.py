"""Journals that the database does not account for: given their place, a meeting of their own, or kept aside."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting.core.messages import AudioInfo
from meeting.core.records import Meeting, Source, State
from meeting.storage.files import journal
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.summary import Summary, read_summary
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

GIVEN_UP = "the server died again and again over what was said from here on; it is kept aside on its disk, unheard"
"""Why there is a gap, for people"""
ASIDE = ".aside"
"""Ending of a journal that no start hears again by itself"""


def claim_journals(store: Store) -> None:
    """See that every journal with audio will be heard; slow, for the start of a server.

    A process may have died before it could store whose audio it was taking in, or before it removed a journal that
    was stored in better form. A journal that no meeting is known of stays where it is: it may be all that is left of
    one. What cannot be done for a journal is logged, and nothing is lost by it.
    """
    for path in sorted((store.files.folder).glob(f"*{journal.JOURNAL}")):
        meeting_id, _, source_id = path.stem.partition(".")
        try:
            if not journal.in_use(path):
                _claim(store, path, meeting_id, source_id)
        except NotFound:
            log.warning("%s: belongs to no meeting that is known, and is kept", path.name)
        except StoreError as error:
            log.error("%s: cannot be looked at, and is kept: %s", path.name, error)


def set_aside(path: Path) -> Path:
    """Keep a journal so that it goes with its meeting, but is heard by nobody unasked; where it is now."""
    kept = path.with_suffix(ASIDE)
    try:
        path.replace(kept)
    except OSError as error:
        raise StoreError(f"{path} cannot be set aside: {error.strerror}") from error
    return kept


def _claim(store: Store, path: Path, meeting_id: str, source_id: str) -> None:
    found = read_summary(store, meeting_id)
    row = next((source for source in found.sources if source.id == source_id), None)
    state = found.meeting.state
    if row is not None and state == State.ENDED:
        _retire(store, path, row)
    elif row is None or state == State.OPEN:
        _give_place(store, path, found, row or Source(source_id, "", "room", "", 0, 0))


def _retire(store: Store, path: Path, row: Source) -> None:
    """The journal of a meeting that is over: it goes where all of it is stored in better form."""
    if _stored(store, path, row):
        path.unlink(missing_ok=True)
        log.info("%s: is stored in better form, and gone", path.name)
    else:
        log.warning("%s: was not heard to its end, and is kept as %s", path.name, set_aside(path).name)


def _stored(store: Store, path: Path, row: Source) -> bool:
    # The length is stored once the last word is; a meeting that was given up has none.
    if not row.samples:
        return next(journal.read(path), None) is None
    return row.audio is None or store.files.audio_path(path.stem.partition(".")[0], row.id).is_file()


def _give_place(store: Store, path: Path, found: Summary, row: Source) -> None:
    known = AudioInfo(row.encoding, row.sample_rate, row.channels) if row.encoding else None
    first = next(journal.read(path, known), None)
    if first is None:
        path.unlink(missing_ok=True)  # nobody was told that anything was kept
        return
    if known is None:
        audio = journal.read_audio(path)
        row = Source(row.id, row.name, row.kind, audio.encoding, audio.sample_rate, audio.channels)
    meeting, others = found.meeting, [source for source in found.sources if source.id != row.id]
    taken = meeting.state == State.ENDED or any(_kept(store, meeting.id, other) for other in others)
    ended = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    (last,) = deque(journal.read(path, known), maxlen=1)
    started = ended - timedelta(microseconds=min(max(0, last.capture_us - first.capture_us), 10**12))
    recovery_store = RecoveryStore(store)
    if not taken:
        recovery_store.adopt(meeting, row, max(started, meeting.created_at)).result()
        log.warning("meeting %s: has audio that was never stored as its own, which is heard now", meeting.id)
        return
    # Its id is as unguessable as any, and the same however often this is tried.
    own = Meeting(row.id, meeting.title, State.OPEN, started)
    recovery_store.adopt(own, row, started).result()
    path.replace(store.files.journal_path(own.id, row.id))
    log.warning("meeting %s: holds audio of meeting %s that has no place there", own.id, meeting.id)


def _kept(store: Store, meeting_id: str, source: Source) -> bool:
    return bool(source.samples) or store.files.journal_path(meeting_id, source.id).is_file()
