"""A working day."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.day import Day, day_with, draw_day, mean_sources


def day(*meetings: tuple[float, float]) -> Day:
    begins, lengths = np.array(meetings, float).T
    return Day(begins, lengths, np.ones(len(meetings), np.int64))


def test_meetings_are_live_from_their_beginning_to_their_end() -> None:
    found = day((0, 10), (5, 10), (20, 5))
    moments, live = found.live()
    assert moments.tolist() == [0, 5, 10, 15, 20, 25]
    assert live.tolist() == [1, 2, 1, 0, 1, 0]
    assert (found.peak, found.peak_at) == (2, 5)
    assert found.ages(9.0).tolist() == [9, 4]
    assert (found.most_begun(5.0), found.most_begun(4.0), found.most_begun(100.0)) == (1, 1, 3)


def test_the_peak_of_a_day_is_the_one_that_is_asked_for(assumed: Assumptions, random: np.random.Generator) -> None:
    for wanted in (10, 100, 1000):
        assert day_with(assumed, wanted, random).peak == pytest.approx(wanted, rel=0.1)


def test_meetings_follow_the_curve_of_the_day(assumed: Assumptions, random: np.random.Generator) -> None:
    found = draw_day(assumed, 20_000, random)
    by_hour = np.bincount((found.begins // 3600).astype(int), minlength=24) / 20_000
    curve = np.array(assumed["arrivals_by_hour"]) / sum(assumed["arrivals_by_hour"])
    assert np.abs(by_hour - curve).max() < 0.02
    assert found.lengths.mean() == pytest.approx(45 * 60, rel=0.03)
    assert found.sources.mean() == pytest.approx(mean_sources(assumed), rel=0.02)
    assert (np.diff(found.begins) >= 0).all()


def test_most_meetings_begin_at_a_full_or_half_hour(assumed: Assumptions, random: np.random.Generator) -> None:
    found = draw_day(assumed, 10_000, random)
    assert np.mean(found.begins % 1800 < 300) > 0.7


def test_the_same_chance_gives_the_same_day(assumed: Assumptions) -> None:
    one, other = (day_with(assumed, 50, np.random.default_rng(3)) for _ in range(2))
    assert (one.begins == other.begins).all()
    assert (one.lengths == other.lengths).all()
