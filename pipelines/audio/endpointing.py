"""Endpointing: cuts audio into utterances at silences, and over-long ones at their quietest place.

A recogniser that sees less of a sentence makes more mistakes, but nobody wants to wait for the end of a long one. So
the longer an utterance has become, the shorter the pause that ends it; what that is worth says `docs/accuracy.md`
("Pauses that cut").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.options import PIPELINE
from pipelines.types import SAMPLE_RATE, VAD_FRAME, Pause, Samples, Span, Utterance, samples


@dataclass(frozen=True, slots=True)
class EndpointerOptions:
    """When an utterance begins and ends; all times in seconds."""

    threshold: float = PIPELINE.vad_threshold
    """Probability of speech from which a frame begins or continues an utterance"""
    hysteresis: float = 0.15
    """How far below `threshold` the probability must fall to count as silence, so that hovering there ends nothing

    silero-vad's own iterator uses the same.
    """
    endpoint_silence: float = PIPELINE.endpoint_silence
    """Silence that ends a short utterance"""
    min_silence: float = 0.1
    """Silence that ends a long one; with less, words are cut, and with it earlier, more of them are wrong (measured)"""
    full_silence_until: float = 2.0
    """Length up to which an utterance waits for the whole `endpoint_silence`"""
    min_silence_from: float = 3.0
    """Length from which `min_silence` will do; in between the required silence falls evenly"""
    pause: float | None = PIPELINE.pause
    """Silence behind which nobody counts as going on, wherever the cut is; None for `endpoint_silence`"""
    pre_roll: float = PIPELINE.pre_roll
    """Audio kept before the first frame with speech: soft beginnings of words are missed by voice activity"""
    post_roll: float = 0.2
    """Audio kept after the last frame with speech; never more than `endpoint_silence`"""
    min_speech: float = 0.1
    """An utterance with less speech than this is a click, and becomes empty"""
    max_utterance: float = PIPELINE.max_utterance
    """Longest utterance"""
    split_search: float = 6.0
    """An over-long utterance is cut within its last so many seconds"""
    partial_interval: float = PIPELINE.partial_interval
    """New audio between two partial utterances"""
    max_context: float = 5.0
    """Audio right before an utterance that goes with it as context at most, in whole utterances"""
    commit_from: float | None = None
    """Length from which complete sentences of an utterance become final while it grows; None for never"""
    commit_interval: float = 1.0
    """New audio between two times at which that is tried"""


class Endpointer:
    """Audio of any chunk size in, utterances out: partial ones (`final=False`) while they grow, then the final one.

    A final one is cut before its silence counts as a pause, where it is long: a `Pause` follows once it does, unless
    somebody speaks.

    The same audio gives the same utterances whatever the chunks: every decision is made frame by frame. Each sample
    belongs to exactly one final utterance or to the silence between them.
    """

    def __init__(self, vad: Callable[[Samples], float], options: EndpointerOptions | None = None) -> None:
        """`vad` gives the probability of speech of each frame, shape (VAD_FRAME,), in order."""
        self._vad = vad
        self._options = options or EndpointerOptions()
        self._remainder: Samples = np.zeros(0, np.float32)  # audio that is not yet a frame
        self._position = 0  # samples seen so far, the remainder aside
        self._index = 0  # number of the next utterance
        self._previous: list[tuple[int, int, Samples]] = []  # start, end, audio of utterances without gaps between them
        self._frames: list[Samples] = []  # audio from `_start` on
        self._probabilities: list[float] = []  # of speech in each of those frames
        self._start = 0
        self._speaking = False
        self._speech_end = 0  # end of the last frame with speech
        self._last_partial = 0  # where the last partial utterance ended
        self._last_commit = 0  # where the last one ended whose sentences become final
        self._pause_due: int | None = None  # where the silence behind the last one becomes a pause

    def __call__(self, audio: Samples) -> list[Utterance | Pause]:
        """More audio, shape (samples,); gives the utterances that it grows or ends."""
        audio = np.concatenate([self._remainder, audio])  # always a copy: the caller may reuse its buffer
        whole = len(audio) // VAD_FRAME * VAD_FRAME
        self._remainder = audio[whole:].copy()
        out: list[Utterance | Pause] = []
        for at in range(0, whole, VAD_FRAME):
            out += self._process(audio[at : at + VAD_FRAME])
        return out

    def flush(self) -> list[Utterance | Pause]:
        """The utterance that is still open at the end of the audio, or the pause that this is."""
        out: list[Utterance | Pause] = []
        if len(self._remainder):
            missing = VAD_FRAME - len(self._remainder)
            length = self._position + len(self._remainder)
            processed = self._process(np.pad(self._remainder, (0, missing)))
            out = [_truncate(one, length) for one in processed if isinstance(one, Pause) or one.final]
            self._remainder = np.zeros(0, np.float32)
            self._position = length
            self._speech_end = min(self._speech_end, length)
        if self._speaking:
            out += self._finish(min(self._position, self._speech_end + self._post_roll), "end")
        elif self._pause_due is not None:
            out.append(self._pause())
        return out

    @property
    def _post_roll(self) -> int:
        return samples(min(self._options.post_roll, self._options.endpoint_silence))

    def _required_silence(self) -> int:
        """Samples of silence that end the utterance: the longer it is, the shorter the pause that will do."""
        options = self._options
        length = (self._speech_end - self._start) / SAMPLE_RATE - options.full_silence_until
        share = min(1.0, max(0.0, length / max(options.min_silence_from - options.full_silence_until, 0.1)))
        least = min(options.min_silence, options.endpoint_silence)
        return samples(options.endpoint_silence - share * (options.endpoint_silence - least))

    @property
    def _pause_length(self) -> int:
        """Samples of silence behind which nobody goes on speaking."""
        options = self._options
        return samples(options.endpoint_silence if options.pause is None else options.pause)

    def _pause(self) -> Pause:
        self._pause_due = None
        return Pause(Span(self._speech_end, self._position))

    def _process(self, frame: Samples) -> Sequence[Utterance | Pause]:
        options = self._options
        probability = self._vad(frame)
        self._frames.append(frame)
        self._probabilities.append(probability)
        self._position += VAD_FRAME
        if not self._speaking:
            if probability < options.threshold:
                self._trim_to_pre_roll()
                return [self._pause()] if self._pause_due is not None and self._position >= self._pause_due else []
            self._speaking, self._pause_due = True, None
            self._speech_end = self._last_partial = self._position
            self._last_commit = self._start
            return []
        if probability >= options.threshold - options.hysteresis:
            self._speech_end = self._position
        elif self._position - self._speech_end >= self._required_silence():
            return self._finish(min(self._position, self._speech_end + self._post_roll), "silence")
        if self._position - self._start >= samples(options.max_utterance):
            return self._finish(self._quietest_point(), "length")
        if self._commit_due():
            self._last_partial = self._last_commit = self._position
            return [replace(self._utterance(self._position, final=False, end_reason=""), commits=True)]
        if self._position - self._last_partial >= samples(options.partial_interval):
            self._last_partial = self._position
            return [self._utterance(self._position, final=False, end_reason="")]
        return []

    def _commit_due(self) -> bool:
        options = self._options
        length = self._position - self._start
        return (
            options.commit_from is not None
            and samples(options.commit_from) <= length < samples(options.max_utterance - options.commit_interval)
            and self._position - self._last_commit >= samples(options.commit_interval)
        )

    def _trim_to_pre_roll(self) -> None:
        """Keep only the pre-roll while nobody speaks."""
        keep = samples(self._options.pre_roll)
        while self._position - (self._start + VAD_FRAME) >= keep:
            self._drop_frames(1)

    def _drop_frames(self, frames: int) -> None:
        self._start += sum(len(frame) for frame in self._frames[:frames])
        del self._frames[:frames], self._probabilities[:frames]

    def _utterance(self, end: int, final: bool, end_reason: str) -> Utterance:
        audio = np.concatenate(self._frames)[: end - self._start]
        before = np.concatenate([np.zeros(0, np.float32), *(audio for _, _, audio in self._context())])
        return Utterance(self._index, Span(self._start, self._start + len(audio)), audio, final, end_reason, before)

    def _finish(self, end: int, end_reason: str) -> list[Utterance]:
        """End the utterance at `end`; what follows is kept for the next one."""
        options = self._options
        pause_due = self._speech_end + self._pause_length
        pause = end_reason == "end" or (end_reason == "silence" and self._position >= pause_due)
        self._pause_due = None if pause or end_reason == "length" else pause_due
        finished = replace(self._utterance(end, final=True, end_reason=end_reason), pause=pause)
        spoken = sum(p >= options.threshold for p in self._probabilities[: (end - self._start) // VAD_FRAME])
        kept = spoken * VAD_FRAME >= samples(options.min_speech)
        if not kept:
            # an empty final utterance withdraws what partial results may have shown of the click
            finished = replace(finished, audio=np.zeros(0, np.float32))
        self._previous = [*self._context(), (self._start, end, finished.audio)] if kept else []
        self._index += 1
        self._drop_until(end)
        self._speaking = end_reason == "length"
        self._last_partial = self._position
        self._last_commit = self._start
        if self._speaking:
            self._speech_end = max(self._speech_end, self._start)
        else:
            self._trim_to_pre_roll()
        return [finished]

    def _context(self) -> list[tuple[int, int, Samples]]:
        """The utterances (start, end, audio) right before the open one, without a gap, `max_context` at most."""
        if not self._previous or self._previous[-1][1] != self._start:
            return []
        first = self._start - samples(self._options.max_context)
        return [one for one in self._previous if one[0] >= first]

    def _drop_until(self, end: int) -> None:
        """Drop audio before `end`, splitting the frame it falls into."""
        while self._frames and self._start + len(self._frames[0]) <= end:
            self._drop_frames(1)
        inside = end - self._start
        if self._frames and inside > 0:
            self._frames[0] = self._frames[0][inside:]
            self._start = end

    def _quietest_point(self) -> int:
        """Where to cut an over-long utterance: the middle of the 0.16 s with the least speech and loudness, behind what
        may be final already.

        Both are smoothed over that length, so that the short closure inside a word ("ca-p-tain") loses against a pause
        between words. Each counts the same: loudness is scaled to the range that it has there.
        """
        search = min(samples(self._options.split_search), self._position - self._last_commit)
        count = min(len(self._frames) - 1, search // VAD_FRAME)
        voices = np.array(self._probabilities[-count:])
        power = np.array([float(np.mean(frame**2)) if len(frame) else 0.0 for frame in self._frames[-count:]])
        loudness = np.log10(power + 1e-8)
        spread = float(loudness.max() - loudness.min()) or 1.0
        cost = _moving_average(voices, 5) + _moving_average((loudness - loudness.min()) / spread, 5)
        quiet = int(np.argmin(cost[2:-2])) + 2 if len(cost) > 4 else int(np.argmin(cost))
        before = self._frames[: len(self._frames) - count + quiet]
        return self._start + sum(len(frame) for frame in before) + VAD_FRAME // 2


def _truncate(found: Utterance | Pause, end: int) -> Utterance | Pause:
    """An utterance or a pause without what lies behind sample `end`."""
    start = found.span.start
    span = Span(start, min(found.span.end, end))
    return Pause(span) if isinstance(found, Pause) else replace(found, span=span, audio=found.audio[: end - start])


def _moving_average(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    padded = np.pad(values, width // 2, mode="edge")
    smoothed: NDArray[np.float64] = np.convolve(padded, np.ones(width) / width, mode="valid")
    return smoothed
