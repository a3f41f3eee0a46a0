"""How loud a source is, in bands of frequency: what level meters show, and what tells which microphone hears better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.types import LEVEL_BANDS, LEVEL_FRAME, LEVEL_SILENCE, SAMPLE_RATE, LevelsHeard, Samples

REPORT_FRAMES = 5
"""Frames that are told at once: half a second"""
BINS = LEVEL_FRAME // 2 + 1
EDGES = tuple(round(edge * LEVEL_FRAME / SAMPLE_RATE) for edge in LEVEL_BANDS[:-1])
"""First bin of each band in the spectrum of a frame"""
WEIGHTS = np.full(BINS, 2.0 / LEVEL_FRAME**2)
"""Of each bin, so that those of a frame add up to its mean square: all but the first and last stand for two"""
WEIGHTS[[0, -1]] /= 2


class LevelMeter:
    """Audio in, levels out; how the audio is cut leaves no trace."""

    def __init__(self) -> None:
        self._start = 0
        self._rest: Samples = np.zeros(0, np.float32)

    def feed(self, audio: Samples) -> list[LevelsHeard]:
        """More audio, shape (samples,); the levels of each half second that is now complete."""
        self._rest = np.concatenate([self._rest, audio])
        step = REPORT_FRAMES * LEVEL_FRAME
        whole = len(self._rest) // step * step
        told = [self._measured(self._rest[at : at + step]) for at in range(0, whole, step)]
        self._rest = self._rest[whole:]
        return told

    def flush(self) -> list[LevelsHeard]:
        """The levels of what is left; silence fills the last frame."""
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        if not len(rest):
            return []
        return [self._measured(np.pad(rest, (0, -len(rest) % LEVEL_FRAME)))]

    def _measured(self, audio: Samples) -> LevelsHeard:
        start, self._start = self._start, self._start + len(audio)
        return LevelsHeard(start, band_levels(audio))


def band_levels(audio: Samples) -> NDArray[np.float32]:
    """Decibels of each band in each frame, shape (frames, bands), of audio of shape (frames * `LEVEL_FRAME`,)."""
    spectrum = np.fft.rfft(audio.reshape(-1, LEVEL_FRAME).astype(np.float64))
    power = np.add.reduceat(np.abs(spectrum) ** 2 * WEIGHTS, EDGES, axis=1)
    floor = 10.0 ** (LEVEL_SILENCE / 10)
    levels: NDArray[np.float32] = (10 * np.log10(np.maximum(power, floor))).astype(np.float32)
    return levels
