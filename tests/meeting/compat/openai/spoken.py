"""Lines for tests of OpenAI's protocol."""

from __future__ import annotations

import base64

from meeting.compat.lines import Lines
from meeting.core.messages import ChangeMessage, SegmentMessage, SpeakerRevisionMessage, WordMessage


def line(
    id_: str,
    text: str,
    start: float = 0.0,
    speaker: str | None = None,
    rev: int = 1,
    final: bool = True,
    stable: str = "",
) -> SegmentMessage:
    """A line, each word half a second long, whose beginning is stable."""
    words = tuple(WordMessage(word, start + at / 2, start + at / 2 + 0.5, 0.5) for at, word in enumerate(text.split()))
    return SegmentMessage(id_, rev, final, "a", start, start + len(words) / 2, speaker, text, len(stable), words)


def relabel(id_: str, rev: int, after: str | None) -> SpeakerRevisionMessage:
    """A line that turned out to be somebody's."""
    return SpeakerRevisionMessage((ChangeMessage(id_, rev, None, after),), "live")


def talk() -> Lines:
    """Two people and somebody unknown."""
    lines = Lines()
    for one in (
        line("1", "Good morning.", 0.0, "spk1"),
        line("2", "<Hello> & welcome.", 2.0, "spk2"),
        line("3", "Hm.", 4.0),
    ):
        lines.apply(one)
    return lines


def data_url(audio: bytes) -> str:
    """A file as clients write it into a form."""
    return f"data:audio/wav;base64,{base64.b64encode(audio).decode()}"
