"""What people search for and what is found: queries taken apart, days, and where the words stand in an excerpt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from pipelines.errors import MeetingError
from pipelines.spacing import close_up, is_spaced, set_apart
from pipelines.types import Span

MAX_QUERY = 500
"""Characters of a query"""
MAX_TERMS = 32
"""Words and phrases of a query"""
SHORTEST_PREFIX = 2
"""Characters that the start of a word needs: with fewer nearly every line would be found"""
MAX_HITS = 100
"""Hits of a page"""

MARK_START, MARK_END = "\x02", "\x03"
"""What an index puts around the words that it has found"""

_TERM = re.compile(r'["“”„](?P<phrase>[^"“”„]*)(?:["“”„]|$)(?P<start>\*)?|(?P<word>[^\s"“”„*]+)(?P<star>\*)?')


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or several that follow each other; with `prefix` the last one may go on."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: lines that hold all of the terms."""

    terms: tuple[Term, ...] = field(repr=False)
    speaker: str | None = field(default=None, repr=False)
    """Name or id of who said it"""
    since: datetime | None = None
    """Of meetings that began then or later"""
    until: datetime | None = None
    """Of meetings that began before"""
    meeting_id: str | None = None
    """Of this meeting alone"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that was found."""

    meeting_id: str
    title: str
    began: datetime
    """UTC time at which the meeting began, or was made where it has not"""
    segment_id: str
    span: Span
    """Within the meeting"""
    speaker: str | None
    speaker_name: str = field(repr=False)
    excerpt: str = field(repr=False)
    """The words found and some around them; … where more is said"""
    marks: tuple[tuple[int, int], ...] = ()
    """Where the words found stand in it: a first character, and the one after the last"""


@dataclass(frozen=True, slots=True)
class HitPage:
    """A page of hits, last said first."""

    hits: tuple[Hit, ...]
    next: str | None
    """Where the next page begins; None at the end. While there is one, a page may hold less than was asked for"""


def parse_query(text: str) -> tuple[Term, ...]:
    """Words, "phrases" and prefixes*, every other character taken literally.

    Raises MeetingError for one that is too long, or in which there is nothing to look for.
    """
    if len(text) > MAX_QUERY:
        raise MeetingError(f"a search has at most {MAX_QUERY} characters, not {len(text)}")
    terms = tuple(_terms(text))
    if not terms:
        raise MeetingError('there is nothing to search for: give words, a "phrase", or the start of a word and *')
    if len(terms) > MAX_TERMS:
        raise MeetingError(f"a search has at most {MAX_TERMS} words and phrases, not {len(terms)}")
    for term in terms:
        if term.prefix and len(start := term.text.split()[-1]) < SHORTEST_PREFIX:
            raise MeetingError(f"the start of a word needs at least {SHORTEST_PREFIX} letters, not {start}*")
    return terms


def _terms(text: str) -> list[Term]:
    # What cannot be written as UTF-8, and what ends a text in C, stands in no transcript.
    clean = text.encode("utf-8", "replace").decode().replace("\0", " ")
    found = []
    for match in _TERM.finditer(clean):
        words = " ".join(set_apart(match["phrase"] or match["word"] or "").split())
        if any(character.isalnum() for character in words):
            starred = bool(match["start"] or match["star"])
            found.append(Term(words, starred and is_spaced(words, "")))  # else a character is found wherever it stands
    return found


def parse_moment(text: str, end: bool = False) -> datetime:
    """A moment from ISO 8601; a day alone begins with its midnight, and with `end` holds all of the day.

    Without a zone it is in this machine's. Raises MeetingError.
    """
    try:
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text.strip()))
        if re.fullmatch(r"[\d-]+", text.strip()):
            moment = datetime.combine(moment.date() + timedelta(days=1 if end else 0), time.min)
        return moment.astimezone()
    except (ValueError, OverflowError) as error:
        raise MeetingError(
            f"a day is written as 2026-05-04, a moment as 2026-05-04T12:30:00Z, not {text[:40]!r}"
        ) from error


def parse_search(
    query: str,
    speaker: str | None = None,
    since: str | None = None,
    until: str | None = None,
    meeting_id: str | None = None,
) -> Search:
    """What is looked for, by a query and, where they are given, the first and the last day or moment as written.

    Raises MeetingError.
    """
    return Search(
        parse_query(query),
        speaker,
        parse_moment(since) if since else None,
        parse_moment(until, end=True) if until else None,
        meeting_id,
    )


def read_marks(marked: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """An excerpt as it is written, without the marks of the index, and where they stood."""
    text, marks = "", []
    for part in re.split(f"(?={MARK_START})", marked):
        found, ended, after = part.removeprefix(MARK_START).partition(MARK_END)
        text = close_up(text + found)
        if part.startswith(MARK_START) and ended:
            marks.append((len(text) - len(close_up(found)), len(text)))
        text = close_up(text + after.replace(MARK_END, ""))
    return text, tuple(marks)
