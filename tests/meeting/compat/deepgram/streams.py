"""Messages and requests for tests of Deepgram's protocol."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import parse_qsl

from meeting.compat.deepgram.query import Query, parse_query
from meeting.compat.deepgram.shapes import Heading
from meeting.compat.parameters import Parameters
from meeting.core.messages import ChangeMessage, SegmentMessage, SpeakerRevisionMessage, WordMessage

RAW = "encoding=linear16&sample_rate=16000"
NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


def heading() -> Heading:
    """What is said about a request."""
    return Heading("r1", NOON, 1, {"speech": "fake"})


def query(text: str = "diarize=true&punctuate=true", raw: str = RAW) -> Query:
    """A request's parameters."""
    return parse_query(Parameters(parse_qsl(f"{raw}&{text}")))


def line(
    id_: str,
    rev: int,
    text: str,
    start: float = 0.0,
    speaker: str | None = None,
    final: bool = True,
    pause: bool = True,
) -> SegmentMessage:
    """A line, each word half a second long; behind a final one there is a pause."""
    words = tuple(WordMessage(word, start + at / 2, start + at / 2 + 0.5, 0.9) for at, word in enumerate(text.split()))
    end = start + len(words) / 2
    return SegmentMessage(id_, rev, final, "a", start, end, speaker, text, 0, words, pause=final and pause)


def relabel(id_: str, rev: int, after: str | None) -> SpeakerRevisionMessage:
    """A line that turned out to be somebody's."""
    return SpeakerRevisionMessage((ChangeMessage(id_, rev, None, after),), "live")
