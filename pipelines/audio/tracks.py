"""The tracks of one recording as one sound, each at its time: pure."""

from __future__ import annotations

import math

import numpy as np

from pipelines.types import SAMPLE_RATE, Samples

MAX_LEAD = 10 * SAMPLE_RATE
"""Samples by which one track may be ahead of another, which counts as silent then: what waits is held in memory"""
MIN_SILENCE = 0.2
"""Seconds that a time stamp must be late before silence is put in: less is jitter"""
MAX_OVERLAP = 60.0
"""Seconds that it may be early, as stamps that catch up are, before the clock counts as one that was set anew"""
MAX_SILENCE = 4 * 3600.0
"""Seconds of silence in all that time stamps may bring: beyond that they are not believed"""
STEP = SAMPLE_RATE // 2
"""Samples that are mixed at a time, at least"""


class Timeline:
    """How much silence stands before each part of a track, by the time stamps of its container.

    What is heard is never left out, and small differences are none: stamps are rounded, and clocks drift.
    """

    def __init__(self, start: float | None) -> None:
        """`start` is where the container's clock begins, in seconds; None where its stamps are not to be used."""
        self._start = start
        self._end = start or 0.0
        """The stamp that the next part has where nothing lies between"""
        self._left = MAX_SILENCE

    def silence(self, at: float | None, seconds: float) -> float:
        """Seconds of silence before a part of so many seconds with the time stamp `at`."""
        gap = 0.0 if at is None or self._start is None else at - self._end
        if not -MAX_OVERLAP <= gap <= self._left:  # the clock was set anew, or lies
            self._end, gap = self._end + gap, 0.0
        elif gap < MIN_SILENCE:
            gap = 0.0
        self._left -= gap
        self._end += gap + seconds
        return gap


class TrackMixer:
    """Adds up tracks of 16 kHz mono that come in turn, each part behind the one before.

    One track stays as it is. Of several each is as loud as makes all together, when they are no copies of each other,
    as loud as one.
    """

    def __init__(self, count: int) -> None:
        self._gain = 1 / math.sqrt(count)
        self._ends = [0] * count
        """Samples of each track that have come"""
        self._waiting = [list[Samples]() for _ in range(count)]
        self._given = 0
        """Samples that were mixed"""

    def add(self, track: int, audio: Samples) -> list[Samples]:
        """What is mixed by now; what comes after its place was mixed is left out."""
        if len(self._ends) == 1:
            return [audio]
        late = max(0, self._given - self._ends[track])
        self._ends[track] += len(audio)
        self._waiting[track].append(audio[late:])
        until = max(min(self._ends), max(self._ends) - MAX_LEAD)
        return self._mixed(until) if until - self._given >= STEP else []

    def flush(self) -> list[Samples]:
        """The rest: tracks that are shorter than others are silent at their end."""
        return self._mixed(max(self._ends)) if len(self._ends) > 1 else []

    def _mixed(self, until: int) -> list[Samples]:
        mixed = np.zeros(until - self._given, np.float32)
        for track, parts in enumerate(self._waiting):
            audio = np.concatenate([mixed[:0], *parts])
            taken = audio[: len(mixed)]
            mixed[: len(taken)] += taken
            self._waiting[track] = [audio[len(taken) :]]
        self._given = until
        return [np.clip(mixed * self._gain, -1.0, 1.0)]
