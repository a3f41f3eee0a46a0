"""The search for settings: it finds what is better, says when that is chance, and prints what to paste."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from meeting.cli import EXIT_ERROR, main
from meeting.config.settings import Config
from meeting.config.sources import load_config
from meeting.evaluation.tune import (
    NAMES,
    ErrorCache,
    Errors,
    Point,
    TuningResult,
    candidates,
    coordinate_descent,
    describe,
    options_at,
    point_of,
    search,
    search_half,
    tune,
)
from pipelines.diarization.clustering import PRESETS
from pipelines.diarization.tracker import SpeakerOptions
from tests.meeting.config.test_settings import defaults
from tests.meeting.evaluation.test_evaluate import write_references
from tests.meeting.evaluation.test_window_results import FakeEngine, talk
from tests.meeting.recordings.test_replay import recording

START = SpeakerOptions(PRESETS["ge2e"])


class FakeErrors(ErrorCache):
    """Errors that grow with the distance from each recording's own best value of `match_threshold`."""

    def __init__(self, *best: float) -> None:
        super().__init__([replace(talk(8), name=f"r{at}") for at in range(len(best))], START)
        self._best = best

    def __call__(self, which: int, point: Point) -> Errors:
        """By `match_threshold` alone."""
        away = abs(point[NAMES.index("match_threshold")] - self._best[which])
        return Errors(away, away / 2)


def known(point: Point) -> float:
    return point[NAMES.index("match_threshold")]


def test_a_point_holds_the_settings_and_gives_them_back() -> None:
    point = point_of(START)
    assert options_at(START, point) == START
    assert len(point) == len(NAMES)
    moved = options_at(START, tuple(value + 0.25 for value in point))
    assert point_of(moved) == tuple(value + 0.25 for value in point)
    assert moved.max_speakers == START.max_speakers


def test_every_setting_that_is_searched_can_be_set() -> None:
    assert set(NAMES) <= set(defaults()["speakers"])


def test_the_start_is_among_the_values_tried() -> None:
    start = point_of(START)
    values = candidates(start)
    assert [name for at, name in enumerate(NAMES) if start[at] not in values[name]] == []
    assert all(len(values[name]) > 4 for name in NAMES)


def test_the_search_moves_what_helps_and_leaves_the_rest_alone() -> None:
    errors = FakeErrors(0.36, 0.36)
    best = coordinate_descent(errors, [0, 1])
    assert known(best) == 0.36
    assert [a for a, b in zip(best, errors.start, strict=True) if a != b] == [0.36]


def test_where_nothing_is_better_nothing_is_changed() -> None:
    found = search(FakeErrors(0.3, 0.3))
    assert found.changed == {}
    assert "nothing to change" in describe(found)
    assert "speakers:" not in describe(found)


def test_what_helps_recordings_that_had_no_say_is_recommended(tmp_path: Path) -> None:
    found = search(FakeErrors(0.36, 0.36, 0.36), "GE2E")
    assert found.helps
    text = describe(found)
    assert "GE2E" in text
    fragment = text[text.index("speakers:") :]
    assert yaml.safe_load(fragment) == {"speakers": {"match_threshold": 0.36}}
    (tmp_path / "config.yaml").write_text(fragment)
    assert load_config(tmp_path / "config.yaml", {}).speakers.match_threshold == 0.36


def test_what_fits_only_the_recordings_that_chose_it_is_not() -> None:
    found = search(FakeErrors(0.12, 0.5, 0.5))
    assert found.changed == {"match_threshold": 0.45}
    assert [errors.live for errors in found.held_out] == pytest.approx([0.405, 0.2, 0.2])
    assert not found.helps
    assert "no better than before" in describe(found)


def test_one_recording_alone_proves_nothing() -> None:
    found = search(FakeErrors(0.36))
    assert found.held_out == ()
    assert "One recording alone" in describe(found)
    assert " - " not in describe(found).splitlines()[4]


def test_a_half_that_chose_nothing_judges_what_the_other_chose() -> None:
    found = search_half(FakeErrors(0.36, 0.36, 0.3, 0.5), 2)
    assert found.changed == {"match_threshold": 0.36}
    assert found.names == ("r2", "r3")
    assert [errors.live for errors in found.held_out] == pytest.approx([0.06, 0.14])
    assert [errors.live for errors in found.before] == pytest.approx([0.0, 0.2])
    assert not found.helps
    assert search_half(FakeErrors(0.36, 0.36, 0.4, 0.4), 2).helps


def judged(*gains: float) -> TuningResult:
    """A search of which recordings that had no say have so much less error."""
    before, after = tuple(Errors(0.3, 0.3) for _ in gains), tuple(Errors(0.3 - gain, 0.3 - gain) for gain in gains)
    best = tuple(value + 0.1 for value in point_of(START))
    return TuningResult("ge2e", point_of(START), best, tuple("abcdefgh"[: len(gains)]), before, after, after)


def test_a_gain_that_chance_may_have_brought_about_is_not_recommended() -> None:
    found = judged(0.05, -0.03, 0.02, -0.028)
    assert found.gain == pytest.approx((0.003, 0.0390), abs=1e-4)
    assert not found.helps
    assert "better by 0.003 ± 0.039, which may be chance" in describe(found)


def test_a_gain_that_most_recordings_have_is_recommended_with_its_uncertainty() -> None:
    found = judged(0.03, 0.01, 0.02, 0.032)
    assert found.gain == pytest.approx((0.023, 0.0101), abs=1e-4)
    assert found.helps
    assert "better than before, by 0.023 ± 0.010" in describe(found)


def test_one_recording_that_had_no_say_proves_nothing_of_others() -> None:
    assert not judged(0.1).helps


def test_errors_are_worked_out_once() -> None:
    calls: list[int] = []

    def counted(heard: Any, options: Any) -> Errors:
        calls.append(1)
        return Errors(0.5, 0.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meeting.evaluation.tune.diarization_errors", counted)
        errors = ErrorCache([talk(8)], START)
        assert errors.mean([0], errors.start) == errors.mean([0], errors.start) == 0.5
    assert calls == [1]


class FakeModels(FakeEngine):
    """An engine with thresholds, that can be closed."""

    thresholds = PRESETS["ge2e"]
    closed = False

    def __init__(self) -> None:
        self.models = {"embedding": "a fake"}

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def test_recordings_need_only_turns_and_the_models_are_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording(tmp_path, 2.0)
    write_references(tmp_path, "talk", [(0, 2, "Ann", "")])
    (tmp_path / "talk.seglst.json").unlink()
    monkeypatch.setattr("meeting.evaluation.tune.diarization_errors", lambda heard, options: Errors(0.5, 0.25))
    engine: Any = FakeModels()
    told: list[str] = []
    speakers = replace(Config().speakers, match_threshold=0.25)
    found = tune(replace(Config(), speakers=speakers), [tmp_path], lambda config: engine, told.append)
    assert (found.embedding, found.before, known(found.start)) == ("a fake", (Errors(0.5, 0.25),), 0.25)
    assert engine.closed
    assert told[0] == "talk: listening, 1 of 1"


def test_recordings_that_judge_choose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("choose", "judge"):
        (tmp_path / name).mkdir()
        recording(tmp_path / name, 2.0)
        write_references(tmp_path / name, "talk", [(0, 2, "Ann", "")])
    monkeypatch.setattr("meeting.evaluation.tune.diarization_errors", lambda heard, options: Errors(0.5, 0.25))
    told: list[str] = []
    engine: Any = FakeModels()
    found = tune(Config(), [tmp_path / "choose"], lambda config: engine, told.append, [tmp_path / "judge"])
    assert told == ["talk: listening, 1 of 2", "talk: listening, 2 of 2", "searching on 1 recordings"]
    assert found.held_out == (Errors(0.5, 0.25),)


def test_without_recordings_the_rooms_are_made_one_half_chooses_and_the_other_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def fake(config: Config, folders: list[Path], report: Any, judged: list[Path]) -> Any:
        seen.append((folders, judged))
        return search(FakeErrors(0.3))

    def rooms(folder: Path, report: Any) -> tuple[list[Path], list[Path]]:
        seen.append(folder)
        return [folder / "choose" / "far"], [folder / "report" / "far"]

    monkeypatch.setattr("meeting.evaluation.tune.tune", fake)
    monkeypatch.setattr("meeting.evaluation.made_rooms.made_rooms", rooms)
    assert main(["tune", "--data-dir", str(tmp_path)]) == 0
    made = tmp_path / "rooms"
    assert seen == [made, ([made / "choose" / "far"], [made / "report" / "far"])]


def test_the_embedding_model_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def fake(config: Config, folders: list[Path], report: Any, judged: list[Path]) -> Any:
        seen.append(config.models.embedding)
        return search(FakeErrors(0.3))

    monkeypatch.setattr("meeting.evaluation.tune.tune", fake)
    assert main(["tune", str(tmp_path), "--embedding", "pyannote/embedding"]) == 0
    assert seen == ["pyannote/embedding"]


def test_a_folder_without_references_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(tmp_path)]) == EXIT_ERROR
    assert "NAME.rttm" in capsys.readouterr().err
