"""The full-text index in SQLite (FTS5).

The table `segment_search` and the triggers that keep it, made by migration 0008, lie beside `segments`: what changes
a line's text changes the index in the same transaction. It holds the lines of meetings that are kept, by their
row numbers, and no text of its own. A migration that rebuilds `segments` has to keep the lines' numbers and
make the triggers again, as 0011 does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, TextualSelect, bindparam, text
from sqlalchemy.orm import Session

from meeting.storage.search.index import EXCERPT_TOKENS
from meeting.storage.search.query import MARK_END, MARK_START, Term


def expression(terms: Sequence[Term]) -> str:
    """Terms in the index's language, in which nothing of them but their words has a meaning."""
    quoted = (term.text.replace('"', '""') for term in terms)
    return " ".join(f'"{words}"{"*" if term.prefix else ""}' for words, term in zip(quoted, terms, strict=True))


class Fts5Index:
    """The index as SQLite keeps it; a `SearchIndex`."""

    def matches(self, terms: Sequence[Term], first: int, last: int, most: int) -> TextualSelect:
        """Select the numbers of up to `most` lines that hold all terms, from number `last` down to `first`."""
        found = text(
            "SELECT rowid AS number FROM segment_search WHERE segment_search MATCH :terms "
            "AND rowid BETWEEN :first AND :last ORDER BY rowid DESC LIMIT :most"
        )
        return found.bindparams(terms=expression(terms), first=first, last=last, most=most).columns(number=Integer)

    def excerpts(self, session: Session, terms: Sequence[Term], numbers: Sequence[int]) -> dict[int, str]:
        """By their numbers, of which there is one at least, lines around the terms that they hold, the terms marked."""
        found = text(
            "SELECT rowid AS number, snippet(segment_search, 0, :start, :end, '…', :tokens) AS excerpt "
            "FROM segment_search "
            # The plus keeps the index from looking for the terms anew for every number.
            "WHERE segment_search MATCH :terms AND rowid BETWEEN :first AND :last AND +rowid IN :numbers"
        ).bindparams(bindparam("numbers", expanding=True), first=min(numbers), last=max(numbers))
        values = {"start": MARK_START, "end": MARK_END, "tokens": EXCERPT_TOKENS, "terms": expression(terms)}
        rows = session.execute(found, {**values, "numbers": list(numbers)})
        return {row.number: row.excerpt for row in rows}

    def erase_deleted(self, session: Session) -> None:
        """Leave nothing in the index of lines that were deleted, whose words it only covers over at first."""
        session.execute(text("INSERT INTO segment_search(segment_search) VALUES ('optimize')"))
