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
    pause: bool = True,
) -> SegmentMessage:
    """A line, each word half a second long, whose beginning is stable; behind a final one there is a pause."""
    words = tuple(WordMessage(word, start + at / 2, start + at / 2 + 0.5, 0.5) for at, word in enumerate(text.split()))
    end, pause = start + len(words) / 2, final and pause
    return SegmentMessage(id_, rev, final, "a", start, end, speaker, text, len(stable), words, pause=pause)


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
