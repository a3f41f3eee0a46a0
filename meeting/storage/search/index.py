"""What the store asks of a full-text index over the lines of meetings that are kept, whichever database it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import TextualSelect
from sqlalchemy.orm import Session

from meeting.storage.search.query import Term

EXCERPT_TOKENS = 32
"""Words of an excerpt"""

LAST_NUMBER = 2**63 - 1
"""The highest number that a row can have"""


class SearchIndex(Protocol):
    """A full-text index: what changes a line's text changes it in the same transaction."""

    def matches(self, terms: Sequence[Term], first: int, last: int, most: int) -> TextualSelect:
        """Select the numbers of up to `most` lines that hold all terms, from number `last` down to `first`."""

    def excerpts(self, session: Session, terms: Sequence[Term], numbers: Sequence[int]) -> dict[int, str]:
        """By their numbers, one at least, lines around the terms that they hold, the terms marked."""

    def erase_deleted(self, session: Session) -> None:
        """Leave nothing in the index of lines that were deleted, whose words it may only cover over at first."""
