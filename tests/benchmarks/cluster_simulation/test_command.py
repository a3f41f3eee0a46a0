"""The command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cluster_simulation.command import main

SMALL = ["--meetings", "4", "--models", "embedded", "--seconds", "15"]


@pytest.mark.slow
def test_tables_json_and_a_page_come_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--json", str(tmp_path / "a.json"), "--page", str(tmp_path / "a.html"), "--plot", str(tmp_path / "a.svg")]
    assert main([*SMALL, *files]) == 0
    printed = capsys.readouterr().out
    assert "## Models, with a node to spare" in printed
    assert "Assumed, not measured: " in printed
    kept = json.loads((tmp_path / "a.json").read_text())
    assert kept["plans"][0]["meetings"] == 4
    assert set(kept["tables"]) >= {"days", "servers", "models", "lateness", "traffic", "deaths", "beside", "sampled"}
    assert "<svg" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "a.svg").read_text().startswith("<svg")


@pytest.mark.slow
def test_a_seed_prints_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        assert main([*SMALL, "--seed", "5"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    "wrong",
    [["--models", "nothing"], ["--assume", "nothing=1"], ["--assumptions", "nothing.yaml"]],
    ids=lambda one: one[0],
)
def test_what_there_is_not_is_said_in_a_sentence(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 2
    assert capsys.readouterr().err.startswith("error: ")
