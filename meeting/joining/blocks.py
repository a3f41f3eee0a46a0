"""Time cut into blocks at pauses of the words of all sources: in each of them one choice is made of who is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.types import Segment, Span, Word, samples

PAUSE = samples(0.2)
"""Shortest time without words that ends a block"""
LONGEST = samples(5.0)
"""Longer blocks are cut at their largest pause"""
SHORTEST = samples(1.0)
"""What is cut so is no shorter"""

NEVER = 1 << 62
"""Behind every sample"""


@dataclass(frozen=True, order=True, slots=True)
class PlacedWord:
    """A word of a source, by its middle."""

    middle: int
    span: Span
    source_id: str
    line: str = ""
    """Id of its line"""
    text: str = ""
    confidence: float = -1.0
    """Probability that it is right; negative where the recogniser gives none, or may still change its mind"""
    final: bool = True
    """Whether its line stays as it is"""

    @classmethod
    def of(cls, word: Word, line: Segment) -> PlacedWord:
        """A word of a line."""
        confidence = word.confidence if line.final and word.confidence is not None else -1.0
        middle = (word.span.start + word.span.end) // 2
        return cls(middle, word.span, line.source_id, line.id, word.text, confidence, line.final)


@dataclass(frozen=True, slots=True)
class Block:
    """Words of all sources that one choice is made about, in order of time."""

    words: tuple[PlacedWord, ...]
    until: int
    """Middle of the last word that had a say in where it ends; `NEVER` where the next one may have"""

    @property
    def begin(self) -> int:
        """From where on the middles of words lie in it."""
        return self.words[0].middle

    @property
    def span(self) -> Span:
        """What its words take, pauses included."""
        return Span(min(word.span.start for word in self.words), max(word.span.end for word in self.words))


def cut(words: Sequence[PlacedWord]) -> Iterator[Block]:
    """Words in order of time as blocks; a block does not depend on those before it."""
    first = 0
    while first < len(words):
        end, covered, until = first + 1, words[first].span, NEVER
        pauses: list[tuple[int, int]] = []
        while end < len(words):
            pause, grown = words[end].span.start - covered.end, covered | words[end].span
            if pause >= PAUSE:
                until = words[end].middle
                break
            if len(covered) >= SHORTEST and words[end].middle > words[end - 1].middle:
                pauses.append((pause, end))
            if len(grown) > LONGEST and pauses:
                until, end = words[end].middle, max(pauses)[1]
                break
            covered, end = grown, end + 1
        yield Block(tuple(words[first:end]), until)
        first = end


class Blocks:
    """The blocks of a meeting, cut anew where words have changed."""

    def __init__(self, words: Callable[[Span], list[PlacedWord]]) -> None:
        """`words` gives all that have their middle in a span, in order of time."""
        self._words = words
        self._blocks: list[Block] = []

    def near(self, span: Span) -> list[Block]:
        """The blocks that meet a span, in order of time."""
        first = bisect_left(self._blocks, span.start - LONGEST, key=_until)
        last = bisect_right(self._blocks, span.end + LONGEST, key=_begin)
        return [block for block in self._blocks[first:last] if not block.span.gap(span)]

    def at(self, middle: int) -> Block | None:
        """The block that a word lies in, by its middle; None before the first one."""
        at = bisect_right(self._blocks, middle, key=_begin) - 1
        return self._blocks[at] if at >= 0 else None

    def around(self, block: Block, most: int) -> Span:
        """The span of a block and what is nearest to it, at most so many samples before and behind it."""
        at, span = bisect_left(self._blocks, block.begin, key=_begin), block.span
        start, end = max(0, span.start - most), span.end + most
        if at:
            start = max(start, min(span.start, (self._blocks[at - 1].span.end + span.start) // 2))
        if at + 1 < len(self._blocks):
            end = min(end, max(span.end, (self._blocks[at + 1].span.start + span.end) // 2))
        return Span(start, end)

    def cut_anew(self, span: Span, end: int) -> tuple[list[Block], list[Block]]:
        """Blocks that are no more, and those in their place, now that words in a span have changed.

        `end` is where the last words of the meeting end.
        """
        first = bisect_left(self._blocks, span.start, key=_until)
        begin = self._blocks[first].begin if first else 0
        reach = span.end
        while True:
            reach += 4 * LONGEST
            made: list[Block] = []
            for block in cut(self._words(Span(begin, reach))):
                same = bisect_left(self._blocks, block.begin, key=_begin)
                if block.until == NEVER and reach <= end:
                    break  # words that are not known yet have a say
                if block.begin > span.end and same < len(self._blocks) and self._blocks[same] == block:
                    return self._replaced(first, same, made)
                made.append(block)
            if reach > end:
                return self._replaced(first, len(self._blocks), made)

    def _replaced(self, first: int, last: int, made: list[Block]) -> tuple[list[Block], list[Block]]:
        gone, self._blocks[first:last] = self._blocks[first:last], made
        return [block for block in gone if block not in made], [block for block in made if block not in gone]


def _begin(block: Block) -> int:
    return block.begin


def _until(block: Block) -> int:
    return block.until
