"""Servers, replicas, nodes and what passes between them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.sizing import Demand, Replicas, demand, plan, server_busy, traffic

SIMPLE = Demand(finals=0.5, partials=0.5, windows=2.0, read=3.0, final_read=2.0)


def test_the_demand_of_many_sources_is_counted_by_kind(assumed: Assumptions, random: np.random.Generator) -> None:
    found = demand(assumed, random)
    assert found.calls == pytest.approx(found.finals + found.partials + found.windows)
    assert found.final_read < found.read


def test_replicas_are_as_many_as_keep_below_the_load_that_is_planned_with(assumed: Assumptions) -> None:
    models = assumed.models["embedded"]
    planned = plan(assumed, models, SIMPLE, 1000)
    assert planned.sources == 1310
    needed = 1310 * 3.0 * 0.0202 / assumed["replica_load"]
    spare = planned.speech.nodes / (planned.speech.nodes - 1)
    assert planned.speech.count == np.ceil(np.ceil(needed) * spare)
    assert planned.units("card") == 0


@pytest.mark.parametrize("name", ["embedded", "turbo-h200", "base-h200", "turbo-2080ti"])
@pytest.mark.parametrize("meetings", [10, 100, 1000])
def test_when_the_fullest_node_dies_enough_replicas_are_left(assumed: Assumptions, name: str, meetings: int) -> None:
    models = assumed.models[name]
    planned = plan(assumed, models, SIMPLE, meetings)
    for replicas, load in (
        (planned.speech, planned.sources * (models.speech.each(0.0) + 3.0 * models.speech.per_second)),
        (planned.windows, planned.sources * 2.0 * models.windows.each(0.0)),
    ):
        assert replicas.count - replicas.on_a_node >= load
        assert replicas.nodes >= 2


def test_nodes_hold_no_more_than_they_have_room_for(assumed: Assumptions) -> None:
    for name, unit, room in (("embedded", "core", "node_cores"), ("turbo-h200", "card", "node_cards")):
        planned = plan(assumed, assumed.models[name], SIMPLE, 1000)
        assert planned.units(unit) <= planned.nodes_with(unit) * assumed[room] + 2
        assert planned.units(unit) > (planned.nodes_with(unit) - 2) * assumed[room]


def test_models_on_cards_and_on_cores_have_nodes_of_their_own(assumed: Assumptions) -> None:
    planned = plan(assumed, assumed.models["turbo-2080ti"], SIMPLE, 100)
    assert planned.speech.unit == "card"
    assert planned.windows == Replicas(planned.units("core"), "core", planned.nodes_with("core"))


def test_a_server_takes_what_one_python_process_can_do(assumed: Assumptions) -> None:
    planned = plan(assumed, assumed.models["embedded"], SIMPLE, 100)
    sources = planned.meetings_per_server * 1.31
    assert sources * server_busy(assumed, SIMPLE) <= assumed["planned_load"]
    assert (sources + 1.31) * server_busy(assumed, SIMPLE) > assumed["planned_load"]
    assert planned.servers >= 2


def test_what_passes_is_by_sources_but_text_and_rows_by_meetings(assumed: Assumptions) -> None:
    planned = plan(assumed, assumed.models["embedded"], SIMPLE, 100)
    found = traffic(assumed, SIMPLE, planned, ages=1000.0)
    assert found.audio == planned.sources * 96_600
    assert found.text == 100 * 4 * assumed["text_bytes"]
    assert found.model_calls == planned.sources * (3.0 * 32_000 + 2.0 * 160_000)
    assert found.calls == planned.sources * 3.0
    assert found.rows_per_hour == 100 * 575_000
    assert found.journals == pytest.approx(1000 * 1.31 * 96_120)
