"""Meetings, lines and turns to be kept in a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np

from meeting.core.records import Meeting, Source, State
from meeting.storage.files.flac import FlacWriter
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import Segment, Span, Speaker, Turn, TurnsRevised, Word, samples

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


LOUD = {"a": 0.25, "b": 0.125}
"""What every sample of the sources of `keep_two_sources` is"""


def keep_two_sources(store: Store, id_: str) -> Meeting:
    """Keep a meeting of 8 s that is over, whose sources hear the same people: a of 6 s, and b of 6 s from 2 s on."""
    meeting = Meeting(id_, "Two microphones", State.ENDED, NOON, NOON, NOON, samples(8.0))
    store.create_meeting(meeting).result()
    transcripts = TranscriptStore(store)
    for number, (source_id, value) in enumerate(LOUD.items(), 1):
        with FlacWriter(store.files.audio_path(id_, source_id)) as writer:
            writer.write(np.full(samples(6.0), value, np.float32))
        audio, anchors = writer.path.name, ((0, samples(2.0)),) if number > 1 else ()
        source = replace(SOURCE, id=source_id, number=number, samples=writer.samples, audio=audio, anchors=anchors)
        transcripts.save_source(id_, source).result()
    transcripts.save_speakers(id_, [Speaker("spk1", "Ann", 0), Speaker("spk2", "Ben", 1)]).result()
    ann = line("s1", 0, speaker="spk1", text="One two three four.")
    ben = replace(line("2s1", samples(3.0), speaker="spk2", text="Five six seven eight."), source_id="b")
    transcripts.save_segments(id_, [ann, ben]).result()
    for source_id, heard in {"a": ((0, 2, "spk1"), (4, 6, "spk2")), "b": ((1, 3, "spk1"), (3, 5, "spk2"))}.items():
        placed = [(samples(start), samples(end), who) for start, end, who in heard]
        transcripts.save_turns(id_, source_id, revised(0, meeting.samples, *placed)).result()
    return meeting
