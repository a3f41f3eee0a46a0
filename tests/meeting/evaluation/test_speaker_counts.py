"""What it is worth to say how many people speak: each number is tried, and told of in a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meeting.cli import main
from meeting.config.settings import Config
from meeting.evaluation.speaker_counts import SAID, compare_counts, describe_counts, diarized, said
from pipelines.diarization.clustering import PRESETS
from pipelines.diarization.tracker import SpeakerOptions
from pipelines.types import SpeakerCount
from tests.meeting.evaluation.test_evaluate import write_references
from tests.meeting.evaluation.test_window_results import THRESHOLDS, FakeEngine, talk
from tests.meeting.recordings.test_replay import recording


class Loaded(FakeEngine):
    """The engine with what the tracker asks of it."""

    thresholds = PRESETS["ge2e"]

    def close(self) -> None:
        """Nothing is open."""


def folder(path: Path) -> Path:
    """A folder with one recording of one voice."""
    path.mkdir()
    recording(path, 4.0)
    write_references(path, "talk", [(0, 4, "Ann", "")])
    return path


def test_a_number_that_is_said_is_never_below_one() -> None:
    assert [said(3, off) for off in SAID.values()] == [None, *(SpeakerCount(n, n) for n in (3, 4, 2))]
    assert said(1, -1) == SpeakerCount(1, 1)


def test_each_number_is_tried_on_what_was_heard_once() -> None:
    found = diarized(talk(48), SpeakerOptions(THRESHOLDS))
    assert list(found) == list(SAID)
    assert [each.speakers for each in found.values()] == [2, 2, 2, 1]
    assert found["one too few"].named.rate == pytest.approx(0.5, abs=0.1)
    assert found["no number"].named.rate == found["the right one"].named.rate < 0.05


def test_there_is_a_report_for_each_folder_and_one_for_all(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name) for name in ("near", "far")]
    told: list[str] = []
    reports = compare_counts(Config(), folders, lambda config: Loaded(), told.append)  # type: ignore[arg-type, return-value]
    assert [(report.name, report.recordings) for report in reports] == [("near", 1), ("far", 1), ("all", 2)]
    assert told == ["near/talk: 1 of 2", "far/talk: 2 of 2"]
    (only,) = compare_counts(Config(), folders[:1], lambda config: Loaded())  # type: ignore[arg-type, return-value]
    assert only == reports[0]


def test_the_table_has_a_line_for_each_number(tmp_path: Path) -> None:
    (report,) = compare_counts(Config(), [folder(tmp_path / "near")], lambda config: Loaded())  # type: ignore[arg-type, return-value]
    right = replace(
        report.rows["the right one"], live=0.25, refined=0.5, confusion=0.125, named=0.75, speakers=2, right=0
    )
    rows = {**report.rows, "the right one": right}
    lines = describe_counts([replace(report, people=1, rows=rows)]).splitlines()
    assert len(lines) == 2 + len(SAID)
    assert lines[3] == "|  | the right one | 0.250 → 0.500 | 0.125 | 0.750 | 2 / 1 | 0 of 1 |"


def test_tune_tells_of_numbers_when_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded: Any = lambda config: Loaded()  # noqa: E731 - a stand-in
    monkeypatch.setattr("meeting.evaluation.speaker_counts.open_engine", loaded)
    assert main(["tune", str(folder(tmp_path / "near")), "--speakers"]) == 0
    assert "| near (1) | no number |" in capsys.readouterr().out
