"""Cuts the audio into slices of speech at silences, and over-long ones at their quietest place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.vad import FRAME
from pipelines.options import PIPELINE
from pipelines.types import SAMPLE_RATE, Samples, Slice, Span, samples


@dataclass(frozen=True, slots=True)
class CutOptions:
    """When a slice begins and ends; all times in seconds."""

    threshold: float = PIPELINE.vad_threshold
    """Voice probability from which a frame starts or continues speech"""
    release: float = 0.15
    """How far below `threshold` the probability must fall to count as silence (hysteresis)"""
    endpoint_silence: float = PIPELINE.endpoint_silence
    """Silence that ends a slice"""
    least_silence: float = 0.1
    """What `endpoint_silence` falls to while a slice grows from `patient` to `hurried`"""
    patient: float = 2.0
    """Length up to which a slice waits for the whole `endpoint_silence`"""
    hurried: float = 3.0
    """Length from which `least_silence` will do"""
    pre_roll: float = PIPELINE.pre_roll
    """Audio kept before the first voiced frame"""
    tail: float = 0.2
    """Audio kept after the last voiced frame; never more than `endpoint_silence`"""
    min_voice: float = 0.1
    """A slice with less voice than this is a click, and dropped"""
    max_utterance: float = PIPELINE.max_utterance
    """Longest slice"""
    search: float = 6.0
    """An over-long slice is cut within its last so many seconds"""
    partial_interval: float = PIPELINE.partial_interval
    """New audio between two growing results"""
    context: float = 5.0
    """Audio right before a slice that goes with it at most, in whole slices"""


class Cutter:
    """Audio of any chunk size in, slices out: growing ones (`final=False`) and cut ones.

    The same audio gives the same slices whatever the chunks: every decision is made frame by frame.
    Audio is accounted for: each sample belongs to exactly one slice or to the silence between slices.
    """

    def __init__(self, voice: Callable[[Samples], float], options: CutOptions | None = None) -> None:
        """`voice` gives the probability of speech of one frame of `FRAME` samples."""
        self._voice = voice
        self._options = options or CutOptions()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is number 0."""
        reset = getattr(self._voice, "reset", None)
        if reset is not None:
            reset()
        self._rest: Samples = np.zeros(0, np.float32)
        self._now = 0  # samples judged so far
        self._index = 0  # number of the next slice
        self._before: list[tuple[int, int, Samples]] = []  # start, end and audio of slices without a gap between them
        self._frames: list[Samples] = []  # audio from `_start` on
        self._voices: list[float] = []  # probability of each of those frames
        self._start = 0
        self._speaking = False
        self._last_voice = 0  # end of the last voiced frame
        self._grown = 0  # where the last partial ended

    def __call__(self, audio: Samples) -> list[Slice]:
        """Judge more audio, shape (samples,)."""
        audio = np.concatenate([self._rest, audio])  # always a copy: the caller may reuse its buffer
        whole = len(audio) // FRAME * FRAME
        self._rest = audio[whole:].copy()
        out: list[Slice] = []
        for at in range(0, whole, FRAME):
            out += self._judge(audio[at : at + FRAME])
        return out

    def flush(self) -> list[Slice]:
        """The slice that is still open at the end of the audio."""
        out: list[Slice] = []
        if len(self._rest):
            missing = FRAME - len(self._rest)
            length = self._now + len(self._rest)
            judged = self._judge(np.pad(self._rest, (0, missing)))
            out = [_until(length, piece) for piece in judged if piece.final]
            self._rest = np.zeros(0, np.float32)
            self._now = length
            self._last_voice = min(self._last_voice, length)
        if self._speaking:
            out += self._close(min(self._now, self._last_voice + self._tail), "end")
        return out

    @property
    def _tail(self) -> int:
        return samples(min(self._options.tail, self._options.endpoint_silence))

    def _enough_silence(self) -> int:
        """Samples of silence that end the slice: the longer it is, the shorter the pause that will do."""
        options = self._options
        length = (self._last_voice - self._start) / SAMPLE_RATE - options.patient
        share = min(1.0, max(0.0, length / max(options.hurried - options.patient, 0.1)))
        least = min(options.least_silence, options.endpoint_silence)
        return samples(options.endpoint_silence - share * (options.endpoint_silence - least))

    def _judge(self, frame: Samples) -> list[Slice]:
        options = self._options
        probability = self._voice(frame)
        self._frames.append(frame)
        self._voices.append(probability)
        self._now += FRAME
        if not self._speaking:
            if probability < options.threshold:
                self._forget()
                return []
            self._speaking = True
            self._last_voice = self._grown = self._now
            return []
        if probability >= options.threshold - options.release:
            self._last_voice = self._now
        elif self._now - self._last_voice >= self._enough_silence():
            return self._close(min(self._now, self._last_voice + self._tail), "silence")
        if self._now - self._start >= samples(options.max_utterance):
            return self._close(self._quietest(), "length")
        if self._now - self._grown >= samples(options.partial_interval):
            self._grown = self._now
            return [self._slice(self._now, final=False, cut="")]
        return []

    def _forget(self) -> None:
        """Keep only the pre-roll while nobody speaks."""
        keep = samples(self._options.pre_roll)
        while self._now - (self._start + FRAME) >= keep:
            self._drop(1)

    def _drop(self, frames: int) -> None:
        self._start += sum(len(frame) for frame in self._frames[:frames])
        del self._frames[:frames], self._voices[:frames]

    def _slice(self, end: int, final: bool, cut: str) -> Slice:
        audio = np.concatenate(self._frames)[: end - self._start]
        before = np.concatenate([np.zeros(0, np.float32), *(piece for _, _, piece in self._context())])
        return Slice(self._index, Span(self._start, self._start + len(audio)), audio, final, cut, before)

    def _close(self, end: int, cut: str) -> list[Slice]:
        """End the slice at `end`; what follows is kept for the next one."""
        options = self._options
        closed = self._slice(end, final=True, cut=cut)
        voiced = sum(p >= options.threshold for p in self._voices[: (end - self._start) // FRAME])
        kept = voiced * FRAME >= samples(options.min_voice)
        if not kept:
            # an empty final slice withdraws what partial results may have shown of the click
            closed = replace(closed, audio=np.zeros(0, np.float32))
        self._before = [*self._context(), (self._start, end, closed.audio)] if kept else []
        self._index += 1
        self._cut_off(end)
        self._speaking = cut == "length"
        self._grown = self._now
        if self._speaking:
            self._last_voice = max(self._last_voice, self._start)
        else:
            self._forget()
        return [closed]

    def _context(self) -> list[tuple[int, int, Samples]]:
        """The slices (start, end, audio) right before the open one, without a gap."""
        if not self._before or self._before[-1][1] != self._start:
            return []
        first = self._start - samples(self._options.context)
        return [piece for piece in self._before if piece[0] >= first]

    def _cut_off(self, end: int) -> None:
        """Drop audio before `end`, splitting the frame it falls into."""
        while self._frames and self._start + len(self._frames[0]) <= end:
            self._drop(1)
        inside = end - self._start
        if self._frames and inside > 0:
            self._frames[0] = self._frames[0][inside:]
            self._start = end

    def _quietest(self) -> int:
        """Where to cut an over-long slice: the middle of its least voiced, then least loud, 0.2 s.

        Both measures are smoothed over the stretch, so that the short closure inside a word ("ca-p-tain")
        loses against a pause between words.
        """
        count = min(len(self._frames) - 1, samples(self._options.search) // FRAME)
        voices = np.array(self._voices[-count:])
        power = np.array([float(np.mean(frame**2)) if len(frame) else 0.0 for frame in self._frames[-count:]])
        loudness = np.log10(power + 1e-8)
        spread = float(loudness.max() - loudness.min()) or 1.0
        cost = _smooth(voices, 5) + _smooth((loudness - loudness.min()) / spread, 5)
        quiet = int(np.argmin(cost[2:-2])) + 2 if len(cost) > 4 else int(np.argmin(cost))
        before = self._frames[: len(self._frames) - count + quiet]
        return self._start + sum(len(frame) for frame in before) + FRAME // 2


def _until(end: int, piece: Slice) -> Slice:
    """A slice without what lies behind sample `end`."""
    start = piece.span.start
    return replace(piece, span=Span(start, min(piece.span.end, end)), audio=piece.audio[: end - start])


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    padded = np.pad(values, width // 2, mode="edge")
    smoothed: NDArray[np.float64] = np.convolve(padded, np.ones(width) / width, mode="valid")
    return smoothed


assert SAMPLE_RATE * 32 // 1000 == FRAME
