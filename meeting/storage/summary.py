"""A meeting read sparingly: what it is without its lines, whether anything has changed, and a few of its lines."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_

from meeting.core.access import digest
from meeting.core.records import Gap, Meeting, Source
from meeting.core.transcript import Place, resolve
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import NotesRow, SegmentRow
from meeting.storage.transcript_store import gaps_of, sources_of, speakers_of
from pipelines.types import Segment, Speaker

ROWS_AT_ONCE = 32
"""Lines that are taken out of the database at once"""


@dataclass(frozen=True, slots=True)
class Summary:
    """A meeting without its lines."""

    meeting: Meeting
    sources: tuple[Source, ...]
    speakers: tuple[Speaker, ...]
    gaps: tuple[Gap, ...]
    """In order of time"""
    revisions: int
    """The sum over all lines: every change of a line makes it grow"""
    notes_changed_at: datetime | None = None
    """When something last became of its notes; None where nobody has asked for any"""

    @property
    def fingerprint(self) -> str:
        """Of the lines and who is said to have said them: another one once either has changed."""
        names = [(speaker.id, speaker.name, speaker.merged_into) for speaker in self.speakers]
        return digest(repr((self.meeting.segments, self.revisions, names)))


def read_summary(store: Store, meeting_id: str) -> Summary:
    """What a meeting is now, without its lines; raises NotFound."""
    lines = select(func.count(), func.coalesce(func.sum(SegmentRow.rev), 0)).where(SegmentRow.meeting_id == meeting_id)
    with store.read() as session:
        meeting = meeting_row(session, meeting_id)
        count, revisions = session.execute(lines).one()
        notes_changed_at = session.scalar(select(NotesRow.changed_at).where(NotesRow.meeting_id == meeting_id))
        return Summary(
            meeting.value(count),
            sources_of(session, meeting_id),
            speakers_of(session, meeting_id),
            gaps_of(session, meeting_id),
            revisions,
            notes_changed_at,
        )


def lines_backwards(
    store: Store, meeting_id: str, place: Place | None, speakers: tuple[Speaker, ...]
) -> Generator[tuple[Place, Segment], None, None]:
    """The lines before a place, or all where it is None, the last one first, said by who each of `speakers` is.

    Holds a transaction until it is closed. Raises NotFound.
    """
    stands_for = resolve(speakers)
    query = select(SegmentRow).where(SegmentRow.meeting_id == meeting_id)
    if place is not None:
        query = query.where(tuple_(SegmentRow.start, SegmentRow.id) < tuple_(*place))
    query = query.order_by(SegmentRow.start.desc(), SegmentRow.id.desc()).execution_options(yield_per=ROWS_AT_ONCE)
    with store.read() as session:
        meeting_row(session, meeting_id)
        for row in session.scalars(query):
            yield (row.start, row.id), row.value(stands_for.get(row.speaker or "", row.speaker))
