"""The words that a person writes into a line, with the times of those that were recognised; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from meeting.core.editing.alignment import Match, align
from pipelines.errors import MeetingError
from pipelines.spacing import set_apart
from pipelines.types import Span, Word, samples

MAX_WORDS = 2000
"""Words that a person may write into one line: a recogniser finds about a hundred in the longest one"""
LETTER = samples(0.06)
"""Samples that a letter takes in ordinary speech"""
QUICK_LETTER = LETTER // 2
"""The same in the quickest: words that would have less take some of the time around them"""


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
    new: list[tuple[int, int]] = []
    a = b = 0
    # A word that stayed keeps its own time. Between two of them, what was written shares the time of what it replaces.
    # The empty match at the end stands for the end of both texts.
    for same in [*align([word.text for word in words], written), Match(len(words), len(written), 0)]:
        if same.b > b:
            new.append((len(out), len(out) + same.b - b))
        out += _spread(words, a, same.a, written[b : same.b])
        out += words[same.a : same.a + same.size]
        a, b = same.a + same.size, same.b + same.size
    for first, last in new:
        if _make_room(out, first, last) == len(out):
            break
    return tuple(out)


def _spread(words: tuple[Word, ...], a: int, b: int, written: list[str]) -> list[Word]:
    """What was written in the place of the words `a` to `b`, in their time; at one instant where there are none."""
    start = words[a].span.start if a < len(words) else words[-1].span.end
    end = words[b - 1].span.end if b > a else start
    return _shared([Word(one, Span(start, start)) for one in written], start, end)


def _make_room(words: list[Word], first: int, last: int) -> int:
    """Give the new words `first` to `last` the silence around them where their time is too short for them.

    Where that does not do, they share the time of as many words around them as it takes; the number of all these.
    """
    start, end = words[first].span.start, words[last - 1].span.end
    letters = sum(map(_letters, words[first:last]))
    if end - start >= letters * QUICK_LETTER:
        return 0
    least = words[first - 1].span.end if first > 0 else start
    most = words[last].span.start if last < len(words) else end
    if most - least >= letters * QUICK_LETTER:
        end = min(most, start + letters * LETTER)
        start = max(least, end - letters * LETTER)
    while end - start < letters * QUICK_LETTER and (first > 0 or last < len(words)):
        if first > 0:
            first -= 1
            letters += _letters(words[first])
        if last < len(words):
            letters += _letters(words[last])
            last += 1
        start, end = words[first].span.start, words[last - 1].span.end
    words[first:last] = _shared(words[first:last], start, end)
    return last - first


def _shared(words: Sequence[Word], start: int, end: int) -> list[Word]:
    """The words in a stretch of time, each with as much of it as its letters are of all."""
    letters = [0, *accumulate(map(_letters, words))]
    length = max(0, end - start)
    edges = [start + length * so_far // max(1, letters[-1]) for so_far in letters]
    return [replace(word, span=Span(*edges[i : i + 2])) for i, word in enumerate(words)]


def _letters(word: Word) -> int:
    """How long a word takes to say, in letters: characters of a script without spaces count twice, as syllables."""
    return len(set_apart(word.text))
