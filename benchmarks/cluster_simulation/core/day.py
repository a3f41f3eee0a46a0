"""A working day of an organization: when meetings begin, how long they last, how many are live at once; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.cluster_simulation.assumptions import Assumptions

Numbers = NDArray[np.float64]
HOUR = 3600.0
TRIES = 6
"""Days that are drawn to find how many meetings a day has whose peak is the one that is asked for"""


@dataclass(frozen=True, slots=True)
class Day:
    """Meetings of a day; all arrays have one value for each, in order of their beginnings."""

    begins: Numbers
    """Seconds since midnight"""
    lengths: Numbers
    """Seconds"""
    sources: NDArray[np.int64]
    """Microphones and other sounds"""

    @property
    def ends(self) -> Numbers:
        """Seconds since midnight."""
        return self.begins + self.lengths

    def live(self, weights: Numbers | NDArray[np.int64] | None = None) -> tuple[Numbers, Numbers]:
        """Moments at which a meeting begins or ends, and how many are live from then on; sources with their weights."""
        weights = np.ones(len(self.begins)) if weights is None else weights.astype(float)
        moments = np.concatenate([self.begins, self.ends])
        order = np.argsort(moments, kind="stable")
        return moments[order], np.cumsum(np.concatenate([weights, -weights])[order])

    @property
    def peak(self) -> int:
        """Meetings that are live at once at most."""
        return int(self.live()[1].max(initial=0.0))

    @property
    def peak_at(self) -> float:
        """When that is first so, seconds since midnight."""
        moments, count = self.live()
        return float(moments[int(np.argmax(count))])

    def ages(self, at: float) -> Numbers:
        """Seconds that each meeting has lasted that is live at a moment."""
        live = (self.begins <= at) & (at < self.ends)
        return at - self.begins[live]

    def most_begun(self, within: float) -> int:
        """Most meetings that begin within so many seconds."""
        return int((np.searchsorted(self.begins, self.begins + within) - np.arange(len(self.begins))).max(initial=0))


def day_with(assumed: Assumptions, peak: int, random: np.random.Generator) -> Day:
    """A day at whose peak about so many meetings are live."""
    meetings, best = peak * 6.0, None
    for _ in range(TRIES):
        drawn = draw_day(assumed, max(1, round(meetings)), random)
        if best is None or abs(drawn.peak - peak) < abs(best.peak - peak):
            best = drawn
        meetings *= peak / max(1, drawn.peak)
    assert best is not None
    return best


def draw_day(assumed: Assumptions, meetings: int, random: np.random.Generator) -> Day:
    """So many meetings: begun as often as the curve of hours says, many at a full or half hour."""
    curve = np.array(assumed["arrivals_by_hour"], float)
    hours = random.choice(len(curve), size=meetings, p=curve / curve.sum())
    within = random.random(meetings) * HOUR
    punctual = random.random(meetings) < assumed["punctual_share"]
    half = np.where(random.random(meetings) < assumed["half_hour_share"], HOUR / 2, 0.0)
    begins = hours * HOUR + np.where(punctual, half + random.exponential(assumed["late_seconds"], meetings), within)
    spread = assumed["meeting_spread"]
    mean = assumed["meeting_minutes"] * 60
    lengths = np.clip(
        mean * random.lognormal(-(spread**2) / 2, spread, meetings), 60.0, assumed["longest_hours"] * HOUR
    )
    shares = np.array(assumed["sources_shares"], float)
    sources = 1 + random.choice(len(shares), size=meetings, p=shares / shares.sum())
    order = np.argsort(begins, kind="stable")
    return Day(begins[order], lengths[order], sources[order].astype(np.int64))


def mean_sources(assumed: Assumptions) -> float:
    """Sources of a meeting."""
    shares = np.array(assumed["sources_shares"], float)
    return float((shares / shares.sum()) @ np.arange(1, len(shares) + 1))
