"""The command line of the rooms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rooms import command, turn_taking


def test_statistics_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["statistics"]) == 0
    text = capsys.readouterr().out
    assert all(kind in text for kind in turn_taking.KINDS)


def test_statistics_of_a_folder_are_written_and_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["SPEAKER x 1 0 2 <NA> <NA> a <NA> <NA>", "SPEAKER x 1 2.5 1 <NA> <NA> b <NA> <NA>"]
    (tmp_path / "x.rttm").write_text("\n".join(lines), encoding="utf-8")
    kept = tmp_path / "kept.json"
    assert command.main(["statistics", f"{tmp_path}:30", "--write", str(kept), "--source", "made up"]) == 0
    assert turn_taking.load(kept).transitions["switch"].percentiles[0] == 0.5
    assert json.loads(kept.read_text(encoding="utf-8"))["source"] == "made up"
    assert command.main(["statistics", f"{tmp_path}:often"]) == 2
    assert "SECONDS" in capsys.readouterr().err


def test_make_says_what_it_made(voices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--voices", str(voices), "--talks", "1", "--seconds", "5", "--conditions", "headset", "--seed", "2"]
    assert command.main(["make", str(tmp_path), *flags]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in out] == ["choose: 1 recordings", "report: 1 recordings"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--voices", "here"], "here holds no recording with references"),
        (["--voices", "nowhere"], "there is no folder nowhere"),
        (["--rooms", "nowhere"], "there is no folder nowhere"),
        (["--rooms", "here"], "here holds no impulse responses"),
        (["--both"], "only the half to report has two voices"),
    ],
)
def test_mistakes_end_with_a_sentence_before_anything_is_written(
    flags: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "SHARED", tmp_path / "not there")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert command.main(["make", "set", *flags]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
    assert not (tmp_path / "set").exists()


def test_voices_of_both_halves_are_enough_for_both(voices: Path, tmp_path: Path) -> None:
    flags = ["--voices", str(voices), "--talks", "1", "--seconds", "5", "--conditions", "headset", "--both"]
    assert command.main(["make", str(tmp_path), *flags]) == 0
