"""What the store keeps of people's edits, and how it takes one where a meeting is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from meeting.core.editing.changes import (
    Change,
    JoinChange,
    LinesChange,
    SegmentChange,
    SpeakerChange,
    SplitChange,
    Undo,
    written_line,
)
from meeting.core.editing.edits import answer, prepare
from meeting.core.editing.overlay import Overlay
from meeting.core.editing.steps import MadeStep, Step
from meeting.core.errors import Conflict
from meeting.core.messages import ServerMessage
from meeting.core.records import Edits, State
from meeting.core.transcript import Transcript
from meeting.storage.databases.statements import upsert
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import (
    EditStepRow,
    SegmentEditRow,
    SegmentRow,
    SpeakerEditRow,
    SpeakerRow,
    line_edit_values,
    segment_values,
    speaker_edit_values,
    speaker_values,
    step_values,
)
from meeting.storage.transcript_store import speakers_of
from pipelines.errors import NotFound
from pipelines.types import Segment

MOST_STEPS = 100
"""Changes of one meeting that can be taken back: the newest"""
JOINED_FROM = 2
"""The last lines of a source, up to one that is to be joined, that are read: the other one, or another that refuses"""


class EditStore:
    """Keeps the edits of people, and carries out those of meetings that are over; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def edits(self, meeting_id: str) -> Edits:
        """All that people have set in a meeting."""
        with self._store.read() as session:
            return edits_of(session, meeting_id)

    def step(self, meeting_id: str, change_id: str) -> Step:
        """What a change did; raises NotFound where it is not one of the last `MOST_STEPS` of the meeting."""
        with self._store.read() as session:
            query = select(EditStepRow).where(EditStepRow.meeting_id == meeting_id, EditStepRow.id == change_id)
            found = session.scalars(query).first()
            if found is None:
                raise NotFound("there is no such change in this meeting, or too much has been changed since")
            return found.value()

    def save(
        self, meeting_id: str, edits: Edits, lines: Collection[str] = (), made: MadeStep | None = None
    ) -> Future[None]:
        """Keep what was set about voices, and about some lines; and what the change did, where it can be taken back."""
        return self._store.write(lambda session: _save_edits(session, meeting_id, edits, lines, made))

    def prepare(self, meeting_id: str, change: Change) -> Change:
        """The change with the costly part of it done, which need not keep the writer; raises MeetingError."""
        line = written_line(change)
        if line is None:
            return change
        with self._store.read() as session:
            found = session.get(SegmentRow, (meeting_id, line))
            shown = found.value(found.speaker) if found is not None else None
        return prepare(change, shown)

    def change(self, meeting_id: str, change: Change, change_id: str | None = None) -> tuple[ServerMessage, ...]:
        """Take an edit into a meeting that is over, all of it or nothing; what is now. Waits for the writer.

        With an id it can be taken back. Raises NotFound, Conflict, or MeetingError for what makes no sense.
        """

        def work(session: Session) -> tuple[ServerMessage, ...]:
            if meeting_row(session, meeting_id).state not in (State.OPEN, State.ENDED):
                raise Conflict("the meeting is not at rest: change it once it has been recovered")
            return _apply_change(session, meeting_id, change, change_id)

        return self._store.write(work).result()


def _apply_change(
    session: Session, meeting_id: str, change: Change, change_id: str | None
) -> tuple[ServerMessage, ...]:
    # All in the transaction of the caller: an edit is never kept without what it makes of the transcript. Of that only
    # the lines that matter are read, since the writer must be free again soon and a meeting may have thousands.
    speakers = speakers_of(session, meeting_id)
    transcript = Transcript(_lines_for(session, meeting_id, change), speakers)
    edits = edits_of(session, meeting_id, _edits_for(change))
    overlay = Overlay(transcript, edits, speakers)
    step, shown = overlay.edit(change)
    for output in shown:
        transcript.apply(output)
    made = None if change_id is None else MadeStep(change_id, step)
    _save_edits(session, meeting_id, overlay.edits, step.lines, made)
    voices = [speaker_values(meeting_id, speaker) for speaker in overlay.speakers]
    session.execute(delete(SpeakerRow).where(SpeakerRow.meeting_id == meeting_id))
    if voices:
        session.execute(insert(SpeakerRow), voices)
    _save_lines(session, meeting_id, step.lines, transcript)
    return answer(change, step, transcript)


def _save_lines(session: Session, meeting_id: str, lines: Collection[str], transcript: Transcript) -> None:
    shown = [transcript.segment(id_) for id_ in lines]
    upsert(session, SegmentRow, [segment_values(meeting_id, segment) for segment in shown if segment is not None])
    gone = [id_ for id_, segment in zip(lines, shown, strict=True) if segment is None]
    if gone:
        session.execute(delete(SegmentRow).where(SegmentRow.meeting_id == meeting_id, SegmentRow.id.in_(gone)))


def _touched(change: Change) -> list[str]:
    """The lines that a change is about, but for such as it makes."""
    match change:
        case SpeakerChange():
            return []
        case SegmentChange(id_) | SplitChange(id_):
            return [id_]
        case LinesChange(lines):
            return [line.id for line in lines]
        case JoinChange(first, second):
            return [first.id, second.id]
        case Undo(step):
            return list(step.lines)


def _lines_for(session: Session, meeting_id: str, change: Change) -> list[Segment]:
    """The lines that a change is about, and those that its rules ask for."""
    own = select(SegmentRow).where(SegmentRow.meeting_id == meeting_id)
    queries: list[Select[Any]] = [own.where(SegmentRow.id.in_(_touched(change)))]
    if isinstance(change, SplitChange):  # whose ids the new line must not take
        queries.append(own.where(SegmentRow.id.startswith(f"{change.id}-", autoescape=True)))
    if isinstance(change, JoinChange):
        first, second = (session.get(SegmentRow, (meeting_id, one.id)) for one in (change.first, change.second))
        if first is not None and second is not None:
            # In the order of `Transcript`, so that what lies between is the same here.
            until = tuple_(SegmentRow.start, SegmentRow.id) <= tuple_(
                second.start, second.id, types=[SegmentRow.start.type, SegmentRow.id.type]
            )
            last = own.where(SegmentRow.source_id == second.source_id, SegmentRow.start >= first.start, until)
            queries.append(last.order_by(SegmentRow.start.desc(), SegmentRow.id.desc()).limit(JOINED_FROM))
    rows = {row.id: row for query in queries for row in session.scalars(query)}
    return [row.value(row.speaker) for row in rows.values()]


def _edits_for(change: Change) -> ColumnElement[bool]:
    """Which edited lines matter for a change."""
    own = SegmentEditRow.id.in_(_touched(change))
    if isinstance(change, SplitChange):
        return or_(own, SegmentEditRow.id.startswith(f"{change.id}-", autoescape=True))
    if isinstance(change, Undo):  # whether a voice that it takes away has lines
        return or_(own, SegmentEditRow.speaker.in_(list(change.step.speakers)))
    return own


def edits_of(session: Session, meeting_id: str, *which: ColumnElement[bool]) -> Edits:
    """What people have set about voices, and about those lines that are asked for."""
    voices = session.scalars(select(SpeakerEditRow).where(SpeakerEditRow.meeting_id == meeting_id)).all()
    lines = select(SegmentEditRow).where(SegmentEditRow.meeting_id == meeting_id, *which)
    return Edits(
        {row.id: row.name for row in voices if row.named},
        {row.id: row.merged_into for row in voices if row.merged_into is not None},
        {row.id: row.edit() for row in session.scalars(lines)},
    )


def _save_edits(session: Session, meeting_id: str, edits: Edits, lines: Collection[str], made: MadeStep | None) -> None:
    session.execute(delete(SpeakerEditRow).where(SpeakerEditRow.meeting_id == meeting_id))
    rows = speaker_edit_values(meeting_id, edits)
    if rows:
        session.execute(insert(SpeakerEditRow), rows)
    if lines:
        own = (SegmentEditRow.meeting_id == meeting_id, SegmentEditRow.id.in_(lines))
        session.execute(delete(SegmentEditRow).where(*own))
        upsert(session, SegmentEditRow, _line_rows(meeting_id, edits, lines))
    if made is not None:
        session.execute(insert(EditStepRow), [step_values(meeting_id, made)])
        last = select(EditStepRow.number).where(EditStepRow.meeting_id == meeting_id)
        old = last.order_by(EditStepRow.number.desc()).offset(MOST_STEPS)
        session.execute(delete(EditStepRow).where(EditStepRow.number.in_(old)))


def _line_rows(meeting_id: str, edits: Edits, lines: Collection[str]) -> Sequence[dict[str, Any]]:
    return [line_edit_values(meeting_id, edits.lines[id_]) for id_ in lines if id_ in edits.lines]
