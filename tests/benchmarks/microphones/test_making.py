"""Sets of meetings: the same bytes from the same seed, references in the time of the first microphone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.microphones import making
from benchmarks.microphones.making import Wanted, make, meetings
from benchmarks.microphones.scenes import QUIET, Microphone, Scene
from benchmarks.rooms.composing import Placed
from benchmarks.rooms.voices import half
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def plain(talk: Sequence[Placed], random: np.random.Generator) -> Scene:
    """Two microphones, and nothing but the number of clips in what they record."""
    sounds = (np.full(1000, len(talk) / 100), random.uniform(-0.1, 0.1, 1000))
    both = (
        Microphone("mic1", "room", "a", 0.0, 0.0, 0.1, 0.01, 0.2, 1),
        Microphone("mic2", "room", "b", 1, 0, 0, 0, 0, 2),
    )
    return Scene(both, sounds, {"noise": "some"})


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "SCENES", {"plain": plain, "other": plain})


def wanted(voices: Path, out: Path, **more: Any) -> Wanted:
    return replace(Wanted(out, (voices,), talks=1, seconds=8.0, scenes=("plain", "other")), **more)


@pytest.fixture
def made(voices: Path, tmp_path: Path) -> Path:
    make(wanted(voices, tmp_path / "set"))
    return tmp_path / "set"


def test_the_same_command_gives_the_same_bytes(made: Path, voices: Path, tmp_path: Path) -> None:
    make(wanted(voices, tmp_path / "again"))
    assert contents(tmp_path / "again") == contents(made)
    make(wanted(voices, tmp_path / "seeded", seed=1))
    name = "choose/plain_choose_0/mic2.flac"
    assert (tmp_path / "seeded" / name).read_bytes() != (made / name).read_bytes()


def test_fewer_scenes_and_talks_change_nothing_in_the_others(made: Path, voices: Path, tmp_path: Path) -> None:
    make(wanted(voices, tmp_path / "fewer", scenes=("other",)))
    name = "report/other_report_0"
    assert contents(tmp_path / "fewer" / name) == contents(made / name)


def test_meetings_are_chosen_by_half_and_scene(made: Path) -> None:
    assert [one.name for one in meetings(made, "report")] == ["plain_report_0", "other_report_0"]
    (one,) = meetings(made, "choose", ["other"])
    assert all(one.audio(microphone).is_file() for microphone in one.microphones)
    with pytest.raises(MeetingError, match="no such meetings"):
        meetings(made, "choose", ["room"])
    with pytest.raises(MeetingError, match="is no set"):
        meetings(made / "choose")


def test_references_are_in_the_time_of_the_first_microphone(made: Path) -> None:
    (one,) = meetings(made, "choose", ["other"])
    reference = one.reference()
    assert {half(turn.speaker) for turn in reference.turns} == {"choose"}
    assert {row["speaker"] for row in reference.said} == {turn.speaker for turn in reference.turns}
    assert min(row["start_time"] for row in reference.said) == pytest.approx(QUIET, abs=0.001)
    fast = replace(one, microphones=(replace(one.microphones[0], ppm=500_000.0),))
    assert fast.reference().turns[-1].span.start == pytest.approx(1.5 * reference.turns[-1].span.start, rel=1e-4)
    assert fast.reference().said[0]["end_time"] == pytest.approx(1.5 * reference.said[0]["end_time"], rel=1e-4)
    assert reference.turns[-1].span.end < (one.seconds + 0.1) * SAMPLE_RATE


def test_what_cannot_be_made_is_said(voices: Path, tmp_path: Path) -> None:
    with pytest.raises(MeetingError, match="cellar"):
        make(wanted(voices, tmp_path, scenes=("cellar",)))
    (tmp_path / "voices.jsonl").write_text('{"file": "a.flac", "speaker": "a", "text": null}\n', encoding="utf-8")
    with pytest.raises(MeetingError, match="two voices"):
        make(wanted(tmp_path, tmp_path))
