"""From any rate and number of channels to 16 kHz mono, as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.types import SAMPLE_RATE, Samples


class Resampler:
    """Streaming resampler to 16 kHz (soxr, high quality); a no-op where the rate fits."""

    def __init__(self, sample_rate: int) -> None:
        self._stream: Any = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")

    def __call__(self, audio: Samples, last: bool = False) -> Samples:
        """Mono samples at the old rate in, at 16 kHz out; `last` drains the filter's tail."""
        if self._stream is None:
            return audio
        out: Samples = self._stream.resample_chunk(np.ascontiguousarray(audio, dtype=np.float32), last=last)
        return out


def to_mono(frames: np.ndarray[Any, Any]) -> Samples:
    """Average of the channels, shape (samples, channels) to (samples,), cleaned and clipped to [-1, 1]."""
    clean = np.clip(np.nan_to_num(frames, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    mono: Samples = clean.mean(axis=1, dtype=np.float32) if frames.shape[1] > 1 else clean[:, 0].astype(np.float32)
    return mono


class MonoResampler:
    """Audio whose rate and channels may change in the middle; 16 kHz mono out, nothing lost at the change."""

    def __init__(self) -> None:
        self._rate = 0
        self._resample: Resampler | None = None

    def __call__(self, rate: int, channels: int, data: bytes) -> list[Samples]:
        """Interleaved float32, little endian, in; 16 kHz mono out."""
        tail = []
        if rate != self._rate or self._resample is None:
            tail = self.flush()
            self._rate, self._resample = rate, Resampler(rate)
        audio = np.frombuffer(data, "<f4").reshape(-1, channels)
        return [*tail, self._resample(to_mono(audio))]

    def flush(self) -> list[Samples]:
        """What the resampler still holds."""
        if self._resample is None:
            return []
        resample, self._resample = self._resample, None
        return [resample(np.zeros(0, np.float32), last=True)]
