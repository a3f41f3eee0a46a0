"""Exact steps of 0.5 s, whatever the chunks that audio comes in: what comes out depends on the audio alone."""

from __future__ import annotations

import numpy as np

from pipelines.types import STEP, Samples, Step


class StepChunker:
    """Cuts audio of any chunk size into exact steps of `STEP` samples; `flush` gives the shorter last one.

    Every sample goes into exactly one step.
    """

    def __init__(self) -> None:
        self._index = 0  # of the next step
        self._kept: list[Samples] = []  # less than a step, together
        self._size = 0

    def __call__(self, audio: Samples) -> list[Step]:
        """More audio, shape (samples,); gives the steps that it completes."""
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
        rest = joined[whole * STEP :].copy()  # a view would keep all of the audio
        self._kept, self._size = [rest], len(rest)
        return steps

    def flush(self) -> list[Step]:
        """The last, shorter step, if anything is left."""
        if not self._size:
            return []
        return [Step(self._index, self._index * STEP, np.concatenate(self._kept))]
