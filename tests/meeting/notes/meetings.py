"""Meetings to be noted."""

from __future__ import annotations

from datetime import datetime, timezone

from meeting.core.records import Meeting, Record, State
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word

NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
TALK = (
    ("spk1", "Welcome to the planning meeting."),
    ("spk2", "The parser is ready for the release."),
    ("spk1", "Then we release on Friday."),
    ("spk2", "I will write the announcement."),
)


def line(number: int, speaker: str | None, text: str) -> Segment:
    """The line of a second."""
    span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
    words = tuple(Word(word, span) for word in text.split())
    return Segment(f"s{number}", 1, True, "a", span, speaker, words, len(text))


def record_of(*talk: tuple[str, str], title: str = "Planning") -> Record:
    """A meeting in which that was said; lines `s0`, `s1` and so on, a second each."""
    lines = tuple(line(number, who, text) for number, (who, text) in enumerate(talk))
    meeting = Meeting("m1", title, State.ENDED, NOW, NOW, NOW, len(lines) * SAMPLE_RATE, len(lines))
    return Record(meeting, (), (Speaker("spk1", "Ann"), Speaker("spk2", "Ben", color=1)), lines, ())


RECORD = record_of(*TALK)
LONG = record_of(*(("spk1", f"Point {number} of the agenda is settled and done.") for number in range(400)))
"""Several times what the smallest context holds"""
