"""Utterances as they are placed in a conversation: trimmed, of one level, with the stretches and words in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.rooms.voices import Audio, Utterance, Word
from pipelines.types import SAMPLE_RATE

HOP = SAMPLE_RATE // 100
LEVEL_DB = -26.0
"""RMS of the voiced part of every clip, relative to full scale, before any room"""
BELOW_DB = 32.0
"""Voiced is what is less than so much below the loud parts (their 95th percentile) of the utterance"""
PAUSE = 0.3
"""Seconds of quiet from which the RTTM says that nobody speaks; as in the sample meeting"""
SHORTEST = 0.06
"""Seconds of sound that count as speech"""
PIECE = (0.6, 6.0)
"""Seconds that an utterance which may be cut at its pauses is cut to, as far as it has pauses"""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A trimmed utterance."""

    voice: str
    name: str
    audio: Audio
    voiced: tuple[tuple[int, int], ...]
    """First and past-the-last samples of the stretches between pauses"""
    text: str | None
    words: tuple[Word, ...]
    """Seconds from its start"""
    exact: bool
    """Whether the times of words are from a reference; if not, they are spread over the voiced stretches"""

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.audio) / SAMPLE_RATE


def decibels(ratio: float) -> float:
    """A ratio of amplitudes in dB."""
    return 20 * float(np.log10(max(ratio, 1e-10)))


def gain(level_db: float) -> float:
    """The amplitude of a level in dB."""
    return float(10 ** (level_db / 20))


def rms(audio: Audio) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(audio)))) if len(audio) else 0.0


def speech_frames(audio: Audio) -> NDArray[np.bool_]:
    """Which frames of 10 ms are voiced, by level; shape (frames,)."""
    count = len(audio) // HOP
    frames = np.square(audio[: count * HOP]).reshape(count, HOP).mean(axis=1)
    smooth = np.convolve(frames, np.ones(3) / 3, mode="same") if count >= 3 else frames
    level = 10 * np.log10(np.maximum(smooth, 1e-14))
    if not count:
        return np.zeros(0, np.bool_)
    floor, loud = np.percentile(level, (5, 95))
    return np.asarray(level > max(loud - BELOW_DB, min(floor + 6, loud - 15)))


def stretches(audio: Audio, pause: float = PAUSE) -> list[tuple[int, int]]:
    """Voiced stretches in samples; quiet shorter than `pause` seconds lies within one."""
    on = np.concatenate([[False], speech_frames(audio), [False]])
    edges = np.flatnonzero(on[1:] != on[:-1]).reshape(-1, 2) * HOP
    found: list[tuple[int, int]] = []
    for start, end in edges.tolist():
        if end - start < SHORTEST * SAMPLE_RATE:
            continue
        if found and start - found[-1][1] < pause * SAMPLE_RATE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def spread(text: str, voiced: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    """Words with times: the voiced time shared out by letters. A guess, good to some tenths of a second."""
    words = text.split()
    if not words or not voiced:
        return ()
    lengths = [end - start for start, end in voiced]
    edges = np.cumsum([0, *(len(word) + 1 for word in words)]) / sum(len(word) + 1 for word in words)
    within = np.concatenate([[0], np.cumsum(lengths)])
    starts = np.array([start for start, _ in voiced])

    def place(share: float, side: str) -> float:
        at = share * within[-1]
        stretch = int(np.clip(np.searchsorted(within, at, side=side) - 1, 0, len(lengths) - 1))  # type: ignore[call-overload]
        return float(starts[stretch] + at - within[stretch]) / SAMPLE_RATE

    timed = zip(words, pairwise(edges.tolist()), strict=True)
    return tuple((word, place(low, "right"), place(high, "left")) for word, (low, high) in timed)


def clips(utterance: Utterance) -> list[Clip]:
    """An utterance as clips: whole, or cut at its pauses where nobody wrote down its words or their times are known."""
    audio = utterance.read()
    voiced = stretches(audio)
    if not voiced:
        return []
    active = np.concatenate([audio[start:end] for start, end in voiced])
    audio = audio * (gain(LEVEL_DB) / rms(active))
    cuttable = utterance.text is None or utterance.words is not None
    parts = _parts(stretches(audio, pause=0.2)) if cuttable else [(voiced[0][0], voiced[-1][1])]
    made = []
    for start, end in parts:
        inside = [(max(a, start) - start, min(b, end) - start) for a, b in voiced if a < end and start < b]
        words = _words(utterance, start, end, inside)
        text = None if utterance.text is None else " ".join(word for word, _, _ in words)
        if utterance.text is None or text:
            name = f"{utterance.name}+{start / SAMPLE_RATE:.2f}"
            exact = utterance.words is not None
            made.append(Clip(utterance.voice, name, _faded(audio[start:end]), tuple(inside), text, words, exact))
    return made


def _parts(voiced: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches joined until each is long enough, while none gets too long; what stays short alone is kept."""
    shortest, longest = (round(seconds * SAMPLE_RATE) for seconds in PIECE)
    parts: list[tuple[int, int]] = []
    for start, end in voiced:
        if parts and parts[-1][1] - parts[-1][0] < shortest and end - parts[-1][0] <= longest:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    return parts


def _words(utterance: Utterance, start: int, end: int, voiced: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    if utterance.words is None:
        return spread(utterance.text or "", voiced)
    low, high = start / SAMPLE_RATE, end / SAMPLE_RATE
    inside = [word for word in utterance.words if low <= (word[1] + word[2]) / 2 < high]
    return tuple((text, max(at, low) - low, min(to, high) - low) for text, at, to in inside)


def _faded(audio: Audio) -> Audio:
    """With 5 ms of fade at both ends, so that cuts do not click."""
    ramp = np.minimum(1.0, np.arange(len(audio)) / (0.005 * SAMPLE_RATE))
    return np.asarray(audio * ramp * ramp[::-1])
