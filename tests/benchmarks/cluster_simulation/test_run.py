"""Every number of meetings with every set of models."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.sizing import Demand, plan
from benchmarks.cluster_simulation.run import Found, Options, generator, rebuilding, run, sizes


def found(assumed: Assumptions, *meetings: int, models: tuple[str, ...] = ("embedded",), seed: int = 1) -> list[Found]:
    options = Options(meetings, models, seconds=20.0, whole=40, seed=seed)
    return list(run(assumed, options, sizes(assumed, options)))


def test_each_number_of_meetings_is_simulated_with_each_set_of_models(assumed: Assumptions) -> None:
    pairs = [(one.meetings, one.models.name) for one in found(assumed, 5, 10, models=("embedded", "base-h200"))]
    assert pairs == [(5, "embedded"), (5, "base-h200"), (10, "embedded"), (10, "base-h200")]


@pytest.mark.slow
def test_a_seed_gives_the_same_whatever_else_is_simulated(assumed: Assumptions) -> None:
    (alone,) = found(assumed, 10)
    beside = found(assumed, 5, 10, models=("base-h200", "embedded"))[-1]
    assert alone.peak == beside.peak
    assert (alone.takeover.live_after == beside.takeover.live_after).all()
    assert found(assumed, 10, seed=2)[0].peak != alone.peak


def test_of_many_sources_a_part_is_simulated(assumed: Assumptions) -> None:
    small, large = found(assumed, 10, 100)
    assert (small.peak.part, large.peak.part) == (1, 4)


@pytest.mark.slow
def test_the_meetings_of_the_node_that_dies_are_rebuilt(assumed: Assumptions) -> None:
    (one,) = found(assumed, 30)
    assert 0 < one.died <= 30
    assert len(one.takeover.live_after) == one.died
    assert np.isfinite(one.takeover.live_after).all()


@pytest.mark.slow
def test_the_same_meetings_are_lost_whatever_the_models(assumed: Assumptions) -> None:
    one, other = found(assumed, 20, models=("embedded", "base-h200"))
    assert one.takeover.heard_again == other.takeover.heard_again
    assert (one.takeover.taken_after == other.takeover.taken_after).all()


def test_what_servers_and_models_have_left_is_what_is_not_live(assumed: Assumptions) -> None:
    wanted = Demand(0.3, 1.3, 1.8, 4.7, 2.3)
    models = assumed.models["embedded"]
    planned = plan(assumed, models, wanted, 100)
    slow = rebuilding(assumed.given(["server_cpu=0.2"]), models, planned, wanted)
    quick = rebuilding(assumed, models, planned, wanted)
    assert 0 <= slow.spare < quick.spare
    assert quick.servers == planned.servers - planned.servers_on_a_node


def test_chance_differs_by_purpose() -> None:
    assert generator(1, "day", 5).random() == generator(1, "day", 5).random()
    assert len({generator(1, *names).random() for names in (("day", 5), ("day", 6), ("peak", 5))}) == 3
