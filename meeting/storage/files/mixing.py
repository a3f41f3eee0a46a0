"""Several sources of a meeting heard together: each where it stands in the meeting, as loud as it is to be; pure.

Between two anchors that are not as far apart in the source as in the meeting it is resampled linearly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from meeting.core.placing import Anchor, Stretch, stretches
from meeting.storage.files.mix_gains import FULL, MixGains
from pipelines.types import Span, samples

Sound: TypeAlias = NDArray[np.int16]
"""Sound at 16 kHz, shape (samples,)"""
ReadSound: TypeAlias = Callable[[int, int], Sound]
"""The samples of a source from one to before another; zeros behind its end"""

STOOD_STILL = samples(0.1)
"""A sample of a source that lasts longer in the meeting is none that is heard: it did not run"""
KNEE = 24_576
"""From here on what is too loud is made less loud, so that no sum is beyond what 16 bits can say"""
_ROOM = 32_767 - KNEE


def mix(sources: Sequence[tuple[Sequence[Anchor], ReadSound]], span: Span, gains: MixGains | None = None) -> Sound:
    """A part of the meeting with all of its sources; without gains each is as loud as it was recorded."""
    total = np.zeros(len(span), np.int64)
    loud = None if gains is None else gains.within(span)
    for source, (anchors, read) in enumerate(sources):
        for stretch in stretches(anchors, span):
            start, end = stretch.span.start - span.start, stretch.span.end - span.start
            heard = _heard(stretch, read)
            if loud is not None:
                heard = (heard * loud[source, start:end] + FULL // 2) // FULL
            total[start:end] += heard
    return _limited(total)


def _heard(stretch: Stretch, read: ReadSound) -> NDArray[np.int64]:
    length, (own, meeting) = len(stretch.span), stretch.anchor
    start = stretch.span.start - meeting
    if stretch.own == stretch.meeting:
        return _read(read, own + start, own + start + length)
    if stretch.meeting > stretch.own * STOOD_STILL:
        return np.zeros(length, np.int64)
    # Counted from the anchor in whole numbers, so that a part is what it is in the whole.
    at, between = np.divmod(np.arange(start, start + length) * stretch.own, stretch.meeting)
    sound = _read(read, own + int(at[0]), own + int(at[-1]) + 2)
    at -= at[0]
    heard: NDArray[np.int64] = (sound[at] * (stretch.meeting - between) + sound[at + 1] * between) // stretch.meeting
    return heard


def _read(read: ReadSound, start: int, end: int) -> NDArray[np.int64]:
    """As `read`, also before the first sample."""
    missing = min(max(0, -start), end - start)
    sound = np.zeros(end - start, np.int64)
    if missing < end - start:
        sound[missing:] = read(start + missing, end)
    return sound


def _limited(total: NDArray[np.int64]) -> Sound:
    over = np.maximum(np.abs(total) - KNEE, 0)
    loud = KNEE + _ROOM * over // (_ROOM + over)
    return np.where(over > 0, np.sign(total) * loud, total).astype(np.int16)
