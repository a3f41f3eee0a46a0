"""Made-up meetings, their index and searches in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import search


@pytest.mark.slow
def test_each_kind_of_query_is_timed_and_finds_what_it_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LINES", 100)
    out = tmp_path / "search.json"
    assert search.main(["--meetings", "3", "--times", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert all(0 < row["p50"] <= row["p95"] for row in rows.values())
    for name in ("the most common word", "the most common word, one day", "the start of a word"):
        assert rows[name]["hits"] == 20
    assert rows["the most common word, somebody of one meeting"]["hits"] in range(1, 21)
    assert found["index"]["index_mb"] > 0
    assert "| a phrase |" in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_said_comes_from_the_seed_alone() -> None:
    assert search.vocabulary(3) == search.vocabulary(3) != search.vocabulary(4)


@pytest.mark.parametrize("arguments", [["--meetings", "1"], ["--times", "0"]])
def test_too_little_to_measure_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        search.main(arguments)
