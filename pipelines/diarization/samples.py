"""What is clustered: consecutive windows that hear one local speaker, together as one sample of a voice.

Windows overlap by nine tenths, so that neighbours say nearly the same; and clustering takes the square of the number
of samples in time and memory. Both are reasons to cluster sums of a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.clustering import Beside, Labels, Vectors, unit
from pipelines.types import STEP, WINDOW, LocalSpeakers

MAX_SAMPLES = 1500
"""Samples that are clustered; above it neighbours of one speaker are joined, so that cost stays bounded"""

Owner = Callable[[int, int], int]
"""(window, local speaker) to the number of the speaker that it was given to"""
Seconds = Callable[[int, int], float]
"""(window, local speaker) to the seconds in which it spoke alone"""


@dataclass(slots=True)
class Sample:
    """Consecutive windows that hear one local speaker."""

    start: int
    """Where its first window starts"""
    begin: int
    """Where the speaker is first active in that window"""
    places: list[tuple[int, int]] = field(default_factory=list)
    """(window, local speaker) of each that is remembered"""
    total: NDArray[np.float64] | None = None
    """Sum of the embeddings, weighted with the seconds in which the speaker was alone"""
    seconds: float = 0.0
    """Sum of those seconds"""
    longest: float = 0.0
    """Those of the window that has most"""
    past: dict[int, float] = field(default_factory=dict)
    """Those of windows that were forgotten, by the speaker they were given to"""


class SampleStore:
    """The samples of one meeting, in order of their first windows."""

    def __init__(self, pool: int, active_level: int) -> None:
        """`pool` is the number of consecutive windows that make one sample at most; a local speaker is active from
        `active_level` on."""
        self._pool = pool
        self._active_level = active_level
        self._samples: list[Sample] = []
        self._open: dict[int, Sample] = {}  # by local speaker of the last window

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, at: int, local: LocalSpeakers, usable: Sequence[int], links: Mapping[int, int]) -> None:
        """Add the usable local speakers of window `at` to the samples that they continue, or begin new ones.

        `links` says which local speaker of the window before each one continues.
        """
        going: dict[int, Sample] = {}
        for voice in usable:
            sample = self._open.get(links.get(voice, -1))
            if sample is None or local.start - sample.start >= self._pool * STEP:
                active = int((local.activity[:, voice] >= self._active_level).argmax())
                sample = Sample(local.start, local.start + active * WINDOW // len(local.activity))
                self._samples.append(sample)
            alone = float(local.single_speaker_seconds[voice])
            weighted = local.embeddings[voice].astype(np.float64) * local.single_speaker_seconds[voice]
            sample.total = weighted if sample.total is None else sample.total + weighted
            sample.seconds += alone
            sample.longest = max(sample.longest, alone)
            sample.places.append((at, voice))
            going[voice] = sample
        self._open = going

    def embeddings(self) -> Vectors:
        """The embedding of each sample, of length one, shape (samples, dimension)."""
        return unit(np.stack([s.total for s in self._samples if s.total is not None]).astype(np.float32))

    def seconds(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Seconds of single speakers in each sample: in all, in its best window, in forgotten windows; (samples,)."""
        return (
            np.array([s.seconds for s in self._samples]),
            np.array([s.longest for s in self._samples]),
            np.array([sum(s.past.values()) for s in self._samples]),
        )

    def shared(self, labels: Labels, known: list[int], owner: Owner, seconds: Seconds) -> NDArray[np.float64]:
        """Seconds of each label that were given to each of the known speakers so far, shape (labels, known)."""
        count = int(labels.max(initial=-1)) + 1
        shared = np.zeros((count, max(1, len(known))))
        for label, sample in zip(labels.tolist(), self._samples, strict=True):
            if label < 0:
                continue
            spoken = [(owner(at, voice), seconds(at, voice)) for at, voice in sample.places]
            for number, alone in [*sample.past.items(), *spoken]:
                if number in known:
                    shared[label, known.index(number)] += alone
        return shared

    def begins(self, labels: Labels) -> NDArray[np.int64]:
        """Where each label is first heard, in samples, shape (labels,)."""
        begins = np.array([sample.begin for sample in self._samples], np.int64)
        return np.array([begins[labels == label].min() for label in range(int(labels.max(initial=-1)) + 1)], np.int64)

    def beside(self, seconds: Seconds) -> Beside:
        """Which samples are different voices of the same windows, as far as those are remembered."""
        heard: dict[int, list[tuple[int, float]]] = {}
        for number, sample in enumerate(self._samples):
            for at, voice in sample.places:
                heard.setdefault(at, []).append((number, seconds(at, voice)))
        pairs = [
            (one, other, min(spoken, less))
            for voices in heard.values()
            for row, (one, spoken) in enumerate(voices)
            for other, less in voices[:row]
        ]
        rows = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2)
        return Beside(rows[:, 0], rows[:, 1], np.array([pair[2] for pair in pairs], np.float64))

    def forget(self, before: int, owner: Owner, seconds: Seconds) -> None:
        """Keep of the windows before this one only how long each speaker spoke in them."""
        for sample in self._samples:
            for at, voice in sample.places:
                if at < before:
                    number = owner(at, voice)
                    sample.past[number] = sample.past.get(number, 0.0) + seconds(at, voice)
            sample.places = [(at, voice) for at, voice in sample.places if at >= before]

    def merge(self, number: int, into: int) -> None:
        """Give what a speaker spoke in forgotten windows to the one that it turned out to be."""
        for sample in self._samples:
            if number in sample.past:
                sample.past[into] = sample.past.get(into, 0.0) + sample.past.pop(number)

    def compact(self, owner: Owner) -> None:
        """Join pairs of neighbouring samples of one speaker once there are too many to cluster in passing."""
        if len(self._samples) <= MAX_SAMPLES:
            return
        kept: list[Sample] = []
        waiting: dict[int, Sample] = {}
        for sample in self._samples:
            number = _speaker_of(sample, owner)
            first = waiting.pop(number, None)
            if first is None or first.total is None or sample.total is None:
                kept.append(sample)
                waiting[number] = sample
                continue
            first.total = first.total + sample.total
            first.seconds += sample.seconds
            first.longest = max(first.longest, sample.longest)
            first.places += sample.places
            for speaker, spoken in sample.past.items():
                first.past[speaker] = first.past.get(speaker, 0.0) + spoken
        self._samples, self._open = kept, {}


def _speaker_of(sample: Sample, owner: Owner) -> int:
    """Whom a sample's first window was given to; where that is forgotten, whom most of it was given to."""
    if sample.past:
        return max(sample.past, key=lambda number: sample.past[number])
    return owner(*sample.places[0])
