"""A server that dies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.failures import Rebuilding, Takeover, take_over

PLENTY = Rebuilding(servers=10, at_once=4, spare=1e9, fastest=11.0)


def taken(assumed: Assumptions, ages: list[float], have: Rebuilding = PLENTY) -> Takeover:
    return take_over(assumed, ages, have, np.random.default_rng(1))


def test_a_meeting_has_an_owner_again_once_the_lease_has_run_out_and_its_source_is_back(assumed: Assumptions) -> None:
    found = taken(assumed, [60.0] * 200)
    assert found.taken_after.min() >= 10 * 2 / 3
    assert found.taken_after.max() <= 10 + 2 + 0.5


def test_text_is_live_once_what_was_said_before_and_meanwhile_is_processed(assumed: Assumptions) -> None:
    found = taken(assumed, [1000.0])
    (at,), (live,) = found.taken_after, found.live_after
    assert (live - at) * 11.0 == pytest.approx(1000.0 + live)
    assert found.heard_again == 1000.0


def test_models_with_little_to_spare_are_shared_by_all_that_are_rebuilt(assumed: Assumptions) -> None:
    alone = taken(assumed, [600.0]).live_after[0]
    together = taken(assumed, [600.0] * 10, Rebuilding(10, 4, 55.0, 11.0)).live_after
    assert together.max() > 1.8 * alone


def test_each_server_processes_only_so_many_at_once(assumed: Assumptions) -> None:
    one = taken(assumed, [300.0] * 8, Rebuilding(1, 4, 1e9, 11.0)).live_after
    two = taken(assumed, [300.0] * 8, Rebuilding(2, 4, 1e9, 11.0)).live_after
    assert np.sort(one)[3] == pytest.approx(np.sort(two)[3], rel=0.3)
    assert np.sort(one)[7] > 1.7 * np.sort(two)[7]


def test_without_anything_to_spare_text_does_not_catch_up(assumed: Assumptions) -> None:
    assert np.isinf(taken(assumed, [300.0], Rebuilding(1, 4, 1.0, 11.0)).live_after[0])


def test_every_meeting_is_rebuilt_in_the_end(assumed: Assumptions, random: np.random.Generator) -> None:
    ages = list(random.exponential(1000.0, 300))
    found = taken(assumed, ages, Rebuilding(5, 4, 100.0, 11.0))
    assert np.isfinite(found.live_after).all()
    assert (found.live_after > found.taken_after).all()
