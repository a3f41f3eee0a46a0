"""Pauses inside speech, heard and not modelled: what segmentation models fill in and references leave out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.types import SAMPLE_RATE, VAD_FRAME, Samples

SPEECH = 0.5
"""Voice probability of the speech on both sides"""
SILENT = 0.05
"""Voice probability up to which a frame may be part of a pause"""
DROP = 25.0
"""Decibels that a pause lies below the speech on both sides: a far voice behind a near one is no pause"""
SIDE = 6
"""Frames next to a pause in which that speech must be (0.2 s)"""
LEAST = 7
"""Frames of the shortest pause (0.2 s), so that no closure inside a word is one"""
LONGEST = 62
"""Frames of the longest (2 s); longer silence needs no such care"""
LOUD = 90
"""Percentile of the frames of a pause that counts as its level: a click does not end it"""

_FLOOR = 1e-10


def level(frame: Samples) -> float:
    """Loudness of a frame in decibels below full scale, never less than -100."""
    return 10.0 * float(np.log10(max(np.mean(frame.astype(np.float64) ** 2), _FLOOR)))


def clear_pauses(voices: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames surely hold nobody, although people speak right before and after.

    `voices` (probabilities) and `levels` (decibels) of consecutive frames of `VAD_FRAME` samples, shape (frames,).
    The outermost frames of a pause are left to the speech beside it.
    """
    silent = np.concatenate([[False], voices < SILENT, [False]])
    edges = np.flatnonzero(silent[1:] != silent[:-1])
    pauses = np.zeros(len(voices), np.bool_)
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        before, after = slice(max(0, start - SIDE), start), slice(end, end + SIDE)
        if not LEAST <= end - start <= LONGEST:
            continue
        if min(voices[before].max(initial=0.0), voices[after].max(initial=0.0)) < SPEECH:
            continue
        if min(levels[before].max(), levels[after].max()) - np.percentile(levels[start:end], LOUD) >= DROP:
            pauses[start + 1 : end - 1] = True
    return pauses


assert LEAST * VAD_FRAME >= 0.2 * SAMPLE_RATE
