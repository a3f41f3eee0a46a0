"""What each source hears, in the meeting's time: levels above its own noise, and whether two of them hear the same.

The envelopes of several bands tell more than one: two people who speak at once have pauses at other times, and other
sounds in them. Where one microphone is far from whoever speaks, echo fills its pauses, but not all bands alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.types import LEVEL_BANDS, LEVEL_FRAME, LevelsHeard, Span

Heard = NDArray[np.float32]
"""Decibels above the noise floor, shape (frames, bands)"""

BANDS = len(LEVEL_BANDS) - 1
LOWEST_FLOOR = -80.0
"""Decibels that count as noise though it is more quiet: what suppresses noise leaves none"""
FLOOR_FRAMES = 600
"""Frames up to a place that its noise floor is taken from"""
FLOOR_STEP = 10
"""Frames for which a noise floor is taken once"""
FLOOR_PERCENT = 10
"""Of the frames are at the noise floor or below"""
SILENCE = -200.0
"""Decibels, where nothing is known"""
HIGHEST = 60.0
"""Decibels above the noise floor beyond which nothing is told apart"""
ACTIVE = 3.0
"""Decibels above its noise floor, in the mean, of a source that hears somebody"""
MOST_LAG = 4
"""Frames by which the same sound may be elsewhere: places are estimates, and loudspeakers are late"""

WINDOW_FRAMES = 30
"""Frames that are compared at once"""
HOP_FRAMES = 20
"""Frames from one comparison to the next"""
HISTORY_FRAMES = 600
"""Frames that count"""
MOST = 10
"""Comparisons that count at most, the last ones in which both heard somebody"""


def frames(span: Span) -> tuple[int, int]:
    """The first frame of a span, and the one behind its last."""
    return span.start // LEVEL_FRAME, -(-span.end // LEVEL_FRAME)


class LevelTrack:
    """All levels of one source, by frames of the meeting."""

    def __init__(self) -> None:
        self.end = 0
        """Frame behind the last one that is known"""
        self._levels = np.full((1024, BANDS), np.nan, np.float16)
        self._floors: dict[int, Heard] = {}

    def put(self, start: int, heard: LevelsHeard) -> None:
        """Levels of which the first stands at sample `start` of the meeting."""
        first = round(start / LEVEL_FRAME)
        end = first + len(heard.levels)
        while end > len(self._levels):
            self._levels = np.concatenate([self._levels, np.full_like(self._levels, np.nan)])
        self._levels[first:end] = heard.levels
        self.end = max(self.end, end)
        for at in [at for at in self._floors if first < at and at - FLOOR_FRAMES < end]:
            del self._floors[at]

    def heard(self, start: int, end: int) -> Heard | None:
        """Levels above the noise floor from a frame on, up to another or to where none are known yet, 0 in between.

        None where hardly any are known.
        """
        first, last = max(0, start), min(end, self.end)
        if last <= first:
            return None
        levels = np.full((last - start, BANDS), np.nan, np.float32)
        levels[first - start :] = self._levels[first:last]
        known = ~np.isnan(levels[:, 0])
        if 2 * np.count_nonzero(known) < end - start:
            return None
        above = np.clip(levels - self._floor(end), 0.0, HIGHEST)
        above[~known] = 0.0
        return above

    def loudness(self, start: int, end: int) -> NDArray[np.float32]:
        """Decibels of all bands together from a frame on, up to another; `SILENCE` where none are known."""
        levels = np.full((end - start, BANDS), np.nan, np.float32)
        first, last = max(0, start), min(end, self.end)
        if last > first:
            levels[first - start : last - start] = self._levels[first:last]
        loud: NDArray[np.float32] = 10 * np.log10(np.sum(10 ** (levels / 10), axis=1))
        return np.nan_to_num(loud, nan=SILENCE)

    def _floor(self, end: int) -> Heard:
        at = -(-end // FLOOR_STEP) * FLOOR_STEP
        if at not in self._floors:
            before = self._levels[max(0, at - FLOOR_FRAMES) : at].astype(np.float32)
            before = before[~np.isnan(before[:, 0])]
            floor = np.percentile(before, FLOOR_PERCENT, axis=0).astype(np.float32)
            self._floors[at] = np.maximum(floor, np.float32(LOWEST_FLOOR))
        return self._floors[at]


def is_active(heard: Heard) -> bool:
    """Whether somebody is heard."""
    return bool(heard.mean() >= ACTIVE)


def coherence(one: Heard, other: Heard) -> float:
    """How much two sources hear the same, from the same frame on: the correlation of what they hear at the best lag."""
    return max(0.0, *(correlation(one, other, lag) for lag in range(-MOST_LAG, MOST_LAG + 1)))


def correlation(one: Heard, other: Heard, lag: int) -> float:
    """Of what two sources hear from the same frame on, the first one `lag` frames later; 0 where that is nothing."""
    length = min(len(one), len(other))
    first = one[max(0, lag) : length + min(0, lag)]
    second = other[max(0, -lag) : length + min(0, -lag)]
    if not len(first) or not len(second):
        return 0.0
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    norm = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0


class Pairs:
    """Coherences of all pairs of sources, each found once."""

    def __init__(self, tracks: Mapping[str, LevelTrack]) -> None:
        self._tracks = tracks
        self._known: dict[tuple[str, str], dict[int, float | None]] = {}

    def levels_changed(self, source_id: str, frame: int) -> None:
        """Levels of a source have come, from a frame on."""
        for pair, known in self._known.items():
            if source_id in pair:
                for at in [at for at in known if at > frame]:
                    del known[at]

    def typical(self, one: str, other: str, frame: int) -> float | None:
        """The mean of their coherence up to a frame; None where they did not hear anybody at the same time."""
        first = max(WINDOW_FRAMES, frame - HISTORY_FRAMES)
        found: list[float] = []
        for at in range(frame // HOP_FRAMES * HOP_FRAMES, first - 1, -HOP_FRAMES):
            value = self._coherence(one, other, at)
            if value is not None:
                found.append(value)
            if len(found) == MOST:
                break
        return sum(found) / len(found) if found else None

    def _coherence(self, one: str, other: str, end: int) -> float | None:
        known = self._known.setdefault((min(one, other), max(one, other)), {})
        if end in known:
            return known[end]
        first, second = self._tracks[one], self._tracks[other]
        if min(first.end, second.end) < end:
            return None
        mine, theirs = first.heard(end - WINDOW_FRAMES, end), second.heard(end - WINDOW_FRAMES, end)
        known[end] = None
        if mine is not None and theirs is not None and is_active(mine) and is_active(theirs):
            known[end] = coherence(mine, theirs)
        return known[end]
