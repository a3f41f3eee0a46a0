"""Starts of a real server with fake models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import startup


@pytest.mark.slow
def test_every_start_is_timed_to_the_first_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "startup.json"
    assert startup.main(["--models", "fake", "--times", "2", "--json", str(out)]) == 0
    first, second, median = json.loads(out.read_text())["rows"]
    for row in (first, second):
        assert 0 < row["healthz"] < row["first_ack"] < row["first_text"]
        assert row["readyz"] > row["healthz"]
        assert row["memory_after"] > 10
    assert {**median, "name": "2"} == second
    assert "| median of the last 1 |" in capsys.readouterr().out


def test_what_never_came_is_no_part_of_a_median() -> None:
    rows = [{"name": "1", "first_text": None}, {"name": "2", "first_text": 3.0}, {"name": "3", "first_text": 5.0}]
    assert startup.median(rows) == {"name": "median of the last 3", "first_text": 4.0}
    assert startup.median(rows[:1])["first_text"] is None


def test_no_start_is_not_enough() -> None:
    with pytest.raises(SystemExit):
        startup.main(["--times", "0"])
