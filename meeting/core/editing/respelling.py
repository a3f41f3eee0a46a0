"""The words that a person writes into a line, with the times of those that were recognised; pure."""

from __future__ import annotations

from meeting.core.editing.alignment import Match, align
from pipelines.errors import MeetingError
from pipelines.types import Span, Word

MAX_WORDS = 2000
"""Words that a person may write into one line: a recogniser finds about a hundred in the longest one"""


def respell(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """The words that a person wrote, with the times of those that were recognised.

    Raises MeetingError without any, and with more than `MAX_WORDS`.
    """
    written = text.split()
    if not written:
        raise MeetingError("a line needs at least one word")
    if len(written) > MAX_WORDS:
        raise MeetingError(f"a line has at most {MAX_WORDS} words, this text has {len(written)}: shorten it")
    out: list[Word] = []
    a = b = 0
    # A word that stayed keeps its own time. Between two of them, what was written shares the time of what it replaces.
    # The empty match at the end stands for the end of both texts.
    for same in [*align([word.text for word in words], written), Match(len(words), len(written), 0)]:
        out += _spread(words, a, same.a, written[b : same.b])
        out += words[same.a : same.a + same.size]
        a, b = same.a + same.size, same.b + same.size
    return tuple(out)


def _spread(words: tuple[Word, ...], a: int, b: int, written: list[str]) -> list[Word]:
    """What was written in the place of the words `a` to `b`, in equal parts of their time."""
    # Where nothing is replaced there is no time to share: the new words lie at one instant, where the next one begins.
    start = words[a].span.start if a < len(words) else words[-1].span.end
    end = words[b - 1].span.end if b > a else start
    edges = [start + (end - start) * i // max(1, len(written)) for i in range(len(written) + 1)]
    return [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written)]
