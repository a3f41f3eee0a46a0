"""The full-text index in PostgreSQL: a `tsvector` of each line of a meeting that is kept, with a GIN index.

The table `segment_search`, the functions that take lines and queries apart, and the triggers that keep it are made by
migration 0011; a line's row goes with the line. Excerpts are made here, from the lines' texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, String, TextualSelect, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from meeting.storage.search.index import EXCERPT_TOKENS
from meeting.storage.search.query import MARK_END, MARK_START, Term

CUT = "…"
"""Where an excerpt does not begin or end with its line"""


class TsvectorIndex:
    """The index as PostgreSQL keeps it; a `SearchIndex`."""

    def matches(self, terms: Sequence[Term], first: int, last: int, most: int) -> TextualSelect:
        """Select the numbers of up to `most` lines that hold all terms, from number `last` down to `first`."""
        found = text(
            "SELECT number FROM segment_search WHERE words @@ search_query(:terms, :prefixes) "
            "AND number BETWEEN :first AND :last ORDER BY number DESC LIMIT :most"
        ).bindparams(
            bindparam("terms", [term.text for term in terms], ARRAY(String)),
            bindparam("prefixes", [term.prefix for term in terms], ARRAY(Boolean)),
            bindparam("first", first, BigInteger),
            bindparam("last", last, BigInteger),
            bindparam("most", most, BigInteger),
        )
        return found.columns(number=BigInteger)

    def excerpts(self, session: Session, terms: Sequence[Term], numbers: Sequence[int]) -> dict[int, str]:
        """By their numbers, of which there is one at least, lines around the terms that they hold, the terms marked."""
        found = text("SELECT number, text FROM segments WHERE number = ANY(:numbers)").bindparams(
            bindparam("numbers", list(numbers), ARRAY(BigInteger))
        )
        return {row.number: excerpt(row.text, terms) for row in session.execute(found)}

    def erase_deleted(self, session: Session) -> None:
        """Nothing: the index has no copy of its own that outlives its rows longer than the table's pages do."""


@dataclass(frozen=True, slots=True)
class _Token:
    folded: str
    start: int
    end: int


def fold(word: str) -> str:
    """A word as it is compared: small, and without marks above or below Latin letters; as the database does it."""
    small = unicodedata.normalize("NFD", word.lower().replace("ς", "σ"))
    return unicodedata.normalize("NFC", re.sub(r"([a-z])[\u0300-\u036f]+", r"\1", small))


def excerpt(line: str, terms: Sequence[Term]) -> str:
    """A line around the terms that it holds, which are marked: where the most of them stand, the first such place."""
    tokens = _tokens(line)
    found = sorted(
        (at, at + len(words), number)
        for number, term in enumerate(terms)
        if (words := [token.folded for token in _tokens(term.text)])
        for at in range(len(tokens) - len(words) + 1)
        if _stands(tokens[at : at + len(words)], words, term.prefix)
    )
    begin = 0
    if len(tokens) > EXCERPT_TOKENS:
        starts = sorted({0, *(min(at, len(tokens) - EXCERPT_TOKENS) for at, _, _ in found)})
        begin = max(starts, key=lambda start: (len(_within(found, start)), -start))
    end = min(len(tokens), begin + EXCERPT_TOKENS)
    left = tokens[begin].start if begin else 0
    right = tokens[end].start if end < len(tokens) else len(line)
    marked = _marked(
        line, left, right, [(tokens[a].start, tokens[b - 1].end) for a, b, _ in found if begin <= a and b <= end]
    )
    return f"{CUT if begin else ''}{marked.rstrip() if end < len(tokens) else marked}{CUT if end < len(tokens) else ''}"


def _within(found: Sequence[tuple[int, int, int]], start: int) -> set[int]:
    return {number for a, b, number in found if start <= a and b <= start + EXCERPT_TOKENS}


def _stands(tokens: Sequence[_Token], words: Sequence[str], prefix: bool) -> bool:
    last = tokens[-1].folded
    ends = last.startswith(words[-1]) if prefix else last == words[-1]
    return ends and [token.folded for token in tokens[:-1]] == list(words[:-1])


def _marked(line: str, left: int, right: int, spans: Sequence[tuple[int, int]]) -> str:
    """A part of a line; what overlaps of the marked spans is one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    made, at = "", left
    for start, end in joined:
        made += f"{line[at:start]}{MARK_START}{line[start:end]}{MARK_END}"
        at = end
    return made + line[at:right]


def _tokens(line: str) -> list[_Token]:
    found, start = [], None
    for at, character in enumerate(f"{line} "):
        inside = character.isalnum() or (start is not None and unicodedata.category(character) in ("Mn", "Mc"))
        if inside and start is None:
            start = at
        elif not inside and start is not None:
            found.append(_Token(fold(line[start:at]), start, at))
            start = None
    return found
