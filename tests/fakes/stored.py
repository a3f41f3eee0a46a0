"""Meetings, lines and turns to be kept in a store."""

from __future__ import annotations

from datetime import datetime, timezone

from meeting.core.records import Meeting, Source, State
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import Segment, Span, Turn, TurnsRevised, Word

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
SOURCE = Source("a", "Ann", "room", "pcm_s16le", 48000, 1)


def kept(store: Store, id_: str = "m1", created_at: datetime = NOON, title: str = "Plans") -> Meeting:
    """Keep a meeting."""
    meeting = Meeting(id_, title, State.OPEN, created_at)
    store.create_meeting(meeting).result()
    return meeting


def line(id_: str, start: int = 0, rev: int = 1, speaker: str | None = None, text: str = "Hello there.") -> Segment:
    """A final segment, each word half a second long."""
    spans = (Span(at, at + 8000) for at in range(start, 2**60, 8000))
    words = tuple(Word(word, span, 0.5) for word, span in zip(text.split(), spans))  # noqa: B905 - spans have no end
    span = Span(start, start + 8000 * len(words))
    return Segment(id_, rev, True, "a", span, speaker, words, len(text))


def revised(start: int, end: int, *turns: tuple[int, int, str]) -> TurnsRevised:
    """A revision of the turns between two samples."""
    return TurnsRevised(Span(start, end), tuple(Turn(Span(a, b), who) for a, b, who in turns))


def turns(store: Store, id_: str = "m1") -> list[tuple[int, int, str]]:
    """The turns that are kept."""
    return [(turn.span.start, turn.span.end, turn.speaker) for turn in TranscriptStore(store).record(id_).turns]
