"""Diarization windows: the last 5 s of audio after each step, and where in them somebody may be speaking."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.pauses import LONGEST, SIDE, clear_pauses, level
from pipelines.types import STEP, VAD_FRAME, WINDOW, Samples, Step, Window

SPEECH_PROBABILITY = 0.1
"""Voice probability from which a frame may hold speech; low, since this only has to keep noise out

With 0.2 quiet meetings lose 1.4 % of their speech, with 0.1 they lose 0.4 % (`benchmarks.parts`).
"""
SPEECH_MARGIN = 38
"""Frames of `VAD_FRAME` samples round a voiced one that may hold speech too (1.2 s): pauses are not cut"""


class WindowBuffer:
    """Steps of 0.5 s in, one window of 5 s for each step out: diart's rolling buffer.

    The first window ends with the first step (the rest of it is silence), so that nobody waits 5 s for a
    label; `flush` pads the last step and adds windows until every instant has been seen as often as any other.
    """

    def __init__(self, voice: Callable[[Samples], float] | None = None) -> None:
        """`voice` gives the probability of speech of `VAD_FRAME` samples; without it all may be speech."""
        self._voice = voice
        self._audio: Samples = np.zeros(WINDOW, np.float32)
        self._index = 0
        self._end = 0
        self._rest: Samples = np.zeros(0, np.float32)
        self._voices: list[float] = []  # probabilities of the frames since `_first`
        self._levels: list[float] = []  # and how loud they are
        self._first = 0

    def __call__(self, step: Step) -> list[Window]:
        """A step of `STEP` samples, fewer only in the last one."""
        fresh = np.pad(step.audio, (0, STEP - len(step.audio)))
        self._audio = np.concatenate([self._audio[STEP:], fresh])
        self._end += STEP
        self._index += 1
        return [Window(self._index - 1, self._end - WINDOW, self._audio, *self._speech_and_pauses(fresh))]

    def flush(self) -> list[Window]:
        """Windows that reach past the end, in which the last instants lie in the middle and at the front."""
        if not self._index:
            return []
        silence = Step(0, 0, np.zeros(STEP, np.float32))
        return [window for _ in range(WINDOW // STEP - 1) for window in self(silence)]

    def _speech_and_pauses(self, fresh: Samples) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Where the window may hold speech, and where it pauses; a value for each `VAD_FRAME` samples."""
        if self._voice is None:
            return None, None
        audio = np.concatenate([self._rest, fresh])
        whole = len(audio) // VAD_FRAME * VAD_FRAME
        for at in range(0, whole, VAD_FRAME):
            frame = audio[at : at + VAD_FRAME]
            self._voices.append(self._voice(frame))
            self._levels.append(level(frame))
        self._rest = audio[whole:].copy()
        kept = WINDOW // VAD_FRAME + 1 + max(SPEECH_MARGIN, LONGEST + SIDE)
        self._first += max(0, len(self._voices) - kept)
        del self._voices[:-kept], self._levels[:-kept]
        voices = np.array(self._voices)
        possible = possible_speech(voices)
        paused = clear_pauses(voices, np.array(self._levels))
        frames = np.arange(self._end - WINDOW, self._end, VAD_FRAME) // VAD_FRAME - self._first
        place = np.clip(frames, 0, len(possible) - 1)
        return np.asarray(possible[place] & (frames >= 0)), np.asarray(paused[place] & (frames >= 0))


def possible_speech(voices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of consecutive frames may hold speech, by their voice probabilities; both of shape (frames,).

    Far speech is weak and comes and goes, so whatever lies near a voiced frame may be speech.
    """
    # running sums count the voiced frames in reach of each frame
    near = np.cumsum(np.pad(voices >= SPEECH_PROBABILITY, (SPEECH_MARGIN + 1, SPEECH_MARGIN)))
    return np.asarray(near[2 * SPEECH_MARGIN + 1 :] > near[: -2 * SPEECH_MARGIN - 1])
