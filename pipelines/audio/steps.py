"""Exact steps of 0.5 s, whatever the chunks that audio comes in: what comes out depends on the audio alone."""

from __future__ import annotations

import numpy as np

from pipelines.types import STEP, Samples, Step


class StepChunker:
    """Cuts audio of any chunk size into exact steps of `STEP` samples; `flush` gives the shorter last one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is number 0."""
        self._index = 0
        self._kept: list[Samples] = []
        self._size = 0

    @property
    def samples(self) -> int:
        """Samples taken in so far."""
        return self._index * STEP + self._size

    def __call__(self, audio: Samples) -> list[Step]:
        """Audio in, shape (samples,); the whole steps that it completes out."""
        self._kept.append(audio)
        self._size += len(audio)
        if self._size < STEP:
            return []
        joined = np.concatenate(self._kept)
        whole = len(joined) // STEP
        steps = []
        for i in range(whole):
            steps.append(Step(self._index, self._index * STEP, joined[i * STEP : (i + 1) * STEP]))
            self._index += 1
        rest = joined[whole * STEP :].copy()
        self._kept, self._size = [rest], len(rest)
        return steps

    def flush(self) -> list[Step]:
        """The last, shorter step, if anything is left."""
        if not self._size:
            return []
        return [Step(self._index, self._index * STEP, np.concatenate(self._kept))]
