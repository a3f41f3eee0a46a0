"""The local speakers of diarization windows: diart's segmentation and overlap-aware weighting.

Method: Coria et al., "Overlap-aware low-latency online speaker diarization based on end-to-end local
segmentation" (ASRU 2021), as implemented by diart. The clustering of local speakers into those of the meeting is ours
(`tracker.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.clustering import Thresholds
from pipelines.types import SAMPLE_RATE, WINDOW, LocalSpeakers, Window

SINGLE_SPEAKER_WEIGHT = 0.1
"""Overlap-aware weight from which a voice counts as speaking alone: clearly active, and more so than the others"""
MIN_EMBEDDING_SECONDS = 0.5
"""Seconds of clean speech below which a voice gets no embedding"""

Embed = Callable[[Any, Any], Any]
"""Audio (batch, 1, samples) and boolean masks (batch, frames, voices) to embeddings (batch, voices, dimension)

Or to these, the embeddings of subsegments that they are means of, and the frames in the middle of those
(`LocalSpeakers`).
"""


@runtime_checkable
class Segmentation(Protocol):
    """Who is active when in a window, as a torch module; voices have no identity beyond it."""

    def __call__(self, audio: Any) -> Any:
        """16 kHz mono audio, a tensor (batch, 1, samples), to probabilities, a tensor (batch, frames, voices).

        All windows have `WINDOW` samples (5 s); frames divide them equally, and both their number and that of voices
        are always the same.
        """

    def to(self, device: Any) -> Any:
        """The module on a `torch.device`."""

    def eval(self) -> Any:
        """The module, ready to be used."""


@runtime_checkable
class VoiceEmbedding(Protocol):
    """How voices sound, as vectors: near ones (cosine distance) are the same voice."""

    @property
    def thresholds(self) -> Thresholds:
        """Which distances mean what between embeddings of this model."""

    def __call__(self, audio: Any, alone: Any) -> Any:
        """16 kHz mono audio, a tensor (batch, 1, samples), and when each voice is alone in it, a boolean tensor
        (batch, frames, voices), both on the CPU, to embeddings of length one, a float32 array (batch, voices,
        dimension).

        A voice that is never alone gets NaN. `Embed` tells what else may be given.
        """


class LocalSpeakerFinder:
    """Windows in, local speakers out; stateless, so that one instance serves all meetings."""

    def __init__(self, segmentation: Segmentation, embed: Embed, device: str = "cpu") -> None:
        """Both models are on `device`; `embed` may be a `VoiceEmbedding`."""
        import torch
        from diart.blocks import OverlappedSpeechPenalty, SpeakerSegmentation

        self._segment = SpeakerSegmentation(segmentation, torch.device(device))
        self._penalty = OverlappedSpeechPenalty(gamma=3, beta=10)
        self._embed = embed
        self._shape: tuple[int, int] | None = None  # frames and voices of a window, once one was seen

    def __call__(self, windows: list[Window]) -> list[LocalSpeakers]:
        """Local speakers of each window; windows may belong to different meetings. Silence costs nothing."""
        shape = self._shape
        silent = [shape is not None and is_silent(window) for window in windows]
        audible = [window for window, nobody_speaks in zip(windows, silent, strict=True) if not nobody_speaks]
        found = iter(self._find(audible) if audible else [])
        return [
            nobody(window, shape) if shape and nobody_speaks else next(found)
            for window, nobody_speaks in zip(windows, silent, strict=True)
        ]

    @property
    def shape(self) -> tuple[int, int] | None:
        """Frames and voices of a window; None before the first one."""
        return self._shape

    def _find(self, windows: list[Window]) -> list[LocalSpeakers]:
        import torch

        audio = torch.from_numpy(np.stack([window.audio for window in windows]))
        activity = self._activity(audio)
        for row, window in enumerate(windows):
            if window.voiced is not None:
                activity[row, torch.from_numpy(~_resampled(window.voiced, activity.shape[1]))] = 0.0
        # the weights of overlapped speech (Coria et al. 2021, section 3.2): low where others are active too
        weights = self._penalty(activity.clone())
        alone = weights >= SINGLE_SPEAKER_WEIGHT
        frames = activity.shape[1]
        self._shape = (frames, activity.shape[2])
        clean = alone.sum(dim=1).numpy() * (WINDOW / SAMPLE_RATE / frames)
        enough = torch.from_numpy(clean >= MIN_EMBEDDING_SECONDS)
        answer = self._embed(audio[:, None, :], alone & enough[:, None, :])
        embeddings, subsegments, middles = answer if isinstance(answer, tuple) else (answer, None, None)
        for row, window in enumerate(windows):
            # only now: a voice is known better by its speech with the pauses in it
            if window.paused is not None:
                activity[row, torch.from_numpy(_resampled(window.paused, frames))] = 0.0
        quantised = (activity.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return [
            LocalSpeakers(
                window.index,
                window.start,
                quantised[i],
                embeddings[i],
                clean[i].astype(np.float64),
                # not a view: a window that waits would keep what was found in all that were looked at with it
                None if subsegments is None else subsegments[i].copy(),
                None if middles is None else middles[i].copy(),
            )
            for i, window in enumerate(windows)
        ]

    def _activity(self, audio: Any) -> Any:
        import torch

        # With TensorFloat-32 (10 bits) a GPU finds other voices than a processor: activity moves by up to a half. It is
        # refused each time, for libraries that are imported later may allow it again, as SpeechBrain does.
        torch.backends.cudnn.allow_tf32 = False
        return self._segment(audio[:, :, None])

    def trial(self, windows: int) -> None:
        """The work for so many windows in which one person speaks all the time, to measure it."""
        import torch

        noise = np.random.default_rng(0).normal(0, 0.05, (windows, WINDOW)).astype(np.float32)
        audio = torch.from_numpy(noise)
        alone = torch.zeros(self._activity(audio).shape, dtype=torch.bool)
        alone[:, :, 0] = True
        self._embed(audio[:, None, :], alone)


def is_silent(window: Window) -> bool:
    """Whether surely nobody speaks in a window, so that no model need look at it."""
    return window.voiced is not None and not window.voiced.any()


def nobody(window: Window, shape: tuple[int, int]) -> LocalSpeakers:
    """The local speakers of a window in which nobody speaks; `shape` is frames and voices."""
    unheard = np.full((shape[1], 1), np.nan, np.float32)
    return LocalSpeakers(window.index, window.start, np.zeros(shape, np.uint8), unheard, np.zeros(shape[1]))


def _resampled(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """A mask over equal parts of a window as one over so many frames."""
    stretched: NDArray[np.bool_] = mask[(np.arange(frames) * len(mask)) // frames]
    return stretched
