"""The turns of one source: as its pipeline has them, without those of times in which another source is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from pipelines.turns import join_spans, replace_turns
from pipelines.types import Span, Turn, TurnsRevised, samples

SHORTEST = samples(0.3)
"""What is left of a turn that was cut, and is shorter, is left out"""
PAUSE = samples(0.5)
"""Longest pause within a turn that is known from words"""


class SourceTurns:
    """Turns in order of time. Looking into a stretch takes time for that stretch only."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._longest = 0

    @property
    def span(self) -> Span:
        """What all of them take."""
        return Span(0, max((turn.span.end for turn in self._turns), default=0))

    def replace(self, revised: TurnsRevised) -> None:
        """Take over a revision."""
        self._longest = max([self._longest, *(len(turn.span) for turn in revised.turns)])
        around = self._around(revised.span)
        self._turns[around] = replace_turns(self._turns[around], revised)

    def within(self, span: Span) -> list[Turn]:
        """The turns in a span, cut to it."""
        turns = self._turns[self._around(span)]
        return [Turn(turn.span & span, turn.speaker) for turn in turns if turn.span & span]

    def _around(self, span: Span) -> slice:
        first = bisect_left(self._turns, span.start - self._longest, key=_begin)
        return slice(first, bisect_right(self._turns, span.end, key=_begin))


def without(turns: Iterable[Turn], gaps: Iterable[Span]) -> list[Turn]:
    """What is left of turns without what lies in gaps, but for hardly anything."""
    hidden = join_spans(gaps)
    left = []
    for turn in turns:
        inside = [gap & turn.span for gap in hidden if gap & turn.span]
        starts = [turn.span.start, *(gap.end for gap in inside)]
        ends = [*(gap.start for gap in inside), turn.span.end]
        parts = [Span(start, end) for start, end in zip(starts, ends, strict=True)] if inside else [turn.span]
        left += [Turn(part, turn.speaker) for part in parts if part and (not inside or len(part) >= SHORTEST)]
    return left


def spoken(words: Iterable[Span]) -> list[Span]:
    """When somebody speaks whose words are these."""
    return join_spans(words, PAUSE)


def _begin(turn: Turn) -> int:
    return turn.span.start
