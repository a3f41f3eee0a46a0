"""What the store keeps of people's edits, and how it takes one where a meeting is over."""

from __future__ import annotations

from concurrent.futures import Future

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from meeting.core.edits import Change, SegmentChange, answer, prepare
from meeting.core.errors import Conflict
from meeting.core.messages import ServerMessage
from meeting.core.overlay import Overlay
from meeting.core.records import Edits, State
from meeting.core.transcript import Transcript
from meeting.storage.database import upsert
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import (
    SegmentEditRow,
    SegmentRow,
    SpeakerEditRow,
    SpeakerRow,
    line_edit_values,
    segment_values,
    speaker_edit_values,
    speaker_values,
)
from meeting.storage.transcript_store import speakers_of


class EditStore:
    """Keeps the edits of people, and carries out those of meetings that are over; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def edits(self, meeting_id: str) -> Edits:
        """All that people have set in a meeting."""
        with self._store.read() as session:
            return edits_of(session, meeting_id)

    def save(self, meeting_id: str, edits: Edits, line: str | None = None) -> Future[None]:
        """Keep what was set about voices, and about one line."""
        return self._store.write(lambda session: _save_edits(session, meeting_id, edits, line))

    def prepare(self, meeting_id: str, change: Change) -> Change:
        """The change with the costly part of it done, which need not keep the writer; raises MeetingError."""
        with self._store.read() as session:
            found = session.get(SegmentRow, (meeting_id, change.id))
            shown = found.value(found.speaker) if found is not None else None
        return prepare(change, shown)

    def change(self, meeting_id: str, change: Change) -> tuple[ServerMessage, ...]:
        """Take an edit into a meeting that is over, all of it or nothing; what is now. Waits for the writer.

        Raises NotFound, Conflict, or MeetingError for what makes no sense.
        """

        def work(session: Session) -> tuple[ServerMessage, ...]:
            if meeting_row(session, meeting_id).state not in (State.OPEN, State.ENDED):
                raise Conflict("the meeting is not at rest: change it once it has been recovered")
            return _apply_change(session, meeting_id, change)

        return self._store.write(work).result()


def _apply_change(session: Session, meeting_id: str, change: Change) -> tuple[ServerMessage, ...]:
    # All in the transaction of the caller: an edit is never kept without what it makes of the transcript. Of that only
    # the line that changes is read, since the writer must be free again soon and a meeting may have thousands.
    line = change.id if isinstance(change, SegmentChange) else None
    speakers = speakers_of(session, meeting_id)
    found = session.get(SegmentRow, (meeting_id, line)) if line is not None else None
    transcript = Transcript([found.value(found.speaker)] if found is not None else [], speakers)
    overlay = Overlay(transcript, edits_of(session, meeting_id, SegmentEditRow.id == line), speakers)
    for output in overlay.edit(change):
        transcript.apply(output)
    _save_edits(session, meeting_id, overlay.edits, line)
    voices = [speaker_values(meeting_id, speaker) for speaker in transcript.speakers]
    segment = transcript.segment(line) if line is not None else None
    if voices:
        session.execute(delete(SpeakerRow).where(SpeakerRow.meeting_id == meeting_id))
        session.execute(insert(SpeakerRow), voices)
    if segment is not None:
        upsert(session, SegmentRow, [segment_values(meeting_id, segment)])
    return answer(change, transcript)


def edits_of(session: Session, meeting_id: str, *which: ColumnElement[bool]) -> Edits:
    """What people have set about voices, and about those lines that are asked for."""
    voices = session.scalars(select(SpeakerEditRow).where(SpeakerEditRow.meeting_id == meeting_id)).all()
    lines = select(SegmentEditRow).where(SegmentEditRow.meeting_id == meeting_id, *which)
    return Edits(
        {row.id: row.name for row in voices if row.named},
        {row.id: row.merged_into for row in voices if row.merged_into is not None},
        {row.id: row.edit() for row in session.scalars(lines)},
    )


def _save_edits(session: Session, meeting_id: str, edits: Edits, line: str | None) -> None:
    session.execute(delete(SpeakerEditRow).where(SpeakerEditRow.meeting_id == meeting_id))
    rows = speaker_edit_values(meeting_id, edits)
    if rows:
        session.execute(insert(SpeakerEditRow), rows)
    if line is not None:
        own = (SegmentEditRow.meeting_id == meeting_id, SegmentEditRow.id == line)
        session.execute(delete(SegmentEditRow).where(*own))
        session.execute(insert(SegmentEditRow), [line_edit_values(meeting_id, edits.lines[line])])
