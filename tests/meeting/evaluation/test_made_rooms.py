"""Rooms for `tune`: made once by the benchmarks of a checkout, and a sentence where that cannot be."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rooms import command
from benchmarks.rooms.making import MANIFEST
from benchmarks.rooms.voices import HALVES as HALVES_OF_A_SET
from meeting.evaluation import made_rooms as module
from meeting.evaluation.made_rooms import HALVES, made_rooms
from pipelines.errors import MeetingError


class FakeMaking:
    """Makes an empty set in the place of `benchmarks.rooms`, or fails."""

    def __init__(self, stderr: str = "") -> None:
        self.stderr = stderr
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **kept: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.stderr:
            return subprocess.CompletedProcess(command, 2, "", self.stderr)
        folder = Path(command[command.index("make") + 1])
        for half in HALVES:
            for condition in ("near", "far"):
                (folder / half / condition).mkdir(parents=True)
        (folder / MANIFEST).write_text("")
        return subprocess.CompletedProcess(command, 0, "", "")


def test_they_are_made_once_and_given_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    making = FakeMaking()
    monkeypatch.setattr(module.subprocess, "run", making)
    told: list[str] = []
    folder = tmp_path / "rooms"
    first = made_rooms(folder, told.append)
    assert first == tuple([folder / half / "far", folder / half / "near"] for half in HALVES)
    assert made_rooms(folder, told.append) == first
    assert len(making.commands) == len(told) == 1
    assert str(folder) in told[0]


def test_why_they_cannot_be_made_is_told_and_nothing_passes_for_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.subprocess, "run", FakeMaking("  composing\nerror: to simulate rooms, install them"))
    for _ in range(2):
        with pytest.raises(MeetingError, match="no rooms could be made: to simulate rooms, install them"):
            made_rooms(tmp_path / "rooms")


def test_rooms_of_voices_that_are_all_in_one_half_are_not_begun_and_it_is_told_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SHARED", tmp_path / "nowhere")  # as with whoever has the repository only

    def run(line: list[str], **kept: Any) -> subprocess.CompletedProcess[str]:
        error = io.StringIO()
        with redirect_stderr(error):
            status = command.main(line[line.index("make") :])
        return subprocess.CompletedProcess(line, status, "", error.getvalue())

    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.raises(MeetingError) as told:
        made_rooms(tmp_path / "rooms")
    assert "only the half to report has two voices" in str(told.value)
    assert "Give tune folders with recordings" in str(told.value)
    assert not (tmp_path / "rooms").exists()


def test_a_set_of_one_half_is_told(tmp_path: Path) -> None:
    (tmp_path / "report" / "near").mkdir(parents=True)
    (tmp_path / MANIFEST).write_text("")
    with pytest.raises(MeetingError, match="has no half to choose"):
        made_rooms(tmp_path)


def test_a_program_from_a_wheel_needs_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECKOUT", None)
    with pytest.raises(MeetingError, match="needs folders with recordings"):
        made_rooms(tmp_path / "rooms")


def test_a_set_is_laid_out_as_it_is_read_here() -> None:
    assert HALVES == HALVES_OF_A_SET
    assert MANIFEST == "manifest.jsonl"
