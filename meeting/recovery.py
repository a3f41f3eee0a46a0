"""What an earlier process left unfinished: which meetings, and how long their sources may still come back."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting import journal
from meeting.corrections import Corrections
from meeting.earlier import flac_samples
from meeting.records import ENDED, ENDING, LIVE, Record, Restored, Resume
from meeting.rescue import Rescue
from meeting.store import Store
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE

log = logging.getLogger(__name__)

LOCK = "serve.lock"
"""File in the data folder that the one server holds"""


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Keeps a second server away from a data folder, made where missing, while this one runs; raises StoreError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{error.filename or data_dir / LOCK} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StoreError(
            f"another server uses {data_dir}: stop it, or choose another folder with --data-dir"
        ) from error
    try:
        yield
    finally:
        os.close(file)


def restore(store: Store, meeting_id: str, window: float, now: datetime) -> Restored | None:
    """A meeting as its process left it; None when it runs in another process, or could only be ended.

    `window` is in seconds, `now` in UTC. Raises StoreError.
    """
    record, rescue = store.record(meeting_id), Rescue(store)
    if record.meeting.state not in (LIVE, ENDING):
        return None
    paths = {source: store.journal_path(meeting_id, source.id) for source in record.sources}
    if any(journal.in_use(path) for path in paths.values()):
        log.info("meeting %s: runs in another process", meeting_id)
        return None
    left = {source: path for source, path in paths.items() if path.is_file()}
    if not left:
        _end(store, record)
        return None
    source = max(left, key=lambda source: left[source].stat().st_mtime)
    heard_at = datetime.fromtimestamp(left[source].stat().st_mtime, timezone.utc)
    resume = rescue.resumes(meeting_id).get(source.id) or Resume(source.id)
    if resume.lost_at is None:
        # From now on its client is away: a crash while it is rebuilt must not give it the whole window again.
        resume = replace(resume, lost_at=now)
        rescue.save_resume(meeting_id, resume).result()
    left_time = remaining(resume.lost_at, now, window)
    heard = max(_samples(record), flac_samples(store.audio_path(meeting_id, source.id)))
    return Restored(record, source, resume, left_time, heard_at, Corrections(store).edits(meeting_id), heard)


def remaining(lost_at: datetime | None, now: datetime, window: float) -> float:
    """Seconds left of the window, between none and all of it whichever way the clock was set meanwhile."""
    away = 0.0 if lost_at is None else (now - lost_at).total_seconds()
    return min(window, max(0.0, window - away))


def _end(store: Store, record: Record) -> None:
    """End a meeting of which no audio is left, with all that was stored."""
    meeting = record.meeting
    samples = _samples(record)
    ended = (meeting.started_at or meeting.created_at) + timedelta(seconds=samples / SAMPLE_RATE)
    store.set_state(meeting.id, ENDED, ended_at=ended, samples=samples).result()
    log.warning("meeting %s: was cut off and is ended with what was stored", meeting.id)


def _samples(record: Record) -> int:
    """How much of a meeting must have been heard, as far as it was stored."""
    ends = [segment.span.end for segment in record.segments] + [turn.span.end for turn in record.turns]
    return max([record.meeting.samples, *ends])
