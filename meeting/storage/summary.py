"""A meeting read sparingly: what it is without its lines, whether it has changed, a few lines, who spoke when."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from meeting.core.access import digest
from meeting.core.records import Gap, Meeting, Source
from meeting.core.transcript import Place, resolve
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import MeetingRow, NotesRow, SegmentRow, line_number
from meeting.storage.transcript_store import gaps_of, sources_of, speakers_of, turns_of
from pipelines.spacing import close_up
from pipelines.types import Segment, Span, Speaker, Turn

_PLACE = [SegmentRow.start.type, SegmentRow.id.type]

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
    """The sum over all lines: a line that is changed makes it grow, one that is withdrawn makes it shrink"""
    lines: str
    """Of the ids and revisions of all lines: another one once any line is changed, added or withdrawn"""
    notes_changed_at: datetime | None = None
    """When something last became of its notes; None where nobody has asked for any"""

    @property
    def fingerprint(self) -> str:
        """Of the lines and who is said to have said them: another one once either has changed."""
        names = [(speaker.id, speaker.name, speaker.merged_into) for speaker in self.speakers]
        return digest(repr((self.meeting.segments, self.revisions, names)))


@dataclass(frozen=True, slots=True)
class TextLine:
    """A final line without the times of its words."""

    number: int
    """Its `line_number`"""
    id: str
    span: Span
    speaker: str | None
    """As it was stored: one that may have turned out to be another"""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """How long a line is, and who said it."""

    span: Span
    speaker: str | None
    """Who it turned out to be"""
    words: int


@dataclass(frozen=True, slots=True)
class Speech:
    """Who spoke when in a meeting, without what was said."""

    meeting: Meeting
    speakers: tuple[Speaker, ...]
    lines: tuple[SpokenLine, ...]
    """In order of time, as are the next two"""
    turns: tuple[Turn, ...]
    """As in a `Record`"""
    gaps: tuple[Gap, ...]


def read_summary(store: Store, meeting_id: str) -> Summary:
    """What a meeting is now, without its lines; raises NotFound."""
    query = select(SegmentRow.id, SegmentRow.rev).where(SegmentRow.meeting_id == meeting_id).order_by(SegmentRow.id)
    with store.read() as session:
        meeting = meeting_row(session, meeting_id)
        lines = [(id_, rev) for id_, rev in session.execute(query)]
        notes_changed_at = session.scalar(select(NotesRow.changed_at).where(NotesRow.meeting_id == meeting_id))
        return Summary(
            meeting.value(len(lines)),
            sources_of(session, meeting_id),
            speakers_of(session, meeting_id),
            gaps_of(session, meeting_id),
            sum(rev for _, rev in lines),
            digest(repr(lines)),
            notes_changed_at,
        )


def read_states(store: Store) -> dict[str, str]:
    """The states of all meetings, by their ids."""
    with store.read() as session:
        return {row.id: row.state for row in session.execute(select(MeetingRow.id, MeetingRow.state))}


def read_speakers(store: Store, meeting_id: str) -> tuple[Speaker, ...]:
    """A meeting's voices alone, in the order in which they were first heard."""
    with store.read() as session:
        return speakers_of(session, meeting_id)


def lines_backwards(
    store: Store, meeting_id: str, place: Place | None, speakers: tuple[Speaker, ...]
) -> Generator[tuple[Place, Segment], None, None]:
    """The lines before a place, or all where it is None, the last one first, said by who each of `speakers` is.

    Holds a transaction until it is closed. Raises NotFound.
    """
    stands_for = resolve(speakers)
    query = select(SegmentRow).where(SegmentRow.meeting_id == meeting_id)
    if place is not None:
        query = query.where(tuple_(SegmentRow.start, SegmentRow.id) < tuple_(*place, types=_PLACE))
    query = query.order_by(SegmentRow.start.desc(), SegmentRow.id.desc()).execution_options(yield_per=ROWS_AT_ONCE)
    with store.read() as session:
        meeting_row(session, meeting_id)
        for row in session.scalars(query):
            yield (row.start, row.id), row.value(stands_for.get(row.speaker or "", row.speaker))


def text_lines(
    store: Store,
    meeting_id: str,
    most: int,
    after: Place | None = None,
    within: Span | None = None,
    speakers: Collection[str] | None = None,
) -> list[TextLine]:
    """The first lines after a place, in order of time: those that touch `within`, of one of the speakers."""
    query = _text(meeting_id).order_by(SegmentRow.start, SegmentRow.id)
    if after is not None:
        query = query.where(tuple_(SegmentRow.start, SegmentRow.id) > tuple_(*after, types=_PLACE))
    if within is not None:
        query = query.where(SegmentRow.start < within.end, SegmentRow.end > within.start)
    if speakers is not None:
        query = query.where(SegmentRow.speaker.in_(speakers))
    return _read(store, query.limit(most))


def new_lines(store: Store, meeting_id: str, most: int, after: int) -> list[TextLine]:
    """The first lines with higher numbers than `after`, in their order."""
    return _read(store, _text(meeting_id).where(line_number > after).order_by(line_number).limit(most))


def newest_lines(store: Store, meeting_id: str, most: int) -> list[TextLine]:
    """The lines that were stored last, in the order of their numbers."""
    return _read(store, _text(meeting_id).order_by(line_number.desc()).limit(most))[::-1]


def read_speech(store: Store, meeting_id: str) -> Speech:
    """Who speaks when; raises NotFound."""
    words = func.length(SegmentRow.text) - func.length(func.replace(SegmentRow.text, " ", "")) + 1
    query = (
        select(SegmentRow.start, SegmentRow.end, SegmentRow.speaker, words)
        .where(SegmentRow.meeting_id == meeting_id)
        .order_by(SegmentRow.start, SegmentRow.id)
    )
    with store.read() as session:
        meeting = meeting_row(session, meeting_id)
        rows = session.execute(query).all()
        speakers = speakers_of(session, meeting_id)
        stands_for = resolve(speakers)
        return Speech(
            meeting.value(len(rows)),
            speakers,
            tuple(
                SpokenLine(Span(start, end), stands_for.get(who or "", who), count) for start, end, who, count in rows
            ),
            turns_of(session, meeting_id, stands_for),
            gaps_of(session, meeting_id),
        )


def _text(meeting_id: str) -> Select[Any]:
    columns: tuple[Any, ...] = (SegmentRow.id, SegmentRow.start, SegmentRow.end, SegmentRow.speaker, SegmentRow.text)
    return select(line_number.label("number"), *columns).where(SegmentRow.meeting_id == meeting_id)


def _read(store: Store, query: Select[Any]) -> list[TextLine]:
    with store.read() as session:
        return [
            TextLine(row.number, row.id, Span(row.start, row.end), row.speaker, close_up(row.text))
            for row in session.execute(query)
        ]
