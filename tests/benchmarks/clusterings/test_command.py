"""The command: one row for each variant and folder, the models run once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clusterings import command
from benchmarks.clusterings.command import VARIANTS, main, recordings
from meeting.evaluation.evaluate import Reference
from meeting.evaluation.window_results import WindowResults
from pipelines.types import STEP, LocalSpeakers


def silence(reference: Reference, engine: Any) -> WindowResults:
    """A recording in which the models hear nobody."""
    nobody = np.full((3, 1), np.nan, np.float32)
    windows = tuple(
        LocalSpeakers(at, (at - 9) * STEP, np.zeros((10, 3), np.uint8), nobody, np.zeros(3)) for at in range(30)
    )
    return WindowResults(reference.name, windows, reference.turns)


class Engine:
    """Models that are never asked, and can be closed."""

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A half with two folders of one recording each, and the names of those that the models were run for."""
    asked: list[str] = []

    def compute(reference: Reference, engine: Any) -> WindowResults:
        asked.append(reference.name)
        return silence(reference, engine)

    monkeypatch.setattr(command, "compute_windows", compute)
    monkeypatch.setattr(command, "open_engine", lambda config: Engine())
    for folder in ("near", "far"):
        place = tmp_path / "half" / folder
        place.mkdir(parents=True)
        (place / f"{folder}_0.rttm").write_text(f"SPEAKER {folder}_0 1 1.0 3.0 <NA> <NA> ann <NA> <NA>\n")
        (place / f"{folder}_0.flac").touch()
    return tmp_path / "half", asked


def test_a_folder_of_folders_stands_for_these(made: tuple[Path, list[str]]) -> None:
    half, _ = made
    assert [(above, folder, one.name) for above, folder, one in recordings(half)] == [
        ("half", "far", "far_0"),
        ("half", "near", "near_0"),
    ]
    assert [folder for _, folder, _ in recordings(half / "near")] == ["near"]


@pytest.mark.slow
def test_each_variant_has_a_row_and_what_is_missed_is_told(
    made: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half, _ = made
    assert main([str(half), "--json", str(tmp_path / "found.json")]) == 0
    printed = capsys.readouterr().out
    assert all(f"| {name} | 2 | " in printed for name in VARIANTS)
    rows = json.loads((tmp_path / "found.json").read_text())["tables"]["half"]
    assert [row["variant"] for row in rows] == list(VARIANTS)
    assert {(row["DER"], row["miss"], row["speakers found/true"], row["off by"]) for row in rows} == {
        (1.0, 1.0, "0/2", 2)
    }


def test_with_each_there_is_a_table_for_every_folder_inside(
    made: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    half, _ = made
    assert main([str(half), "--each", "--only", "program"]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("###")].count("### far") == 1
    assert printed.count("| the program |") == 3


def test_the_models_run_once_where_there_is_a_cache(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    half, asked = made
    for _ in range(2):
        assert main([str(half), "--cache", str(tmp_path / "cache"), "--only", "program"]) == 0
    assert asked == ["far_0", "near_0"]
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"half__far__far_0.pkl", "half__near__near_0.pkl"}


def test_a_folder_without_recordings_is_an_error_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())
