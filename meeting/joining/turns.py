"""The turns of one source: as its pipeline has them, without those of times in which another source is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from meeting.joining.levels import SILENCE, LevelTrack, frames
from pipelines.turns import join_spans, replace_turns
from pipelines.types import LEVEL_FRAME, Span, Turn, TurnsRevised, samples

Owners = dict[str, list[Span]]
"""By source, when its owner speaks"""

SHORTEST = samples(0.3)
"""What is left of a turn that was cut, and is shorter, is left out"""
PAUSE = samples(0.5)
"""Longest pause within a turn that is known from words or levels"""
NEAR_LINE = samples(0.3)
"""How far from a line of its own a headset may hear who speaks into it"""
USUAL_PERCENT = 90
"""Of what a headset hears in lines of its own is more quiet than this, as loud as its owner is"""
FAINTEST = 15.0
"""Decibels by which somebody may be more quiet than usual"""
LOUDER = 3.0
"""Decibels by which another one, each compared with what is usual, may be louder who does not speak instead"""
SHORTEST_LOUD = 2 * LEVEL_FRAME
"""What is heard for a shorter time is no speech"""


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


def owners_speak(tracks: Mapping[str, LevelTrack], lines: Mapping[str, Sequence[Span]], span: Span) -> Owners:
    """When who has a headset speaks into it in a span, of several headsets by what each of them hears.

    Whoever speaks is heard by all in the room, and is louder in no headset than in the own one, as loud as each one's
    owner is in `lines`, those that are shown of it. Its own level tells when: recognisers tell words roughly.
    """
    first, last = frames(Span(max(0, span.start - 2 * PAUSE), span.end + 2 * PAUSE))
    loud = {id_: track.loudness(first, last) - _usual(track, lines.get(id_, ())) for id_, track in tracks.items()}
    found: Owners = {}
    for id_, mine in loud.items():
        others = [theirs for other, theirs in loud.items() if other != id_]
        speaks = (mine >= -FAINTEST) & (mine >= np.max(others, axis=0, initial=SILENCE) - LOUDER)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], speaks, [False]]).astype(np.int8))) + first
        heard = [Span(int(a) * LEVEL_FRAME, int(b) * LEVEL_FRAME) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        found[id_] = [one & span for one in join_spans(heard, PAUSE) if len(one) >= SHORTEST_LOUD and one & span]
    return found


def _usual(track: LevelTrack, lines: Sequence[Span]) -> float:
    """How loud the owner of a headset is, in decibels; as loud as nobody is where none of its lines are shown."""
    inside = [track.loudness(*frames(line)) for line in lines]
    levels = np.concatenate(inside) if inside else np.zeros(0, np.float32)
    levels = levels[levels > SILENCE]
    return float(np.percentile(levels, USUAL_PERCENT)) if len(levels) else -SILENCE


def _begin(turn: Turn) -> int:
    return turn.span.start
