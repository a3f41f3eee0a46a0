"""How loud each source is in the mix, so that a voice that two microphones heard is not heard twice; pure.

Added up as they are, two microphones in a room, or one beside the loudspeaker of a call, repeat each voice some
hundredths of a second later. So the sources whose words are shown are heard fully and the others softly meanwhile, as
automatic microphone mixers do it; where nobody's words are shown all are heard, for nothing that was said may be lost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Span, samples

Gains: TypeAlias = NDArray[np.int64]
"""By source and sample in parts of `FULL`, shape (sources, samples)"""

FULL = 4096
"""As it was recorded"""
SOFT = 728
"""15 dB softer, which is the usual attenuation of microphones that nobody speaks into"""
LEAD = samples(0.2)
"""Before a word: its time is rough, and a consonant before it may be missing"""
TAIL = samples(0.3)
"""Behind a word that a pause follows, or that others speak in"""
LEAST_TAIL = samples(0.1)
"""Behind a word that others follow at once"""
HOLD = samples(1.0)
"""Pause between words in which nothing changes"""
FADE = samples(0.05)
"""From soft to full, and back"""
REACH = LEAD + TAIL + HOLD + FADE
"""Words farther away than this have no say"""


@dataclass(frozen=True, slots=True, order=True)
class _Stretch:
    span: Span
    source: int


class MixGains:
    """The gains of all sources of a meeting, by where the words of each are shown."""

    def __init__(self, spoken: Sequence[Sequence[Span]]) -> None:
        """Of each source the words that are shown, in samples of the meeting."""
        self._sources = len(spoken)
        self._stretches = _stretches(spoken)
        self._starts = [stretch.span.start for stretch in self._stretches]
        self._longest = max((len(stretch.span) for stretch in self._stretches), default=0)

    def within(self, span: Span) -> Gains:
        """The gains in a part of the meeting, which are what they are in the whole."""
        wide = Span(span.start - FADE, span.end + FADE)
        shown = np.zeros((self._sources, len(wide)), np.bool_)
        first = bisect_left(self._starts, wide.start - self._longest)
        for stretch in self._stretches[first : bisect_right(self._starts, wide.end)]:
            inside = stretch.span & wide
            if inside:
                shown[stretch.source, inside.start - wide.start : inside.end - wide.start] = True
        target = np.where(shown | ~shown.any(axis=0), FULL, SOFT)
        added = np.cumsum(np.pad(target, ((0, 0), (1, 0))), axis=1)
        faded: Gains = (added[:, 2 * FADE :] - added[:, : -2 * FADE]) // (2 * FADE)
        return faded[:, : len(span)]


def _stretches(spoken: Sequence[Sequence[Span]]) -> list[_Stretch]:
    """Where words of a source are shown; in a short pause in which nobody speaks, up to the next words of anybody."""
    words = sorted(_Stretch(span, source) for source, spans in enumerate(spoken) for span in spans if span)
    starts = [word.span.start for word in words]
    latest = list(accumulate((word.span.end for word in words), max))
    found = []
    for word in words:
        start, end = word.span.start - LEAD, word.span.end
        after = bisect_left(starts, end)
        pause = starts[after] - end if after < len(starts) and latest[after - 1] <= end else HOLD
        tail = max(LEAST_TAIL, pause) if pause < HOLD else TAIL
        found.append(_Stretch(Span(start, end + tail), word.source))
    return sorted(found)
