"""Where in a meeting somebody is heard alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from pipelines.turns import join_spans
from pipelines.types import SAMPLE_RATE, Span, Turn

SHORTEST = SAMPLE_RATE
"""Samples: what is shorter says little of how somebody sounds"""


def spans_alone(turns: Iterable[Turn], speaker: str, most: int) -> list[Span]:
    """The longest stretches in which nobody else speaks, in order of time, of `most` samples together."""
    turns = list(turns)
    others = join_spans(turn.span for turn in turns if turn.span and turn.speaker != speaker)
    alone = [part for turn in turns if turn.speaker == speaker for part in _without(turn.span, others)]
    chosen: list[Span] = []
    left = most
    for span in sorted(alone, key=len, reverse=True):
        if len(span) < SHORTEST or left < SHORTEST:
            break
        chosen.append(Span(span.start, min(span.end, span.start + left)))
        left -= len(chosen[-1])
    return sorted(chosen)


def _without(span: Span, others: list[Span]) -> list[Span]:
    """What is left of a stretch; `others` as `join_spans` gives them."""
    left: list[Span] = []
    start = span.start
    # a long meeting has thousands of turns, of which few are near
    for at in range(bisect_right(others, span.start, key=lambda other: other.end), len(others)):
        other = others[at]
        if other.start >= span.end:
            break
        left.append(Span(start, other.start))
        start = max(start, other.end)
    left.append(Span(start, span.end))
    return [part for part in left if part]
