"""Tables that say what they rest on."""

from __future__ import annotations

import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.checks import Beside
from benchmarks.cluster_simulation.run import Options, run, sizes
from benchmarks.cluster_simulation.tables import Table, assumptions_table, is_measured, models_table, tables


@pytest.fixture(scope="module")
def made(assumed: Assumptions) -> dict[str, Table]:
    options = Options((5, 20), ("embedded", "turbo-2080ti"), 20.0, 100, 1)
    days = sizes(assumed, options)
    found = list(run(assumed, options, days))
    figures = dict.fromkeys(("final_p50", "final_p95", "cpu_per_second", "cores"), 0.5)
    beside = [Beside(1, figures, dict.fromkeys(figures, 0.4))]
    sampled = [("embedded", found[0].peak, found[0].peak)]
    return {one.name: one for one in tables(assumed, days, found, beside, sampled, [(0.5, "embedded", found[0].plan)])}


@pytest.mark.slow
def test_every_table_has_a_cell_for_each_column(made: dict[str, Table], assumed: Assumptions) -> None:
    others = [assumptions_table(assumed), models_table(assumed, ["embedded"])]
    for table in (*made.values(), *others):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.name


def test_every_table_names_the_assumptions_that_it_rests_on(made: dict[str, Table], assumed: Assumptions) -> None:
    for table in made.values():
        assert set(table.rests_on.split()) <= set(assumed)
        (first, *_) = table.notes(assumed)
        assert first.startswith("Assumed, not measured: ")


def test_rows_of_models_that_others_measured_are_marked(made: dict[str, Table], assumed: Assumptions) -> None:
    assert not is_measured(assumed, "turbo-2080ti")
    names = {str(row[1]) for row in made["lateness"].rows}
    assert names == {"embedded", "turbo-2080ti †"}
    assert any("public" in note for note in made["lateness"].notes(assumed, ["embedded", "turbo-2080ti"]))
    assert not any("public" in note for note in made["servers"].notes(assumed, ["embedded", "turbo-2080ti"]))


def test_a_figure_of_the_command_line_is_told_as_assumed(made: dict[str, Table], assumed: Assumptions) -> None:
    rows = {row[0]: row for row in assumptions_table(assumed.given(["readers=9"])).rows}
    assert rows["readers"][1:] == ["9", "readers of a meeting", "assumed", "given on the command line"]
    assert len(rows) == len(assumed)


def test_servers_placed_by_a_hash_are_more_than_those_placed_where_there_is_room(made: dict[str, Table]) -> None:
    assert all(row[3] >= row[5] for row in made["servers"].rows)
