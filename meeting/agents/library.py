"""What is kept, as agents are told it: bounded parts as JSON objects, of the meetings that whoever asks may read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from meeting.core.access import Grant, Role
from meeting.core.errors import Forbidden
from meeting.core.records import Meeting, State, iso_time, plain_name, speaker_name
from meeting.core.transcript import Place, resolve
from meeting.statistics.report import read_statistics
from meeting.storage.search.query import Hit, Search
from meeting.storage.search_store import SearchStore
from meeting.storage.store import Store
from meeting.storage.summary import TextLine, new_lines, newest_lines, read_speakers, text_lines
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Span, Speaker, seconds

Answer = dict[str, Any]

MAX_TEXT = 20_000
"""Characters of text that one answer holds at most, or a line, if that is longer"""
NEWEST = 10
"""Lines that whoever begins to follow a meeting is told"""
MOST_NEW = 100
"""New lines that are told at once"""
END_OF_TIME = 2**53
"""A sample after all that there can be"""


class Library:
    """Meetings as one who holds a token may read them; each method reads the database, and raises MeetingError."""

    def __init__(self, store: Store, grant: Grant) -> None:
        self._store = store
        self._grant = grant

    def meetings(self, limit: int, before: str | None) -> Answer:
        """A page of meetings, newest first; of a link its own one."""
        if self._grant.link is not None:
            found, following = [self._store.meeting(self._grant.link.meeting_id)], None
        else:
            found, following = self._store.meetings(limit, before)
        names = TranscriptStore(self._store).speaker_names([meeting.id for meeting in found])
        return {"meetings": [{**_facts(one), "speakers": names.get(one.id, [])} for one in found], "next": following}

    def search(self, wanted: Search, limit: int, cursor: str | None) -> Answer:
        """A page of hits in all meetings, or in the one that `wanted` names."""
        if self._grant.link is not None or wanted.meeting_id is not None:
            wanted = replace(wanted, meeting_id=self.find(wanted.meeting_id).id)
        page = SearchStore(self._store).search(wanted, limit, cursor)
        return {"hits": [_hit(hit) for hit in page.hits], "next": page.next}

    def transcript(
        self,
        meeting: str | None,
        since: float,
        until: float | None,
        speaker: str | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """A part of a transcript, in order of time: between two seconds, of one speaker, after a place."""
        found = self.find(meeting)
        known = read_speakers(self._store, found.id)
        within = Span(round(since * SAMPLE_RATE), END_OF_TIME if until is None else round(until * SAMPLE_RATE))
        voices = None if speaker is None else _called(speaker, known)
        after = None if cursor is None else _from_cursor(cursor)
        lines = text_lines(self._store, found.id, limit + 1, after, within, voices)
        page = _bounded(lines[:limit])
        more = len(lines) > len(page)
        following = _cursor(page[-1]) if more else None
        return {**_facts(found), "lines": _lines(page, known), "next": following}

    def new_lines(self, meeting_id: str, after: int | None) -> tuple[Answer, bool]:
        """Lines stored after a number, or the last ones there are; and whether there is no reason to wait for more."""
        # In this order: of a meeting that is over by now no line comes later.
        meeting = self._store.meeting(meeting_id)
        if after is None:
            found = newest_lines(self._store, meeting_id, NEWEST)
        else:
            found = new_lines(self._store, meeting_id, MOST_NEW, after)
        page = _bounded(found)
        known = read_speakers(self._store, meeting_id) if page else ()
        last = page[-1].number if page else after or 0
        told = {**_facts(meeting), "lines": _lines(page, known), "after": str(last)}
        return told, bool(page) or after is None or meeting.state == State.ENDED

    def speakers(self, meeting: str | None) -> Answer:
        """Who speaks in a meeting, and how much."""
        found = self.find(meeting)
        told = read_statistics(self._store, found.id)
        return {
            **_facts(found),
            "speakers": told["speakers"],
            "overlap": told["overlap"],
            "silence": told["silence"],
        }

    def find(self, meeting: str | None) -> Meeting:
        """The meeting that is meant: an id, the start of one or "last"; of a link its own. Raises MeetingError."""
        link = self._grant.link
        if link is None:
            if not meeting:
                raise MeetingError('say which meeting: its id, or "last"')
            return self._store.find(meeting)
        if meeting and meeting not in (link.meeting_id, "last"):
            raise Forbidden("your link does not open this meeting")
        if not self._grant.allows(Role.VIEW, link.meeting_id):
            raise Forbidden("your link does not allow that")
        return self._store.meeting(link.meeting_id)


def _facts(meeting: Meeting) -> Answer:
    return {
        "meeting": meeting.id,
        "title": meeting.title,
        "state": meeting.state,
        "began": iso_time(meeting.started_at or meeting.created_at),
        "duration": seconds(meeting.samples) if meeting.state == State.ENDED else None,
    }


def _lines(lines: Iterable[TextLine], known: tuple[Speaker, ...]) -> list[Answer]:
    stands_for = resolve(known)
    return [
        {
            "id": line.id,
            "start": seconds(line.span.start),
            "end": seconds(line.span.end),
            "speaker": speaker_name(stands_for.get(line.speaker or "", line.speaker), known),
            "text": line.text,
        }
        for line in lines
    ]


def _hit(hit: Hit) -> Answer:
    return {
        "meeting": hit.meeting_id,
        "title": hit.title,
        "began": iso_time(hit.began),
        "line": hit.segment_id,
        "start": seconds(hit.span.start),
        "end": seconds(hit.span.end),
        "speaker": hit.speaker_name,
        "excerpt": hit.excerpt,
    }


def _called(wanted: str, known: tuple[Speaker, ...]) -> set[str]:
    """Ids of the voices that are called so, or turned out to be one that is; raises MeetingError where none is."""
    stands_for = resolve(known)
    names = {who: speaker_name(who, known) for who in stands_for.values()}
    asked = plain_name(wanted)
    called = {who for who, name in names.items() if asked in (plain_name(who), plain_name(name))}
    found = {id_ for id_, who in stands_for.items() if who in called}
    if not found:
        there = ", ".join(dict.fromkeys(names.values()))
        raise MeetingError(f"nobody in this meeting is called so; there are: {there or 'no voices yet'}")
    return found


def _bounded(lines: Iterable[TextLine]) -> list[TextLine]:
    """As many of the lines as an answer holds, one at least."""
    page: list[TextLine] = []
    size = 0
    for line in lines:
        size += len(line.text)
        if page and size > MAX_TEXT:
            break
        page.append(line)
    return page


def _cursor(line: TextLine) -> str:
    return f"{line.span.start}-{line.id}"


def _from_cursor(cursor: str) -> Place:
    start, dash, id_ = cursor.partition("-")
    if not (start.isascii() and start.isdigit() and len(start) < 18 and dash):
        raise MeetingError("this is not a place in the transcript: take the `next` of the part before")
    return int(start), id_
