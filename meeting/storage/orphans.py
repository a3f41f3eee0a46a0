"""Journals that the database does not account for: given their place, a meeting of their own, or set aside."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Meeting, Source, State
from meeting.storage.files import journal
from meeting.storage.files.meeting_files import owner
from meeting.storage.files.private_files import store_errors
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.summary import Summary, read_summary
from pipelines.errors import NotFound, StoreError
from pipelines.types import samples

log = logging.getLogger(__name__)

GIVEN_UP = "the server died again and again over what was said from here on; it is kept aside on its disk, unheard"
"""Why there is a gap, for people"""
SET_ASIDE = ".aside"
"""Ending of a journal that no start processes by itself"""


def claim_journals(store: Store, paths: Iterable[Path] | None = None) -> None:
    """See that every journal with audio will be processed, or those of `paths`; slow, for the start of a server.

    A process may have died before it could store whose audio it was taking in, or before it removed a journal that
    was stored in better form. A journal that no meeting is known of stays where it is: it may be all that is left of
    one. What cannot be done for a journal is logged, and nothing is lost by it. Raises StoreError where the folder of
    them cannot be read.
    """
    for path in store.files.journals() if paths is None else paths:
        try:
            with store_errors(path):
                if not journal.in_use(path):
                    _claim(store, path)
        except NotFound:
            log.warning("%s: belongs to no meeting that is known, and is kept", path.name)
        except StoreError as error:
            log.error("%s: cannot be looked at, and is kept: %s", path.name, error)


def set_aside(path: Path) -> Path:
    """Keep a journal so that it goes with its meeting, but is processed by nobody unasked; where it is now.

    Raises StoreError.
    """
    kept = path.with_suffix(SET_ASIDE)
    try:
        path.replace(kept)
    except OSError as error:
        raise StoreError(f"{path} cannot be set aside: {error.strerror}") from error
    return kept


def _claim(store: Store, path: Path) -> None:
    meeting_id, source_id = owner(path)
    summary = read_summary(store, meeting_id)
    source = next((source for source in summary.sources if source.id == source_id), None)
    state = summary.meeting.state
    if source is not None and state == State.ENDED:
        _retire(store, path, source)
    elif source is None or state == State.OPEN:
        _adopt(store, path, summary, source or Source(source_id, "", "room", "", 0, 0))


def _retire(store: Store, path: Path, source: Source) -> None:
    """The journal of a meeting that is over: it goes where all of it is stored in better form."""
    if _is_stored(store, path, source):
        path.unlink(missing_ok=True)
        log.info("%s: is stored in better form, and gone", path.name)
    else:
        log.warning("%s: was not heard to its end, and is kept as %s", path.name, set_aside(path).name)


def _is_stored(store: Store, path: Path, source: Source) -> bool:
    # The length is stored once the last word is; a meeting that was given up has none.
    if not source.samples:
        return next(journal.read(path), None) is None
    return source.audio is None or store.files.audio_path(owner(path)[0], source.id).is_file()


def _adopt(store: Store, path: Path, summary: Summary, source: Source) -> None:
    """Give a journal whose source was never stored its place in its meeting, or else a meeting of its own."""
    known = AudioInfo(source.encoding, source.sample_rate, source.channels) if source.encoding else None
    first = next(journal.read(path, known), None)
    if first is None:
        path.unlink(missing_ok=True)  # nobody was told that anything was kept
        return
    if known is None:
        audio = journal.read_audio(path)
        source = replace(source, encoding=audio.encoding, sample_rate=audio.sample_rate, channels=audio.channels)
    meeting = summary.meeting
    started = max(_started_at(path, known, first), meeting.created_at)
    recovery_store = RecoveryStore(store)
    if meeting.state != State.ENDED:
        recovery_store.adopt(meeting, _beside_others(source, summary, started), started).result()
        log.warning("meeting %s: has audio that was never stored as its own, which is heard now", meeting.id)
        return
    # Its id is as unguessable as any, and the same however often this is tried.
    own = replace(
        Meeting(source.id, meeting.title, State.OPEN, started),
        hotwords=meeting.hotwords,
        speakers=meeting.speakers,
        kept=meeting.kept,
    )
    # First the meeting, then the name: a process that dies in between leaves a journal that is found again.
    recovery_store.adopt(own, source, started).result()
    path.replace(store.files.journal_path(own.id, source.id))
    log.warning("meeting %s: holds audio of meeting %s that has no place there", own.id, meeting.id)


def _started_at(path: Path, known: AudioInfo | None, first: AudioFrame) -> datetime:
    """UTC time of a journal's first frame: the file tells when its last one was written."""
    ended = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    (last,) = deque(journal.read(path, known), maxlen=1)
    # What a client's clock says is believed up to eleven days.
    return ended - timedelta(microseconds=min(max(0, last.capture_us - first.capture_us), 10**12))


def _beside_others(source: Source, summary: Summary, started: datetime) -> Source:
    """A source with its place among those of its meeting, and on its clock."""
    others = [other for other in summary.sources if other.id != source.id]
    if not others or summary.meeting.started_at is None:
        return source
    later = samples(max(0.0, (started - summary.meeting.started_at).total_seconds()))
    return replace(source, number=1 + max(other.number for other in others), anchors=((0, later),))
