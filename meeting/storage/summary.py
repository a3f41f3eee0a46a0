"""A meeting read sparingly: what it is without its lines, whether anything has changed, and a few of its lines."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_

from meeting.core.records import Gap, Meeting, Source
from meeting.core.transcript import Place, resolve
from meeting.storage.store import Store
from meeting.storage.tables import GapRow, MeetingRow, SegmentRow, SourceRow, SpeakerRow
from pipelines.errors import NotFound
from pipelines.types import Segment, Speaker

ROWS = 32
"""Lines that are taken out of the database at once"""


@dataclass(frozen=True, slots=True)
class Outline:
    """A meeting without its lines."""

    meeting: Meeting
    sources: tuple[Source, ...]
    speakers: tuple[Speaker, ...]
    gaps: tuple[Gap, ...]
    """In order of time"""
    revisions: int
    """The sum over all lines: every change of a line makes it grow"""


def outline(store: Store, meeting_id: str) -> Outline:
    """A meeting's outline as it is now; raises NotFound."""
    lines = select(func.count(), func.coalesce(func.sum(SegmentRow.rev), 0)).where(SegmentRow.meeting_id == meeting_id)
    sources = select(SourceRow).where(SourceRow.meeting_id == meeting_id).order_by(SourceRow.id)
    speakers = select(SpeakerRow).where(SpeakerRow.meeting_id == meeting_id).order_by(SpeakerRow.color, SpeakerRow.id)
    gaps = select(GapRow).where(GapRow.meeting_id == meeting_id).order_by(GapRow.start)
    with store.read() as session:
        row = session.get(MeetingRow, meeting_id)
        if row is None:
            raise NotFound(f"there is no meeting {meeting_id!r}")
        count, revisions = session.execute(lines).one()
        return Outline(
            row.value(count),
            tuple(source.value() for source in session.scalars(sources)),
            tuple(speaker.value() for speaker in session.scalars(speakers)),
            tuple(gap.value() for gap in session.scalars(gaps)),
            revisions,
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
    query = query.order_by(SegmentRow.start.desc(), SegmentRow.id.desc()).execution_options(yield_per=ROWS)
    with store.read() as session:
        if session.get(MeetingRow, meeting_id) is None:
            raise NotFound(f"there is no meeting {meeting_id!r}")
        for row in session.scalars(query):
            yield (row.start, row.id), row.value(stands_for.get(row.speaker or "", row.speaker))
