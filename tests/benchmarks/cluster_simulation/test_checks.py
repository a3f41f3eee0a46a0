"""Whether the simulation can be believed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.checks import CHECKED_PART, beside_measured, cpu_per_second, whole_and_sample
from benchmarks.cluster_simulation.core.sizing import demand, plan


@pytest.mark.slow
def test_one_server_is_simulated_about_as_it_was_measured(assumed: Assumptions, random: np.random.Generator) -> None:
    one, eight, _ = beside_measured(assumed, demand(assumed, random), random)
    for row in (one, eight):
        for name, near in (("final_p50", 0.25), ("cpu_per_second", 0.15), ("cores", 0.25)):
            assert row.predicted[name] == pytest.approx(row.measured[name], rel=near), (row.meetings, name)


def test_what_costs_more_is_predicted_to_cost_more(assumed: Assumptions, random: np.random.Generator) -> None:
    wanted = demand(assumed, random)
    models = assumed.models["embedded"]
    dearer = assumed.given(["unhurried_cpu=0.127"])
    assert cpu_per_second(dearer, models, wanted) == pytest.approx(cpu_per_second(assumed, models, wanted) + 0.1)


def test_the_whole_and_a_sample_of_it_are_of_the_same_plan(assumed: Assumptions, random: np.random.Generator) -> None:
    planned = plan(assumed, assumed.models["base-h200"], demand(assumed, random), 40)
    whole, sample = whole_and_sample(assumed, assumed.models["base-h200"], planned, 20.0, random)
    assert (whole.part, sample.part) == (1, CHECKED_PART)
    assert len(sample.samples) < len(whole.samples)
