"""The turns of one source: as its pipeline has them, without those of times in which another source is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from pipelines.turns import replace_turns
from pipelines.types import Span, Turn, TurnsRevised, samples

SHORTEST = samples(0.3)
"""What is left of a turn that was cut, and is shorter, is left out"""


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
        turns = [Turn(turn.span & span, turn.speaker) for turn in self._turns[self._around(span)] if turn.span & span]
        for gap in hidden:
            cut = [turn for turn in turns if turn.span & gap]
            parts = [
                Turn(part, turn.speaker)
                for turn in cut
                for part in (Span(turn.span.start, gap.start), Span(gap.end, turn.span.end))
                if len(part) >= SHORTEST
            ]
            turns = [*(turn for turn in turns if not turn.span & gap), *parts]
        return tuple(sorted(turns))

    def _around(self, span: Span) -> slice:
        first = bisect_left(self._turns, span.start - self._longest, key=_begin)
        return slice(first, bisect_right(self._turns, span.end, key=_begin))


def _begin(turn: Turn) -> int:
    return turn.span.start
