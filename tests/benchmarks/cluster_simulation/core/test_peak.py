"""The busiest minutes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.peak import Peak, percentiles, simulate
from benchmarks.cluster_simulation.core.sizing import demand, plan


def peak(assumed: Assumptions, name: str, meetings: int = 30, **options: float) -> Peak:
    wanted = demand(assumed, np.random.default_rng(1))
    planned = plan(assumed, assumed.models[name], wanted, meetings)
    random = np.random.default_rng(2)
    return simulate(assumed, assumed.models[name], planned, 30.0, random, **options)  # type: ignore[arg-type]


def test_finals_come_after_the_silence_that_ends_them_and_in_time(assumed: Assumptions) -> None:
    found = peak(assumed, "embedded")
    assert min(found.samples) > 0.1
    assert found.finals[0] is not None
    assert found.finals[1] is not None
    assert 0.3 < found.finals[0] < found.finals[1] < 1.0
    assert 0.0 < found.speech_busy < 0.7


@pytest.mark.slow
def test_a_part_of_sources_and_replicas_is_as_late_as_all(assumed: Assumptions) -> None:
    whole, part = peak(assumed, "base-h200", 100), peak(assumed, "base-h200", 100, part=2)
    assert len(part.samples) == pytest.approx(len(whole.samples) / 2, rel=0.2)
    assert part.finals[0] == pytest.approx(whole.finals[0], rel=0.1)


def test_a_node_that_dies_is_told_of_and_its_calls_are_asked_again(assumed: Assumptions) -> None:
    busy = assumed.given(["replica_load=0.99"])
    quiet, died = peak(busy, "turbo-h200", 60), peak(busy, "turbo-h200", 60, death_at=13.0)
    assert (quiet.asked_again, quiet.finals_then) == (0, (None, None))
    assert died.asked_again > 0
    assert died.finals_then[1] is not None
    assert died.finals_then[1] > 3.0  # as long as it takes to notice
    assert len(died.samples) == len(quiet.samples)


def test_the_same_chance_gives_the_same_peak(assumed: Assumptions) -> None:
    assert peak(assumed, "embedded") == peak(assumed, "embedded")


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentiles([]) == (None, None)
    assert percentiles([1.0, 3.0], (100,)) == (3.0,)
