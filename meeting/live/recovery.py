"""What an earlier process left unfinished: which meetings, and how long their sources may still come back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from meeting.core.continuity.gaps import SAMPLE_BYTES
from meeting.core.messages import AudioInfo
from meeting.core.placing import in_meeting
from meeting.core.records import Gap, Record, Restored, RestoredSource, Resume, Source, State
from meeting.sources.source_audio import PART_SUFFIX
from meeting.storage.edit_store import EditStore
from meeting.storage.files import journal
from meeting.storage.files.flac_length import flac_samples
from meeting.storage.files.private_files import store_errors
from meeting.storage.orphans import GIVEN_UP, set_aside
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Span

log = logging.getLogger(__name__)

LONGEST_MEETING = 7 * 86_400.0
"""Seconds that a meeting lasts at most, whatever a client's clock says"""


def restore(
    store: Store,
    meeting_id: str,
    window: float,
    now: datetime,
    given_up: Callable[[Path], bool] = lambda path: False,
    fetched: bool = False,
) -> Restored | None:
    """A meeting as its process left it; None when it runs in another process, or could only be ended.

    `window` is in seconds, `now` in UTC; `given_up` says of a journal that it must not be processed. Journals that were
    `fetched` hold all that was acknowledged, and no more: what was processed beyond that is sent again. Raises
    StoreError.
    """
    with store_errors(store.files.folder):
        record, recovery_store = TranscriptStore(store).record(meeting_id), RecoveryStore(store)
        if record.meeting.state not in (State.LIVE, State.ENDING):
            return None
        paths = {source: store.files.journal_path(meeting_id, source.id) for source in record.sources}
        if any(journal.in_use(path) for path in paths.values()):
            log.info("meeting %s: runs in another process", meeting_id)
            return None
        left = {source: path for source, path in paths.items() if path.is_file()}
        if not left:
            _end(store, record)
            return None
        for source in [source for source, path in left.items() if given_up(path)]:
            _give_up(store, record, source, left.pop(source))
        if not left:
            _end(store, TranscriptStore(store).record(meeting_id))
            return None
        last_frame_at = datetime.fromtimestamp(max(path.stat().st_mtime for path in left.values()), timezone.utc)
        resumes = recovery_store.resumes(meeting_id)
        sources = []
        for source in left:
            resume = resumes.get(source.id) or Resume(source.id)
            if resume.lost_at is None:
                # From now on its client is away: a crash while it is rebuilt must not give it the whole window again.
                resume = replace(resume, lost_at=now)
                recovery_store.save_resume(meeting_id, resume).result()
            processed = 0 if fetched else flac_samples(store.files.audio_path(meeting_id, source.id))
            if len(record.sources) == 1 and not fetched:  # then all that is stored was heard in it
                processed = max(processed, _stored_samples(record))
            sources.append(RestoredSource(source, resume, window_left(resume.lost_at, now, window), processed))
        if fetched:
            record = _as_far_as(record, left)
        return Restored(record, tuple(sources), last_frame_at, EditStore(store).edits(meeting_id))


def _as_far_as(record: Record, paths: Mapping[Source, Path]) -> Record:
    """A meeting's record without the lines whose audio is not all in these journals: it is sent and heard again."""
    ends = {}
    for source, path in paths.items():
        length = journal_samples(path, AudioInfo(source.encoding, source.sample_rate, source.channels))
        ends[source.id] = in_meeting(source.anchors, length)
    kept = tuple(line for line in record.segments if line.span.end <= ends.get(line.source_id, line.span.end))
    return replace(record, segments=kept, meeting=replace(record.meeting, samples=0))


def window_left(lost_at: datetime | None, now: datetime, window: float) -> float:
    """Seconds left of the window, between none and all of it whichever way the clock was set meanwhile."""
    away = 0.0 if lost_at is None else (now - lost_at).total_seconds()
    return min(window, max(0.0, window - away))


def _give_up(store: Store, record: Record, source: Source, path: Path) -> None:
    """Set aside a journal that ends whoever hears it, and say so where its text would be."""
    start = max((segment.span.end for segment in record.segments), default=0)
    end = max(start + 1, journal_samples(path, AudioInfo(source.encoding, source.sample_rate, source.channels)))
    RecoveryStore(store).save_gap(record.meeting.id, Gap(source.id, Span(start, end), GIVEN_UP)).result()
    kept = set_aside(path)
    flac = store.files.audio_path(record.meeting.id, source.id)
    flac.with_name(flac.name + PART_SUFFIX).unlink(missing_ok=True)
    log.error(
        "meeting %s: the server died again and again over what it received; it is kept as %s, and "
        "`python -m meeting recover %s` hears it in a process of its own",
        record.meeting.id,
        kept.name,
        record.meeting.id,
    )


def journal_samples(path: Path, audio: AudioInfo) -> int:
    """How long a journal's sound is, in samples at 16 kHz, as far as that can be told without making it."""
    rate = SAMPLE_BYTES.get(audio.encoding, 0) * audio.sample_rate * audio.channels
    size, first, last = 0, None, 0
    for frame in journal.read(path, audio):
        size += len(frame.payload)
        first, last = frame.capture_us if first is None else first, frame.capture_us
    span = size / rate if rate > 0 else max(0, last - (first or 0)) / 1e6
    return round(min(span, LONGEST_MEETING) * SAMPLE_RATE)


def _end(store: Store, record: Record) -> None:
    """End a meeting of which no audio is left, with all that was stored."""
    meeting = record.meeting
    samples = _stored_samples(record)
    # A recording may be much older than its meeting, whose age is what counts for how long it is kept.
    began = max(meeting.started_at or meeting.created_at, meeting.created_at)
    ended = began + timedelta(seconds=samples / SAMPLE_RATE)
    store.set_state(meeting.id, State.ENDED, ended_at=ended, samples=samples).result()
    log.warning("meeting %s: was cut off and is ended with what was stored", meeting.id)


def _stored_samples(record: Record) -> int:
    """How much of a meeting must have been processed, as far as it was stored."""
    ends = [segment.span.end for segment in record.segments] + [turn.span.end for turn in record.turns]
    return max([record.meeting.samples, *ends])
