"""The command line of several microphones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.microphones import command, hearing, listening, making, tables
from benchmarks.microphones.hearing import Heard
from benchmarks.microphones.joined import Shown
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scenes import Microphone, Scene
from benchmarks.microphones.scoring import Figures

ONE = Microphone("mic1", "room", "table", 0.0, 0.0, 0.1, 0.0, 0.2, 1)


def make(voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    quiet = Scene((ONE,), (np.zeros(100),), {})
    monkeypatch.setattr(making, "SCENES", {"room": lambda talk, random: quiet})
    flags = ["--voices", str(voices), "--talks", "1", "--seconds", "5", "--scenes", "room"]
    assert command.main(["make", str(tmp_path / "set"), *flags]) == 0
    return tmp_path / "set"


@pytest.fixture
def made(voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(voices, tmp_path, monkeypatch)


def test_make_says_what_it_made(
    voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(voices, tmp_path, monkeypatch)
    out = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in out] == ["choose: 1 meetings", "report: 1 meetings"]
    assert out[0].endswith(" 1 microphones")


class Clock:
    def close(self) -> None:
        pass


def test_what_was_heard_once_is_not_heard_again(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def hear(meeting: Meeting, clock: object) -> list[Heard]:
        heard.append(meeting.name)
        return [Heard(ONE, 100, ())]

    monkeypatch.setattr(hearing, "hear", hear)
    monkeypatch.setattr(command, "AudioClock", Clock)
    flags = [str(made), "--outputs", str(tmp_path / "outputs")]
    assert command.main(["hear", *flags]) == 0
    assert heard == ["room_choose_0"]
    assert command.main(["hear", *flags, "--half", "both"]) == 0
    assert heard == ["room_choose_0", "room_report_0"]


def test_scores_are_printed_and_kept(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def results(meeting: Meeting, heard: list[Heard]) -> list[tables.Result]:
        return [tables.Result(meeting, "room, 2", {"mic1": Figures()}, None, Figures(), Shown((), (), {}))]

    monkeypatch.setattr(command, "require_extra", lambda: None)
    monkeypatch.setattr(tables, "results", results)
    outputs, kept = tmp_path / "outputs", tmp_path / "figures.json"
    for meeting in making.meetings(made):
        hearing.keep(outputs, meeting, [Heard(ONE, 100, ())])
    flags = [str(made), "--outputs", str(outputs)]
    assert command.main(["score", *flags, "--json", str(kept), "--each", "--lines"]) == 0
    text = capsys.readouterr().out
    assert "| room, 2 | 1 |" in text
    assert "room_choose_0, room, 2" in text
    assert "=====" in text
    assert json.loads(kept.read_text(encoding="utf-8"))["results"][0]["meeting"] == "room_choose_0"


def test_what_is_played_is_heard_meeting_by_meeting(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, Path | None]] = []

    def listen(meeting: Meeting, heard: list[Heard], clock: object, keep: Path | None) -> listening.Played:
        asked.append((meeting.name, keep))
        return listening.Played("room", Figures(), Figures())

    monkeypatch.setattr(command, "require_extra", lambda: None)
    monkeypatch.setattr(command, "AudioClock", Clock)
    monkeypatch.setattr(listening, "listen", listen)
    for meeting in making.meetings(made):
        hearing.keep(tmp_path, meeting, [Heard(ONE, 100, ())])
    assert command.main(["listen", str(made), "--outputs", str(tmp_path), "--wav", str(tmp_path / "wav")]) == 0
    assert asked == [("room_choose_0", tmp_path / "wav")]
    assert "| room | 1 |" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hear", "score", "listen"])
def test_mistakes_end_with_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "require_extra", lambda: None)
    assert command.main([name, str(tmp_path), "--outputs", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_outputs_that_are_not_there_are_asked_for(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "require_extra", lambda: None)
    assert command.main(["score", str(made), "--outputs", str(tmp_path / "none")]) == 2
    assert "hear" in capsys.readouterr().err
