"""Late reverberation taken out of what the models hear, as the audio comes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipelines.types import Samples

FRAME = 512
"""Samples of one spectrum (32 ms)"""
HOP = 128
"""Samples between two spectra (8 ms)"""
BINS = FRAME // 2 + 1
TAPS = 10
"""Earlier spectra from which the echo in one is predicted"""
DELAY = 2
"""Hops between a spectrum and the latest of these: what lies nearer is speech and its first reflections"""
BLOCK = 16
"""Spectra after which the prediction is fitted again (128 ms)"""
FORGETTING = 0.999
"""Weight of a spectrum beside that of the next one: after 8 s it counts for a third"""
LOADING = 1.0
"""Added to the diagonal of a covariance: as much as one spectrum counts for, it keeps the fit from overreaching"""
SMOOTHED = 3
"""Spectra over which the power of speech is averaged"""
SUDDEN = 1e-3
"""Least power that a spectrum is taken to have beside those that it is predicted from: sound that is cut off, as where
a microphone is muted, says nothing of the room"""
TINY = 1e-20
"""Power that silence is taken to have, so that it can be divided by"""
BEFORE = TAPS - 1 + DELAY
"""Spectra that must be known before one that is predicted"""

Spectra = NDArray[np.complex64]


class Dereverberator:
    """Audio of any chunk size in, the same without its late reverberation out: sample for sample, 24 ms later.

    Weighted prediction error on one channel (Nakatani et al., "Speech dereverberation based on variance-normalized
    delayed linear prediction", 2010), fitted to the past with forgetting: in each frequency bin what earlier spectra
    predict of a later one is subtracted. What is learnt and when depends on the audio alone, not on the chunks.
    """

    def __init__(self) -> None:
        self._window = np.sqrt(np.hanning(FRAME + 1)[:-1]).astype(np.float32)
        self._audio: Samples = np.zeros(FRAME - HOP, np.float32)  # that the next spectrum begins with
        self._output: Samples = np.zeros(FRAME - HOP, np.float32)  # to which the next spectra are added
        self._ahead = FRAME - HOP  # samples that come out before the first one that came in
        self._spectra: Spectra = np.zeros((BINS, BEFORE), np.complex64)  # those before a block, and of it so far
        self._filter: Spectra = np.zeros((BINS, TAPS), np.complex64)
        self._covariance: Spectra = np.zeros((BINS, TAPS, TAPS), np.complex64)
        self._correlation: Spectra = np.zeros((BINS, TAPS), np.complex64)

    def __call__(self, audio: Samples) -> list[Samples]:
        """More audio, shape (samples,)."""
        audio = np.concatenate([self._audio, audio])
        count = max(0, (len(audio) - FRAME) // HOP + 1)
        self._audio = audio[count * HOP :].copy()
        if not count:
            return []
        frames = sliding_window_view(audio, FRAME)[::HOP][:count]
        spectra = np.fft.rfft(frames * self._window).astype(np.complex64).T
        clean = np.concatenate([self._predict(part) for part in self._parts(spectra)], axis=1)
        # of a window that is applied twice the squares overlap to half as many as there are hops in it
        waves = np.fft.irfft(clean.T).astype(np.float32) * (self._window * np.float32(2 * HOP / FRAME))
        out = np.concatenate([self._output, np.zeros(count * HOP, np.float32)])
        for at, wave in enumerate(waves):
            out[at * HOP : at * HOP + FRAME] += wave
        self._output = out[count * HOP :].copy()
        early, self._ahead = self._ahead, max(0, self._ahead - count * HOP)
        ready = out[min(early, count * HOP) : count * HOP]
        return [ready] if len(ready) else []

    def flush(self) -> list[Samples]:
        """What is left at the end of the audio."""
        left = len(self._audio) - self._ahead
        rest = np.concatenate([np.zeros(0, np.float32), *self(np.zeros(FRAME, np.float32))])[:left]
        return [rest] if len(rest) else []

    def _parts(self, spectra: Spectra) -> Iterator[Spectra]:
        """Spectra up to the ends of blocks, read while blocks are learnt from."""
        while spectra.shape[1]:
            room = BLOCK + BEFORE - self._spectra.shape[1]
            yield spectra[:, :room]
            spectra = spectra[:, room:]

    def _predict(self, spectra: Spectra) -> Spectra:
        """Spectra without what is predicted of them; at most to the end of a block."""
        count = spectra.shape[1]
        self._spectra = np.concatenate([self._spectra, spectra], axis=1)
        earlier = sliding_window_view(self._spectra[:, -BEFORE - count :], TAPS, axis=1)[:, :count]
        clean: Spectra = spectra - np.einsum("fnt,ft->fn", earlier, self._filter)
        if self._spectra.shape[1] == BLOCK + BEFORE:
            self._learn()
        return clean

    def _learn(self) -> None:
        """Fit the prediction to a block that is complete, and to those before it."""
        energy = self._spectra.real**2 + self._spectra.imag**2
        power = sliding_window_view(energy[:, 1 - BLOCK - SMOOTHED :], SMOOTHED, axis=1).mean(axis=2)
        before = sliding_window_view(energy, TAPS, axis=1)[:, :BLOCK].mean(axis=2)
        ages = np.arange(BLOCK - 1, -1, -1, dtype=np.float32)
        weights = FORGETTING**ages / np.maximum(power, SUDDEN * before + TINY)
        earlier = sliding_window_view(self._spectra, TAPS, axis=1)[:, :BLOCK]
        weighted = (earlier.conj() * weights[:, :, None]).transpose(0, 2, 1)
        kept = np.float32(FORGETTING**BLOCK)
        self._covariance = kept * self._covariance + weighted @ earlier
        self._correlation = kept * self._correlation + (weighted @ self._spectra[:, -BLOCK:, None])[:, :, 0]
        loaded = self._covariance + LOADING * np.eye(TAPS, dtype=np.complex64)
        self._filter = np.linalg.solve(loaded, self._correlation[:, :, None])[:, :, 0]
        self._spectra = self._spectra[:, -BEFORE:].copy()
