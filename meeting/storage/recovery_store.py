"""What the store keeps of running meetings so that they outlive the process: resumes, gaps, and the rebuilt whole."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from meeting.core.records import Gap, Meeting, Resume, Source, State
from meeting.storage.databases.statements import insert_missing, upsert
from meeting.storage.store import Store, find_meeting
from meeting.storage.tables import (
    GapRow,
    MeetingRow,
    ResumeRow,
    SegmentRow,
    SourceRow,
    SpeakerRow,
    gap_values,
    meeting_values,
    resume_values,
    segment_values,
    source_values,
    speaker_values,
)
from pipelines.spacing import set_apart
from pipelines.types import Segment, Speaker

ROWS_AT_ONCE = 500
"""Rows written by one statement"""


class RecoveryStore:
    """Keeps what a later process needs to go on with running meetings; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def unfinished(self) -> list[str]:
        """Ids of the meetings that are stored as running, oldest first; of those that are kept alone."""
        query = (
            select(MeetingRow.id)
            .where(MeetingRow.state.in_((State.LIVE, State.ENDING)), MeetingRow.kept)
            .order_by(MeetingRow.created_at, MeetingRow.id)
        )
        with self._store.read() as session:
            return list(session.scalars(query))

    def resumes(self, meeting_id: str) -> dict[str, Resume]:
        """What was kept of a meeting's sources, by their ids."""
        with self._store.read() as session:
            rows = session.scalars(select(ResumeRow).where(ResumeRow.meeting_id == meeting_id))
            return {row.source_id: row.value() for row in rows}

    def adopt(self, meeting: Meeting, source: Source, started_at: datetime) -> Future[None]:
        """Keep that a source is running in a meeting, which is made where there is none and goes live where it is open.

        What is stored of either already stays as it is.
        """
        empty = replace(meeting, state=State.OPEN, started_at=None, ended_at=None, samples=0)
        live = (
            update(MeetingRow)
            .where(MeetingRow.id == meeting.id, MeetingRow.state == State.OPEN)
            .values(state=State.LIVE, started_at=started_at)
        )

        def work(session: Session) -> None:
            # In this order: a source needs its meeting, and a meeting that is live needs its source to be gone on with.
            insert_missing(session, MeetingRow, meeting_values(empty))
            insert_missing(session, SourceRow, source_values(meeting.id, source))
            if session.scalars(live.returning(MeetingRow.id)).first() is not None:
                self._store.webhooks.tell_state(session, find_meeting(session, meeting.id), State.OPEN)

        return self._store.write(work)

    def reopen(self, meeting_id: str, source_id: str, reason: str) -> Future[None]:
        """Make a meeting that is over one that was cut off, to which nobody comes back; its gaps for a reason go."""
        live = update(MeetingRow).where(MeetingRow.id == meeting_id).values(state=State.LIVE, ended_at=None)
        resume = delete(ResumeRow).where(ResumeRow.meeting_id == meeting_id, ResumeRow.source_id == source_id)
        gaps = delete(GapRow).where(GapRow.meeting_id == meeting_id, GapRow.reason == reason)

        def work(session: Session) -> None:
            for statement in (live, resume, gaps):
                session.execute(statement)

        return self._store.write(work)

    def save_resume(self, meeting_id: str, resume: Resume) -> Future[None]:
        """Keep what a source needs to go on, or what has changed of it."""
        return self._store.write(lambda session: upsert(session, ResumeRow, [resume_values(meeting_id, resume)]))

    def save_gap(self, meeting_id: str, gap: Gap) -> Future[None]:
        """Keep a stretch that never arrived; one of the same source that starts there is replaced."""
        return self._store.write(lambda session: upsert(session, GapRow, [gap_values(meeting_id, gap)]))

    def replace_transcript(
        self, meeting_id: str, segments: Sequence[Segment], speakers: Sequence[Speaker], gaps: Sequence[Gap]
    ) -> Future[None]:
        """Put final segments, voices and gaps in the place of all that was kept of a meeting, at once or not at all.

        What people have set is kept elsewhere, and is in the transcript that comes here.
        """
        return self._store.write(
            lambda session: put_transcript(self._store, session, meeting_id, segments, speakers, gaps)
        )


def put_transcript(
    store: Store,
    session: Session,
    meeting_id: str,
    segments: Sequence[Segment],
    speakers: Sequence[Speaker],
    gaps: Sequence[Gap],
) -> None:
    """The same within a transaction."""
    rows = [segment_values(meeting_id, segment) for segment in segments if segment.final and segment.words]
    voices = [speaker_values(meeting_id, speaker) for speaker in speakers]
    lost = [gap_values(meeting_id, gap) for gap in gaps]
    # One transaction for all of it: whoever reads meanwhile sees the old transcript, and so does the next process if
    # this one dies.
    known = _texts(session, meeting_id) if store.webhooks.lines else {}
    for table in (SegmentRow, SpeakerRow, GapRow):
        session.execute(delete(table).where(table.meeting_id == meeting_id))
    for table, values in ((SegmentRow, rows), (SpeakerRow, voices), (GapRow, lost)):
        for at in range(0, len(values), ROWS_AT_ONCE):
            session.execute(insert(table), values[at : at + ROWS_AT_ONCE])
    changed = [one for one in segments if one.final and one.words and known.get(one.id) != set_apart(one.text)]
    store.webhooks.tell_lines(session, meeting_id, changed)


def _texts(session: Session, meeting_id: str) -> dict[str, str]:
    found = session.execute(select(SegmentRow.id, SegmentRow.text).where(SegmentRow.meeting_id == meeting_id))
    return {row.id: row.text for row in found}
