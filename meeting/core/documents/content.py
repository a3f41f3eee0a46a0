"""What stands in a document, whatever its form: texts on one line each, without control characters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Passage:
    """What one speaker said in a row."""

    start: int
    """Whole seconds from the meeting's start"""
    time: str
    """The same as a clock"""
    speaker: str
    """Name as printed"""
    color: int | None
    """Number of the speaker's colour; None where it is not known who it was"""
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part with a title: remarks, then a list of points."""

    title: str
    remarks: tuple[str, ...]
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A meeting as a document."""

    title: str
    began: datetime
    facts: tuple[str, ...]
    notes: tuple[Section, ...]
    passages: tuple[Passage, ...]
