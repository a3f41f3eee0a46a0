"""Meetings that are over, line by line; for tests only."""

from __future__ import annotations

from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word
from tests.fakes.access_fakes import Given, Locked


def said(id_: str, at: int, text: str, who: str | None, overlap: bool = False) -> Segment:
    """A line of one second."""
    span = Span(at * SAMPLE_RATE, (at + 1) * SAMPLE_RATE)
    return Segment(id_, 1, True, "a", span, who, tuple(Word(word, span) for word in text.split()), 0, overlap)


def over(server: Locked, *segments: Segment) -> Given:
    """A meeting that is over, with these lines and two voices."""
    meeting = server.held("Over")
    store: Store = server.serving.app.state.rooms.store
    TranscriptStore(store).save_speakers(meeting.id, [Speaker("spk1"), Speaker("spk2", color=1)]).result()
    TranscriptStore(store).save_segments(meeting.id, segments).result()
    return meeting
