"""Diarization windows and the local voices in them: diart's segmentation and overlap-aware weighting.

Method: Coria et al., "Overlap-aware low-latency online speaker diarization based on end-to-end local
segmentation" (ASRU 2021), as implemented by diart. The clustering of local voices into speakers is ours
(`speakers.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .types import SAMPLE_RATE, STEP, WINDOW, LocalVoices, Samples, Step, Window

ALONE = 0.1
"""Overlap-aware weight from which a voice counts as speaking alone: clearly active, and more so than the others"""
MIN_CLEAN = 0.5
"""Seconds of clean speech below which a voice gets no embedding"""


class Windows:
    """Exact steps in, one window of 5 s for each step out.

    The first window ends with the first step (the rest of it is silence), so that nobody waits 5 s for a
    label; `flush` pads the last step and adds windows until every instant has been seen as often as any other.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next step is the first."""
        self._audio: Samples = np.zeros(WINDOW, np.float32)
        self._index = 0
        self._end = 0

    def __call__(self, step: Step) -> list[Window]:
        """A step of `STEP` samples, fewer only in the last one."""
        fresh = np.pad(step.audio, (0, STEP - len(step.audio)))
        self._audio = np.concatenate([self._audio[STEP:], fresh])
        self._end += STEP
        self._index += 1
        return [Window(self._index - 1, self._end - WINDOW, self._audio)]

    def flush(self) -> list[Window]:
        """Windows that reach past the end, in which the last instants lie in the middle and at the front."""
        if not self._index:
            return []
        silence = Step(0, 0, np.zeros(STEP, np.float32))
        return [window for _ in range(WINDOW // STEP - 1) for window in self(silence)]


Embed = Callable[[Any, Any], Any]
"""Audio (batch, 1, samples) and boolean masks (batch, frames, voices) to embeddings (batch, voices, dimension)"""


class LocalVoiceFinder:
    """Windows in, local voices out; stateless, so that one instance serves all meetings."""

    def __init__(self, segmentation: Any, embed: Embed, device: str = "cpu") -> None:
        """`segmentation` is a torch module: audio (batch, 1, samples) to probabilities (batch, frames, voices)."""
        import torch
        from diart.blocks import OverlappedSpeechPenalty, SpeakerSegmentation

        self._segment = SpeakerSegmentation(segmentation, torch.device(device))
        self._penalty = OverlappedSpeechPenalty(gamma=3, beta=10)
        self._embed = embed

    def __call__(self, windows: list[Window]) -> list[LocalVoices]:
        """Local voices of each window; windows may belong to different meetings."""
        import torch

        audio = torch.from_numpy(np.stack([window.audio for window in windows]))
        activity = self._segment(audio[:, :, None])
        weights = self._penalty(activity.clone())
        alone = weights >= ALONE
        frames = activity.shape[1]
        clean = alone.sum(dim=1).numpy() * (WINDOW / SAMPLE_RATE / frames)
        heard = torch.from_numpy(clean >= MIN_CLEAN)
        embeddings = self._embed(audio[:, None, :], alone & heard[:, None, :])
        quantised = (activity.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return [
            LocalVoices(window.index, window.start, quantised[i], embeddings[i], clean[i].astype(np.float64))
            for i, window in enumerate(windows)
        ]
