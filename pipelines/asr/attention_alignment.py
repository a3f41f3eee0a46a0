"""When each token was said, from the decoder's attention over the audio: a monotone path of the least cost.

The method is that of Whisper's word times (its `timing.py`): attention of some heads, normalised over the tokens,
smoothed over time and averaged. Each token takes one frame at least here: the path is found for all tokens at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEDIAN_WIDTH = 7
"""Frames over which attention is smoothed"""


def token_frames(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """The frame at which each token begins, shape (tokens,), rising.

    `weights` is attention in [0, 1], shape (heads, tokens, frames). Where there are fewer frames than tokens these
    share them in equal parts.
    """
    _, tokens, frames = weights.shape
    if frames < tokens or not tokens:
        return np.arange(tokens) * frames // max(tokens, 1)
    deviation = weights.std(axis=1, keepdims=True)
    normalised = (weights - weights.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)
    return _path(_smoothed(normalised).mean(axis=0))


def _smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median over time, with the ends mirrored."""
    side = MEDIAN_WIDTH // 2
    if values.shape[-1] <= side:
        return values
    padded = np.pad(values, ((0, 0), (0, 0), (side, side)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_WIDTH, axis=-1)
    smoothed: NDArray[np.float32] = np.median(windows, axis=-1)
    return smoothed


def _path(gain: NDArray[np.float32]) -> NDArray[np.int64]:
    """The first frame of each token on the way through all frames that gains most, shape (tokens,)."""
    tokens, frames = gain.shape
    best = np.full(tokens, -np.inf)
    best[0] = gain[0, 0]
    entered = np.zeros((frames, tokens), bool)
    for frame in range(1, frames):
        before = np.concatenate([[-np.inf], best[:-1]])
        entered[frame] = before > best
        best = np.maximum(before, best) + gain[:, frame]
    starts = np.zeros(tokens, np.int64)
    token = tokens - 1
    for frame in range(frames - 1, 0, -1):
        if entered[frame, token]:
            starts[token] = frame
            token -= 1
    return starts
