"""The meeting's clock, and where each source stands on it: offset and drift, estimated from when its audio arrives.

What arrives is late by a delay that is never negative, so that the earliest arrivals tell the clock: audio up to
sample n that arrives at t was recorded at t or before. The meeting's time is the clock of its first source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from meeting.core.placing import Anchor, in_meeting
from pipelines.types import SAMPLE_RATE, samples

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
        return timeline.steer(samples, samples + self._leads_by + round((origin - start) * SAMPLE_RATE))

    def place(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting; that will not change any more."""
        return self._timelines[source_id].place(sample)

    def where(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting as far as is known."""
        return self._timelines[source_id].where(sample)

    def anchors(self, source_id: str) -> tuple[Anchor, ...]:
        """Those of a source; the first gets none."""
        return self._timelines[source_id].anchors
