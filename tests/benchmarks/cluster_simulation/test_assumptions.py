"""Figures that say where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.cluster_simulation.assumptions import COMMITTED, Assumptions, Cost, load
from meeting.config.settings import SECTIONS
from pipelines.audio.endpointing import EndpointerOptions
from pipelines.engine import capacity, engine
from pipelines.errors import SettingsError
from tests.conftest import ROOT


def test_every_figure_says_its_unit_and_where_it_comes_from(assumed: Assumptions) -> None:
    assert len(assumed) > 30
    assert all(one.unit and one.source for one in assumed.figures)
    assert {one.kind for one in assumed.figures} == {"measured", "program", "assumed"}
    assert {one.speech_kind for one in assumed.models.values()} == {"measured", "public"}


def test_constants_of_the_program_are_those_of_the_program(assumed: Assumptions) -> None:
    settings, options = SECTIONS["speech"](), EndpointerOptions()
    assert assumed["partial_interval"] == settings.partial_interval
    assert assumed["longest_utterance"] == settings.max_utterance
    assert assumed["final_context"] == options.max_context
    assert assumed["server_cpu"] == capacity.OTHER_CPU
    assert assumed["planned_load"] == capacity.PLANNED_LOAD
    assert assumed["batch_wait"] == engine.MAX_BATCH_WAIT
    assert assumed.models["turbo-h200"].windows.max_batch == engine.MAX_WINDOW_BATCH


def test_what_is_said_to_be_measured_stands_in_the_tables(assumed: Assumptions) -> None:
    tables = [line for line in (ROOT / "docs/benchmarks.md").read_text().splitlines() if line.startswith("|")]
    for row in assumed.load["rows"]:
        shown = [f" {row[name]:.3f} " for name in ("final_p50", "final_p95")]
        assert any(all(value in line for value in shown) for line in tables), row
        assert any(
            f"| {row['meetings']} | {row['cpu_per_second']:.3f} | {row['cores']:.3f} |" in line for line in tables
        )
    for size, seconds in assumed.models["turbo-h200"].speech.batches:
        cell = f"{1000 * seconds:.3g}".removesuffix(".0")
        assert any(f"| float16 | {size} |" in line and f" {cell} " in line for line in tables), (size, cell)


def test_another_figure_can_be_tried_and_is_said_to_be_assumed(assumed: Assumptions) -> None:
    changed = assumed.given(["readers=40", "sources_shares=[1, 0, 0, 0]"])
    assert (changed["readers"], changed["sources_shares"]) == (40, [1, 0, 0, 0])
    assert {one.name: one.kind for one in changed.figures}["readers"] == "assumed"
    assert assumed["readers"] == 4


@pytest.mark.parametrize("given", ["raeders=4", "readers=many", "readers", "sources_shares=[1]", "readers=true"])
def test_what_is_no_figure_is_refused(assumed: Assumptions, given: str) -> None:
    with pytest.raises(SettingsError):
        assumed.given([given])


@pytest.mark.parametrize(("key", "value"), [("kind", "known"), ("source", " "), ("unit", None)])
def test_a_file_whose_figures_do_not_say_where_they_come_from_is_refused(tmp_path: Path, key: str, value: str) -> None:
    found = yaml.safe_load(COMMITTED.read_text())
    if value is None:
        del found["figures"]["readers"][key]
    else:
        found["figures"]["readers"][key] = value
    (tmp_path / "figures.yaml").write_text(yaml.safe_dump(found))
    with pytest.raises(SettingsError, match="cannot be read as assumptions"):
        load(tmp_path / "figures.yaml")


def test_a_batch_costs_what_lies_between_those_that_were_measured() -> None:
    cost = Cost(((1, 0.07), (4, 0.16)), per_second=0.01)
    assert cost.seconds(1, 0.0) == pytest.approx(0.07)
    assert cost.seconds(2, 3.0) == pytest.approx(0.10 + 0.03)
    assert cost.each(2.0) == pytest.approx(0.04 + 0.02)
