"""The meeting's clock, and where each source stands on it: offset and drift, estimated from when its audio arrives.

What arrives is late by a delay that is never negative, so that the earliest arrivals tell the clock: audio up to
sample n that arrives at t was recorded at t or before. The meeting's time is the clock of its first source. What
arrival cannot tell, by how much longer one source's audio takes than another's, levels may (`Alignment`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meeting.core.placing import Anchor, in_meeting
from meeting.joining.levels import ACTIVE, FLOOR_FRAMES, Heard, LevelTrack, correlation
from pipelines.types import LEVEL_FRAME, SAMPLE_RATE, LevelsHeard, samples

WINDOW_SECONDS = 120
"""Seconds in which something arrived that the envelope of the delays is taken over"""
DRIFT = 200e-6
"""Seconds per second by which a clock may run slow: more is a late arrival"""
PAUSE = 1.0
"""Seconds by which all of a window must be late for the source to have stood still, and not its connection"""
ANCHOR_SECONDS = 30
"""Seconds after which a smaller change of the place becomes an anchor, too"""
MOVED = samples(0.02)
"""Change of the place that becomes an anchor at once"""
MOVED_LATER = samples(0.004)
"""Change of the place that becomes an anchor after `ANCHOR_SECONDS`"""
SQUEEZED = samples(1.0)
"""Up to this much time is taken out by running at half the speed; more in a tenth of the time"""
FURTHEST = samples(0.3)
"""By how much arrival may misplace a source: more are not different delays of the network"""
LAGS = range(-4, 5)
"""Frames by which the levels are moved against each other: those within `FURTHEST`, and one more on each side"""
SAME_ROOM = 0.7
"""Correlation of all that two sources hear, over a minute, from which on they are in one room"""
LEAST_FRAMES = 30
"""Frames at least in which both hear somebody"""
LISTEN_EACH = 20
"""Frames after which it is found anew"""


class ArrivalClock:
    """When a source's first sample was recorded, in seconds of the server's clock, from when its audio arrives."""

    def __init__(self) -> None:
        self.origin: float | None = None
        """The newest estimate, which follows the drift of the source's clock; None before anything arrived"""
        self._at = 0.0
        self._lowest: deque[tuple[int, float]] = deque()  # by count of second; rising in both, first is the least
        self._seconds = 0  # in which something arrived
        self._second = float("-inf")

    def observe(self, samples: int, at: float) -> float:
        """Audio up to `samples` had arrived at `at`; gives the origin."""
        apparent = at - samples / SAMPLE_RATE
        if at >= self._second + 1:
            self._second = at
            self._seconds += 1
        while self._lowest and self._lowest[-1][1] >= apparent:
            self._lowest.pop()
        self._lowest.append((self._seconds, apparent))
        while self._lowest[0][0] <= self._seconds - WINDOW_SECONDS:
            self._lowest.popleft()
        if self.origin is None:
            self.origin = apparent
        else:
            self.origin = self._followed(self.origin, min(1.0, max(0.0, at - self._at)))
        self._at = at
        return self.origin

    def _followed(self, origin: float, elapsed: float) -> float:
        least = self._lowest[0][1]
        if least <= origin:
            return least
        if least > origin + PAUSE and self._seconds >= WINDOW_SECONDS:
            return least
        # A stall of the connection is late, too, until all that was held has come: a clock is never so slow.
        return min(least, origin + DRIFT * elapsed)


class Timeline:
    """Where a source's samples stand in the meeting: anchors, between them linear, behind the last one as they run."""

    def __init__(self, anchors: Sequence[Anchor] = (), used: int = 0) -> None:
        """Of a source whose first `used` samples have been placed."""
        self._anchors = list(anchors)
        self._used = used

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """To be stored."""
        return tuple(self._anchors)

    def place(self, sample: int) -> int:
        """Where a sample stands; that will not change any more."""
        self._used = max(self._used, sample)
        return self.where(sample)

    def steer(self, sample: int, wanted: int) -> bool:
        """Move what has not been placed yet so that a sample stands where it is wanted; whether an anchor was added."""
        wanted = max(0, wanted)
        if not self._used and len(self._anchors) < 2:
            first = (0, max(0, wanted - sample))
            if self._anchors and abs(first[1] - self._anchors[0][1]) < MOVED:
                return False
            self._anchors = [first]
            return True
        last = self._anchors[-1][0] if self._anchors else 0
        start = max(last, min(self._used, sample))
        moved = wanted - self.where(sample)
        long_ago = sample - last >= ANCHOR_SECONDS * SAMPLE_RATE
        if sample < last or abs(moved) < (MOVED_LATER if long_ago else MOVED):
            return False
        placed = self.where(start)
        if start > last or not self._anchors:
            self._anchors.append((start, placed))
        # Time never runs backwards: too much of it is made up for by going slowly, not by going back.
        slow = 2 * -moved if -moved <= SQUEEZED else -moved * 10 // 9
        after = start + (1 if moved > 0 else slow)
        self._anchors.append((after, placed + after - start + moved))
        return True

    def where(self, sample: int) -> int:
        """Where a sample stands as far as is known."""
        return in_meeting(self._anchors, sample)


@dataclass(slots=True)
class _Found:
    other: str
    correction: int = 0
    frame: int = 0
    """Of the source, up to which levels were looked at"""


class Alignment:
    """By how much arrival misplaces a source, from what it hears at the same time as another one.

    How long the audio of a source takes to the server at least cannot be known from when it arrives, and differs by
    tenths of a second. Two microphones in one room hear the same, so that their levels tell how far apart they are.
    Where a microphone hears a loudspeaker that is late, and people whom the other one does not hear, arrival knows
    better. Levels are taken as the sources have them, by their own samples.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, LevelTrack] = {}
        self._found: dict[str, _Found] = {}

    def levels_heard(self, source_id: str, heard: LevelsHeard) -> None:
        """Levels of a source, in its own time."""
        self._tracks.setdefault(source_id, LevelTrack()).put(heard.start, heard)

    def correction(self, source_id: str, other: str, apart: int) -> int:
        """Samples by which a source belongs later than it arrives, as far as is known.

        By arrival a sample of the source is heard at the same time as the one that is `apart` samples later, as
        counted by `other`, in that.
        """
        found = self._found.get(source_id)
        if found is None or found.other != other:
            found = self._found[source_id] = _Found(other)
        tracks = self._tracks
        if source_id in tracks and other in tracks and tracks[source_id].end >= found.frame + LISTEN_EACH:
            found.frame = tracks[source_id].end
            wanted = _correction(tracks[source_id], tracks[other], apart)
            if wanted is not None and abs(wanted - found.correction) >= MOVED:
                found.correction = wanted
        return found.correction


def _correction(mine: LevelTrack, theirs: LevelTrack, apart: int) -> int | None:
    """Samples by which the one is later than arrival says; None where levels do not tell."""
    frames = round(apart / LEVEL_FRAME)
    end = min(mine.end, theirs.end - frames)
    start = max(0, -frames, end - FLOOR_FRAMES)
    one, other = mine.heard(start, end), theirs.heard(start + frames, end + frames)
    if one is None or other is None:
        return None
    length = min(len(one), len(other))
    one, other = one[:length], other[:length]
    if np.count_nonzero((one.mean(axis=1) >= ACTIVE) & (other.mean(axis=1) >= ACTIVE)) < LEAST_FRAMES:
        return None
    lag = _best_lag(one, other)
    if lag is None:
        return None
    wanted = round((frames + lag) * LEVEL_FRAME) - apart
    return wanted if abs(wanted) <= FURTHEST else None


def _best_lag(one: Heard, other: Heard) -> float | None:
    """Frames, and parts of one, by which what one hears comes later in the other; None where it is not the same."""
    found: NDArray[np.float64] = np.array([correlation(other, one, lag) for lag in LAGS])
    best = int(found.argmax())
    if found[best] < SAME_ROOM or not 0 < best < len(found) - 1:
        return None
    before, top, after = found[best - 1 : best + 2]
    # The vertex of the parabola through the highest value and its neighbours
    return float(LAGS[best] + (before - after) / (2 * (before - 2 * top + after)))


class MeetingClock:
    """The places of all sources; the first one's samples are the meeting's, or stand where they stood before."""

    def __init__(self) -> None:
        self._arrivals: dict[str, ArrivalClock] = {}
        self._timelines: dict[str, Timeline] = {}
        self._first: str | None = None
        self._leader: str | None = None
        """The source by which the others are placed: the first one, unless that ended in an earlier process"""
        self._leads_by = 0
        """Where the leader's first sample would stand in the meeting"""
        self._end = 0
        self._alignment = Alignment()

    def add(self, source_id: str, anchors: Sequence[Anchor] = (), length: int = 0) -> None:
        """One more source, whose anchors and length in samples may be known from an earlier process."""
        if self._first is None:
            self._first = source_id
        self._arrivals[source_id] = ArrivalClock()
        self._timelines[source_id] = Timeline(anchors, length)
        self._end = max(self._end, self._timelines[source_id].where(length))

    def observe(self, source_id: str, samples: int, at: float) -> bool:
        """The audio of a source up to `samples` had arrived at `at`; whether its anchors have changed."""
        origin = self._arrivals[source_id].observe(samples, at)
        timeline = self._timelines[source_id]
        if source_id == self._first:
            self._leader, self._leads_by = source_id, timeline.where(samples) - samples
            return False
        if self._leader is None:
            self._leader = source_id
            self._leads_by = timeline.where(samples) - samples if timeline.anchors else self._end
        start = self._arrivals[self._leader].origin
        assert start is not None, "whoever leads has been observed"
        apart = round((origin - start) * SAMPLE_RATE)
        if source_id != self._leader:
            apart += self._alignment.correction(source_id, self._leader, apart)
        return timeline.steer(samples, samples + self._leads_by + apart)

    def levels_heard(self, source_id: str, heard: LevelsHeard) -> None:
        """Levels of a source, in its own time, by which what arrives from now on is placed better."""
        self._alignment.levels_heard(source_id, heard)

    def place(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting; that will not change any more."""
        return self._timelines[source_id].place(sample)

    def where(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting as far as is known."""
        return self._timelines[source_id].where(sample)

    def anchors(self, source_id: str) -> tuple[Anchor, ...]:
        """Those of a source; the first gets none."""
        return self._timelines[source_id].anchors
