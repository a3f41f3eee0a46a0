"""What a meeting is without reading its lines, and whether anything about it has changed: cheap enough to ask often."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from meeting.records import Meeting, Source
from meeting.store import Store
from meeting.tables import MeetingRow, SegmentRow, SourceRow, SpeakerRow
from pipelines.errors import NotFound
from pipelines.types import Speaker


@dataclass(frozen=True, slots=True)
class Outline:
    """A meeting without its lines."""

    meeting: Meeting
    sources: tuple[Source, ...]
    speakers: tuple[Speaker, ...]
    revisions: int
    """The sum over all lines: every change of a line makes it grow"""


def outline(store: Store, meeting_id: str) -> Outline:
    """A meeting's outline as it is now; raises NotFound."""
    lines = select(func.count(), func.coalesce(func.sum(SegmentRow.rev), 0)).where(SegmentRow.meeting_id == meeting_id)
    sources = select(SourceRow).where(SourceRow.meeting_id == meeting_id).order_by(SourceRow.id)
    speakers = select(SpeakerRow).where(SpeakerRow.meeting_id == meeting_id).order_by(SpeakerRow.color, SpeakerRow.id)
    with store.read() as session:
        row = session.get(MeetingRow, meeting_id)
        if row is None:
            raise NotFound(f"there is no meeting {meeting_id!r}")
        count, revisions = session.execute(lines).one()
        return Outline(
            row.value(count),
            tuple(source.value() for source in session.scalars(sources)),
            tuple(speaker.value() for speaker in session.scalars(speakers)),
            revisions,
        )
