"""Search over all meetings that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.orm import Session

from meeting.core.records import plain_name, speaker_name
from meeting.core.transcript import resolve
from meeting.storage.search.index import LAST_NUMBER, SearchIndex
from meeting.storage.search.query import MAX_HITS, Hit, HitPage, Search, read_marks
from meeting.storage.store import Store
from meeting.storage.tables import MeetingRow, SegmentRow, SpeakerRow, line_number
from meeting.storage.transcript_store import speakers_by_meeting
from pipelines.errors import MeetingError
from pipelines.types import Span, Speaker

EXAMINED = (500, 50_000)
"""Lines with the words that one page looks at: at first, and then, where few of them fit speaker and days"""

FEW_MEETINGS = 50
"""Meetings of which it is found out where their lines lie, before these alone are looked through"""

_began = func.coalesce(MeetingRow.started_at, MeetingRow.created_at)


class SearchStore:
    """Finds lines in what is kept; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def search(self, wanted: Search, limit: int = 20, cursor: str | None = None) -> HitPage:
        """A page of hits, last said first, from `cursor` on, the `next` of the page before; raises MeetingError."""
        limit = max(1, min(limit, MAX_HITS))
        last = LAST_NUMBER if cursor is None else _from_cursor(cursor)
        index = self._store.index
        with self._store.read() as session:
            rows, following = _page(session, index, wanted, limit, last)
            numbers = [row.number for row in rows]
            excerpts = index.excerpts(session, wanted.terms, numbers) if numbers else {}
            speakers = speakers_by_meeting(session, {row.meeting_id for row in rows})
        hits = tuple(_hit(row, speakers.get(row.meeting_id, []), excerpts.get(row.number, "")) for row in rows)
        return HitPage(hits, None if following is None else str(following))

    def all_hits(self, wanted: Search) -> Iterator[Hit]:
        """All hits, last said first, looked for as they are taken."""
        page = self.search(wanted, MAX_HITS)
        yield from page.hits
        while page.next is not None:
            page = self.search(wanted, MAX_HITS, page.next)
            yield from page.hits


def _page(session: Session, index: SearchIndex, wanted: Search, limit: int, last: int) -> tuple[list[Any], int | None]:
    """Up to `limit` lines from number `last` on down, and the number at which the next page begins."""
    voices = None if wanted.speaker is None else _voices(session, wanted.speaker)
    first, last = _numbers(session, wanted, voices, last)
    rows: list[Any] = []
    for most in EXAMINED:
        matches = index.matches(wanted.terms, first, last, most).subquery("matches")
        rows += session.execute(_lines(wanted, voices, matches).limit(limit + 1 - len(rows))).all()
        if len(rows) > limit:
            return rows[:limit], rows[limit].number
        examined, lowest = session.execute(select(func.count(), func.min(matches.c.number))).one()
        if examined < most:
            return rows, None
        last = lowest - 1
    return rows, last


def _numbers(session: Session, wanted: Search, voices: CTE | None, last: int) -> tuple[int, int]:
    """Between which numbers, up to `last`, all lines lie that may be asked for, where few meetings may hold one."""
    query = select(MeetingRow.id).where(*_of_meetings(wanted))
    if voices is not None:
        query = query.where(MeetingRow.id.in_(select(voices.c.meeting_id)))
    meetings = session.scalars(query.limit(FEW_MEETINGS + 1)).all()
    if len(meetings) > FEW_MEETINGS:
        return 0, last
    own = select(func.min(line_number), func.max(line_number)).where(SegmentRow.meeting_id.in_(meetings))
    lowest, highest = session.execute(own).one()
    return lowest or 0, min(last, highest or 0)


def _of_meetings(wanted: Search) -> list[ColumnElement[bool]]:
    """Which meetings are searched."""
    conditions: list[ColumnElement[bool]] = [MeetingRow.kept.is_(True)]
    if wanted.meeting_id is not None:
        conditions.append(MeetingRow.id == wanted.meeting_id)
    if wanted.since is not None:
        conditions.append(_began >= wanted.since)
    if wanted.until is not None:
        conditions.append(_began < wanted.until)
    return conditions


def _lines(wanted: Search, voices: CTE | None, matches: Any) -> Select[Any]:
    """Those of the lines that were said by whom, when and where it is asked for, last one first."""
    columns = (SegmentRow.meeting_id, SegmentRow.id, SegmentRow.start, SegmentRow.end, SegmentRow.speaker)
    query = (
        select(matches.c.number, MeetingRow.title, _began.label("began"), *columns)
        .join_from(matches, SegmentRow, matches.c.number == line_number)
        .join(MeetingRow, MeetingRow.id == SegmentRow.meeting_id)
        .where(*_of_meetings(wanted))
        .order_by(matches.c.number.desc())
    )
    if voices is None:
        return query
    who = select(voices.c.meeting_id, voices.c.id)
    return query.where(tuple_(SegmentRow.meeting_id, SegmentRow.speaker).in_(who))


def _voices(session: Session, wanted: str) -> CTE:
    """Meeting and id of all voices that are called so, or that turned out to be one which is."""
    name = plain_name(wanted)
    names = session.scalars(select(SpeakerRow.name).where(SpeakerRow.name.is_not(None)).distinct())
    called = [given for given in names if given and plain_name(given) == name]
    number = name.removeprefix("speaker ")
    nameless = func.coalesce(SpeakerRow.name, "") == ""
    found = (
        select(SpeakerRow.meeting_id, SpeakerRow.id)
        .where(
            SpeakerRow.merged_into.is_(None),
            or_(
                SpeakerRow.name.in_(called),
                SpeakerRow.id == wanted,
                nameless & SpeakerRow.id.in_((number, f"spk{number}")),
            ),
        )
        .cte("voices", recursive=True)
    )
    merged = select(SpeakerRow.meeting_id, SpeakerRow.id).join(
        found, (SpeakerRow.meeting_id == found.c.meeting_id) & (SpeakerRow.merged_into == found.c.id)
    )
    return found.union(merged)


def _hit(row: Any, speakers: list[Speaker], marked: str) -> Hit:
    speaker = resolve(speakers).get(row.speaker or "", row.speaker)
    excerpt, marks = read_marks(marked)
    name = speaker_name(speaker, speakers)
    return Hit(row.meeting_id, row.title, row.began, row.id, Span(row.start, row.end), speaker, name, excerpt, marks)


def _from_cursor(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise MeetingError("this is not a place in what was found: search again from the first page")
    return int(cursor)
