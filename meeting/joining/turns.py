"""The turns of one source: as its pipeline has them, without those of times in which another source is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from pipelines.turns import replace_turns
from pipelines.types import Span, Turn, TurnsRevised, samples

SHORTEST = samples(0.3)
"""What is left of a turn that was cut, and is shorter, is left out"""
LEAST_HIDDEN = samples(2.0)
"""Less than this is not cut out of a turn: where it begins and ends is known from its own source only"""
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

    def within(self, span: Span, hidden: Iterable[Span]) -> tuple[Turn, ...]:
        """The turns in a span, cut to it, but for what is hidden of them."""
        gaps = join_spans(hidden)
        turns = []
        for turn in self._turns[self._around(span)]:
            parts = [part & span for part in _left(turn.span, gaps)]
            turns += [Turn(part, turn.speaker) for part in parts if part]
        return tuple(sorted(turns))

    def _around(self, span: Span) -> slice:
        first = bisect_left(self._turns, span.start - self._longest, key=_begin)
        return slice(first, bisect_right(self._turns, span.end, key=_begin))


def _left(span: Span, gaps: Iterable[Span]) -> list[Span]:
    """What is left of a turn without what is hidden of it."""
    hidden = [gap & span for gap in gaps if gap & span]
    if hidden == [span]:
        return []
    hidden = [gap for gap in hidden if len(gap) >= LEAST_HIDDEN]
    if not hidden:
        return [span]
    starts, ends = [span.start, *(gap.end for gap in hidden)], [*(gap.start for gap in hidden), span.end]
    parts = [Span(start, end) for start, end in zip(starts, ends, strict=True)]
    return [part for part in parts if len(part) >= SHORTEST]


def spoken(words: Iterable[Span]) -> list[Span]:
    """When somebody speaks whose words are these."""
    return join_spans(words, PAUSE)


def join_spans(spans: Iterable[Span], pause: int = 0) -> list[Span]:
    """Spans in order of time, those that are at most a pause apart made one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end + pause:
            joined[-1] = joined[-1] | span
        else:
            joined.append(span)
    return joined


def _begin(turn: Turn) -> int:
    return turn.span.start
