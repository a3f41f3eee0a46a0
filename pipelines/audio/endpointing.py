"""Cuts the audio into slices of speech at silences, and over-long ones at their quietest place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.vad import FRAME
from pipelines.options import PIPELINE
from pipelines.types import SAMPLE_RATE, Samples, Span, Utterance, samples


@dataclass(frozen=True, slots=True)
class EndpointerOptions:
    """When a slice begins and ends; all times in seconds."""

    threshold: float = PIPELINE.vad_threshold
    """Voice probability from which a frame starts or continues speech"""
    hysteresis: float = 0.15
    """How far below `threshold` the probability must fall to count as silence (hysteresis)"""
    endpoint_silence: float = PIPELINE.endpoint_silence
    """Silence that ends a slice"""
    min_silence: float = 0.1
    """What `endpoint_silence` falls to while a slice grows from `patient` to `hurried`"""
    full_silence_until: float = 2.0
    """Length up to which a slice waits for the whole `endpoint_silence`"""
    min_silence_from: float = 3.0
    """Length from which `least_silence` will do"""
    pre_roll: float = PIPELINE.pre_roll
    """Audio kept before the first voiced frame"""
    post_roll: float = 0.2
    """Audio kept after the last voiced frame; never more than `endpoint_silence`"""
    min_speech: float = 0.1
    """A slice with less voice than this is a click, and dropped"""
    max_utterance: float = PIPELINE.max_utterance
    """Longest slice"""
    split_search: float = 6.0
    """An over-long slice is cut within its last so many seconds"""
    partial_interval: float = PIPELINE.partial_interval
    """New audio between two growing results"""
    max_context: float = 5.0
    """Audio right before a slice that goes with it at most, in whole slices"""


class Endpointer:
    """Audio of any chunk size in, slices out: growing ones (`final=False`) and cut ones.

    The same audio gives the same slices whatever the chunks: every decision is made frame by frame.
    Audio is accounted for: each sample belongs to exactly one slice or to the silence between slices.
    """

    def __init__(self, vad: Callable[[Samples], float], options: EndpointerOptions | None = None) -> None:
        """`voice` gives the probability of speech of one frame of `FRAME` samples."""
        self._vad = vad
        self._options = options or EndpointerOptions()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is number 0."""
        reset = getattr(self._vad, "reset", None)
        if reset is not None:
            reset()
        self._remainder: Samples = np.zeros(0, np.float32)
        self._position = 0  # samples judged so far
        self._index = 0  # number of the next slice
        self._previous: list[tuple[int, int, Samples]] = []  # start, end and audio of slices without a gap between them
        self._frames: list[Samples] = []  # audio from `_start` on
        self._probabilities: list[float] = []  # probability of each of those frames
        self._start = 0
        self._speaking = False
        self._speech_end = 0  # end of the last voiced frame
        self._last_partial = 0  # where the last partial ended

    def __call__(self, audio: Samples) -> list[Utterance]:
        """Judge more audio, shape (samples,)."""
        audio = np.concatenate([self._remainder, audio])  # always a copy: the caller may reuse its buffer
        whole = len(audio) // FRAME * FRAME
        self._remainder = audio[whole:].copy()
        out: list[Utterance] = []
        for at in range(0, whole, FRAME):
            out += self._process(audio[at : at + FRAME])
        return out

    def flush(self) -> list[Utterance]:
        """The slice that is still open at the end of the audio."""
        out: list[Utterance] = []
        if len(self._remainder):
            missing = FRAME - len(self._remainder)
            length = self._position + len(self._remainder)
            judged = self._process(np.pad(self._remainder, (0, missing)))
            out = [_truncate(length, piece) for piece in judged if piece.final]
            self._remainder = np.zeros(0, np.float32)
            self._position = length
            self._speech_end = min(self._speech_end, length)
        if self._speaking:
            out += self._finish(min(self._position, self._speech_end + self._post_roll), "end")
        return out

    @property
    def _post_roll(self) -> int:
        return samples(min(self._options.post_roll, self._options.endpoint_silence))

    def _required_silence(self) -> int:
        """Samples of silence that end the slice: the longer it is, the shorter the pause that will do."""
        options = self._options
        length = (self._speech_end - self._start) / SAMPLE_RATE - options.full_silence_until
        share = min(1.0, max(0.0, length / max(options.min_silence_from - options.full_silence_until, 0.1)))
        least = min(options.min_silence, options.endpoint_silence)
        return samples(options.endpoint_silence - share * (options.endpoint_silence - least))

    def _process(self, frame: Samples) -> list[Utterance]:
        options = self._options
        probability = self._vad(frame)
        self._frames.append(frame)
        self._probabilities.append(probability)
        self._position += FRAME
        if not self._speaking:
            if probability < options.threshold:
                self._trim_to_pre_roll()
                return []
            self._speaking = True
            self._speech_end = self._last_partial = self._position
            return []
        if probability >= options.threshold - options.hysteresis:
            self._speech_end = self._position
        elif self._position - self._speech_end >= self._required_silence():
            return self._finish(min(self._position, self._speech_end + self._post_roll), "silence")
        if self._position - self._start >= samples(options.max_utterance):
            return self._finish(self._quietest_point(), "length")
        if self._position - self._last_partial >= samples(options.partial_interval):
            self._last_partial = self._position
            return [self._utterance(self._position, final=False, end_reason="")]
        return []

    def _trim_to_pre_roll(self) -> None:
        """Keep only the pre-roll while nobody speaks."""
        keep = samples(self._options.pre_roll)
        while self._position - (self._start + FRAME) >= keep:
            self._drop_frames(1)

    def _drop_frames(self, frames: int) -> None:
        self._start += sum(len(frame) for frame in self._frames[:frames])
        del self._frames[:frames], self._probabilities[:frames]

    def _utterance(self, end: int, final: bool, end_reason: str) -> Utterance:
        audio = np.concatenate(self._frames)[: end - self._start]
        before = np.concatenate([np.zeros(0, np.float32), *(piece for _, _, piece in self._context())])
        return Utterance(self._index, Span(self._start, self._start + len(audio)), audio, final, end_reason, before)

    def _finish(self, end: int, end_reason: str) -> list[Utterance]:
        """End the slice at `end`; what follows is kept for the next one."""
        options = self._options
        closed = self._utterance(end, final=True, end_reason=end_reason)
        voiced = sum(p >= options.threshold for p in self._probabilities[: (end - self._start) // FRAME])
        kept = voiced * FRAME >= samples(options.min_speech)
        if not kept:
            # an empty final slice withdraws what partial results may have shown of the click
            closed = replace(closed, audio=np.zeros(0, np.float32))
        self._previous = [*self._context(), (self._start, end, closed.audio)] if kept else []
        self._index += 1
        self._drop_until(end)
        self._speaking = end_reason == "length"
        self._last_partial = self._position
        if self._speaking:
            self._speech_end = max(self._speech_end, self._start)
        else:
            self._trim_to_pre_roll()
        return [closed]

    def _context(self) -> list[tuple[int, int, Samples]]:
        """The slices (start, end, audio) right before the open one, without a gap."""
        if not self._previous or self._previous[-1][1] != self._start:
            return []
        first = self._start - samples(self._options.max_context)
        return [piece for piece in self._previous if piece[0] >= first]

    def _drop_until(self, end: int) -> None:
        """Drop audio before `end`, splitting the frame it falls into."""
        while self._frames and self._start + len(self._frames[0]) <= end:
            self._drop_frames(1)
        inside = end - self._start
        if self._frames and inside > 0:
            self._frames[0] = self._frames[0][inside:]
            self._start = end

    def _quietest_point(self) -> int:
        """Where to cut an over-long slice: the middle of its least voiced, then least loud, 0.2 s.

        Both measures are smoothed over the stretch, so that the short closure inside a word ("ca-p-tain")
        loses against a pause between words.
        """
        count = min(len(self._frames) - 1, samples(self._options.split_search) // FRAME)
        voices = np.array(self._probabilities[-count:])
        power = np.array([float(np.mean(frame**2)) if len(frame) else 0.0 for frame in self._frames[-count:]])
        loudness = np.log10(power + 1e-8)
        spread = float(loudness.max() - loudness.min()) or 1.0
        cost = _moving_average(voices, 5) + _moving_average((loudness - loudness.min()) / spread, 5)
        quiet = int(np.argmin(cost[2:-2])) + 2 if len(cost) > 4 else int(np.argmin(cost))
        before = self._frames[: len(self._frames) - count + quiet]
        return self._start + sum(len(frame) for frame in before) + FRAME // 2


def _truncate(end: int, utterance: Utterance) -> Utterance:
    """A slice without what lies behind sample `end`."""
    start = utterance.span.start
    return replace(utterance, span=Span(start, min(utterance.span.end, end)), audio=utterance.audio[: end - start])


def _moving_average(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    padded = np.pad(values, width // 2, mode="edge")
    smoothed: NDArray[np.float64] = np.convolve(padded, np.ones(width) / width, mode="valid")
    return smoothed


assert SAMPLE_RATE * 32 // 1000 == FRAME
