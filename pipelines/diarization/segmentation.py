"""Diarization windows and the local voices in them: diart's segmentation and overlap-aware weighting.

Method: Coria et al., "Overlap-aware low-latency online speaker diarization based on end-to-end local
segmentation" (ASRU 2021), as implemented by diart. The clustering of local voices into speakers is ours
(`tracker.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.pauses import LONGEST, SIDE, clear_pauses, level
from pipelines.types import SAMPLE_RATE, STEP, VOICE_FRAME, WINDOW, LocalVoices, Samples, Step, Window

ALONE = 0.1
"""Overlap-aware weight from which a voice counts as speaking alone: clearly active, and more so than the others"""
MIN_CLEAN = 0.5
"""Seconds of clean speech below which a voice gets no embedding"""


VOICED = 0.2
"""Voice probability from which a frame may hold speech; low, since this only has to keep noise out"""
REACH = 38
"""Frames of `VOICE_FRAME` samples round a voiced one that may hold speech too (1.2 s): pauses are not cut"""


class Windows:
    """Exact steps in, one window of 5 s for each step out.

    The first window ends with the first step (the rest of it is silence), so that nobody waits 5 s for a
    label; `flush` pads the last step and adds windows until every instant has been seen as often as any other.
    """

    def __init__(self, voice: Callable[[Samples], float] | None = None) -> None:
        """`voice` gives the probability of speech of `VOICE_FRAME` samples; without it all may be speech."""
        self._voice = voice
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next step is the first."""
        self._audio: Samples = np.zeros(WINDOW, np.float32)
        self._index = 0
        self._end = 0
        self._rest: Samples = np.zeros(0, np.float32)
        self._voices: list[float] = []  # probabilities of the frames since `_first`
        self._levels: list[float] = []  # and how loud they are
        self._first = 0
        reset = getattr(self._voice, "reset", None)
        if reset is not None:
            reset()

    def __call__(self, step: Step) -> list[Window]:
        """A step of `STEP` samples, fewer only in the last one."""
        fresh = np.pad(step.audio, (0, STEP - len(step.audio)))
        self._audio = np.concatenate([self._audio[STEP:], fresh])
        self._end += STEP
        self._index += 1
        return [Window(self._index - 1, self._end - WINDOW, self._audio, *self._voiced(fresh))]

    def flush(self) -> list[Window]:
        """Windows that reach past the end, in which the last instants lie in the middle and at the front."""
        if not self._index:
            return []
        silence = Step(0, 0, np.zeros(STEP, np.float32))
        return [window for _ in range(WINDOW // STEP - 1) for window in self(silence)]

    def _voiced(self, fresh: Samples) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Where the window may hold speech, and where it pauses; a value for each `VOICE_FRAME` samples."""
        if self._voice is None:
            return None, None
        audio = np.concatenate([self._rest, fresh])
        whole = len(audio) // VOICE_FRAME * VOICE_FRAME
        for at in range(0, whole, VOICE_FRAME):
            frame = audio[at : at + VOICE_FRAME]
            self._voices.append(self._voice(frame))
            self._levels.append(level(frame))
        self._rest = audio[whole:].copy()
        kept = WINDOW // VOICE_FRAME + 1 + max(REACH, LONGEST + SIDE)
        self._first += max(0, len(self._voices) - kept)
        del self._voices[:-kept], self._levels[:-kept]
        voices = np.array(self._voices)
        near = np.cumsum(np.pad(voices >= VOICED, (REACH + 1, REACH)))
        possible = near[2 * REACH + 1 :] > near[: -2 * REACH - 1]
        paused = clear_pauses(voices, np.array(self._levels))
        frames = np.arange(self._end - WINDOW, self._end, VOICE_FRAME) // VOICE_FRAME - self._first
        place = np.clip(frames, 0, len(possible) - 1)
        return np.asarray(possible[place] & (frames >= 0)), np.asarray(paused[place] & (frames >= 0))


Embed = Callable[[Any, Any], Any]
"""Audio (batch, 1, samples) and boolean masks (batch, frames, voices) to embeddings (batch, voices, dimension)

Or to these, the pieces that they are means of, and the frames in the middle of those (`LocalVoices`).
"""


class LocalVoiceFinder:
    """Windows in, local voices out; stateless, so that one instance serves all meetings."""

    def __init__(self, segmentation: Any, embed: Embed, device: str = "cpu") -> None:
        """`segmentation` is a torch module: audio (batch, 1, samples) to probabilities (batch, frames, voices)."""
        import torch
        from diart.blocks import OverlappedSpeechPenalty, SpeakerSegmentation

        self._segment = SpeakerSegmentation(segmentation, torch.device(device))
        self._penalty = OverlappedSpeechPenalty(gamma=3, beta=10)
        self._embed = embed
        self._shape: tuple[int, int] | None = None  # frames and voices of a window, once one was seen

    def __call__(self, windows: list[Window]) -> list[LocalVoices]:
        """Local voices of each window; windows may belong to different meetings. Silence costs nothing."""
        silent = [
            self._shape is not None and window.voiced is not None and not window.voiced.any() for window in windows
        ]
        heard = [window for window, nobody in zip(windows, silent, strict=True) if not nobody]
        found = iter(self._find(heard) if heard else [])
        return [self._nobody(window) if nobody else next(found) for window, nobody in zip(windows, silent, strict=True)]

    def _nobody(self, window: Window) -> LocalVoices:
        assert self._shape is not None
        voices = self._shape[1]
        unheard = np.full((voices, 1), np.nan, np.float32)
        return LocalVoices(window.index, window.start, np.zeros(self._shape, np.uint8), unheard, np.zeros(voices))

    def _find(self, windows: list[Window]) -> list[LocalVoices]:
        import torch

        audio = torch.from_numpy(np.stack([window.audio for window in windows]))
        activity = self._activity(audio)
        for row, window in enumerate(windows):
            if window.voiced is not None:
                activity[row, torch.from_numpy(~_stretched(window.voiced, activity.shape[1]))] = 0.0
        weights = self._penalty(activity.clone())
        alone = weights >= ALONE
        frames = activity.shape[1]
        self._shape = (frames, activity.shape[2])
        clean = alone.sum(dim=1).numpy() * (WINDOW / SAMPLE_RATE / frames)
        heard = torch.from_numpy(clean >= MIN_CLEAN)
        answer = self._embed(audio[:, None, :], alone & heard[:, None, :])
        embeddings, pieces, middles = answer if isinstance(answer, tuple) else (answer, None, None)
        for row, window in enumerate(windows):
            # only now: a voice is known better by its speech with the pauses in it
            if window.paused is not None:
                activity[row, torch.from_numpy(_stretched(window.paused, frames))] = 0.0
        quantised = (activity.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return [
            LocalVoices(
                window.index,
                window.start,
                quantised[i],
                embeddings[i],
                clean[i].astype(np.float64),
                # not a view: a window that waits would keep what was found in all that were looked at with it
                None if pieces is None else pieces[i].copy(),
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


def _stretched(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """A mask over equal parts of a window as one over so many frames."""
    stretched: NDArray[np.bool_] = mask[(np.arange(frames) * len(mask)) // frames]
    return stretched
