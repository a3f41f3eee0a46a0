"""The table of accuracy and latency: by hand, with fake models, and with the real ones against the shared scorer."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from meeting.cli import EXIT_ERROR, main
from meeting.config.settings import Config, Models, Storage
from meeting.evaluation.evaluate import Report, Result, evaluate, mean_figures, read_rttm, references, table
from meeting.evaluation.scores import LIBRARIES, Accuracy, Flicker, Latencies, Share
from pipelines.errors import MeetingError, StoreError
from pipelines.types import SAMPLE_RATE, Span, Turn
from tests.conftest import Sample
from tests.fakes.server_fakes import FakeBackend, config
from tests.meeting.recordings.test_replay import recording

WITHOUT = next((name for name in LIBRARIES if importlib.util.find_spec(name) is None), None)
needs_extra = pytest.mark.skipif(WITHOUT is not None, reason=f"the extra eval is not installed: no {WITHOUT}")
RTTM = "SPEAKER talk 1 {start:.3f} {length:.3f} <NA> <NA> {speaker} <NA> <NA>\n"


def write_references(folder: Path, name: str, rows: list[tuple[float, float, str, str]]) -> None:
    """References of a recording: start, end, speaker and words of each turn."""
    turns = (RTTM.format(start=start, length=end - start, speaker=who) for start, end, who, _ in rows)
    (folder / f"{name}.rttm").write_text("".join(turns))
    said = [
        {"session_id": name, "speaker": who, "start_time": start, "end_time": end, "words": words}
        for start, end, who, words in rows
    ]
    (folder / f"{name}.seglst.json").write_text(json.dumps(said))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of which the fake models get one word of three wrong and half a second of sound missing."""
    made = tmp_path / "recordings"
    made.mkdir()
    recording(made, 2.5)
    write_references(made, "talk", [(at, at + 1.0, "Ann", word) for at, word in enumerate(["one", "one", "two"])])
    return made


def test_recordings_are_those_with_references(folder: Path) -> None:
    recording(folder, name="other.wav")
    (found,) = references(folder)
    second = SAMPLE_RATE
    assert found.name == "talk"
    assert found.turns == tuple(Turn(Span(at * second, (at + 1) * second), "Ann") for at in range(3))
    assert [row["words"] for row in found.said] == ["one", "one", "two"]


def test_words_are_needed_only_where_words_are_measured(folder: Path) -> None:
    (folder / "talk.seglst.json").unlink()
    assert len(references(folder, need_words=False)) == 1
    with pytest.raises(MeetingError, match=r"no recording with references: .* NAME\.rttm and NAME\.seglst\.json"):
        references(folder)


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeetingError, match="there is no folder"):
        references(tmp_path / "none")


@pytest.mark.parametrize("text", ["{", "[1]", '[{"words": "a"}]', "[[]]", '{"a": 1}'])
def test_a_damaged_seglst_is_named(folder: Path, text: str) -> None:
    (folder / "talk.seglst.json").write_text(text)
    with pytest.raises(MeetingError, match=r"talk\.seglst\.json is no SegLST"):
        references(folder)


@pytest.mark.parametrize("line", ["SPEAKER a 1 x 1.0 b c Ann", "SPEAKER a 1 0.0", "SPEAKER a 1 1 inf b c d"])
def test_a_damaged_rttm_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.rttm"
    path.write_text(f";; comment\n\n{line}\n")
    with pytest.raises(MeetingError, match=r"line 3 of .*a\.rttm"):
        read_rttm(path)


def test_means_count_every_recording_alike() -> None:
    figures: list[Any] = [{"a": 1, "b": {"c": None}, "d": 0.0}, {"a": 2, "b": {"c": None}, "d": None}]
    assert mean_figures(figures) == {"a": 1.5, "b": {"c": None}, "d": 0.0}


def result(errors: int, words: int, wait: float) -> Result:
    found = Accuracy(Share(errors, words), Share(errors, words), Share(0, 10), Share(1, 10), Share(2, 10), 2, 3)
    latencies = Latencies([wait] * 2, [wait], [wait])
    return Result({"live": found, "refined": found}, latencies, Flicker(Share(0, 5), Share(1, 2)), 10.0, 2.0)


def test_recordings_are_pooled_by_their_words_and_averaged_by_their_rates() -> None:
    body = Report(1.0, {}, {"a": result(1, 10, 0.5), "b": result(0, 90, 1.5)}).as_dict()
    assert body["pooled"]["live"]["WER"] == 0.01
    assert body["macro"]["live"]["WER"] == 0.05
    assert body["pooled"]["refined"]["DER"] == pytest.approx(0.3)
    assert body["pooled"]["latency"]["first_p50"] == 1.0
    assert body["recordings"]["a"]["rtf"] == 0.2
    assert body["pooled"]["flicker"] == {"stable": 0.0, "partial": 0.5}


def test_the_table_has_a_row_for_each_recording_and_kind_of_label() -> None:
    text = table(Report(1.0, {}, {"long-name": result(1, 10, 0.5)}).as_dict())
    accuracy, pace = (part.splitlines() for part in text.split("\n\n"))
    assert [line.split()[:2] for line in accuracy[1:]] == [
        [name, moment] for name in ("long-name", "pooled", "mean") for moment in ("live", "refined")
    ]
    assert accuracy[1].split()[2:] == ["0.100", "0.100", "0.300", "0.000", "0.100", "0.200", "2/3"]
    assert pace[1].split() == ["long-name", "10", "0.200", *["0.500"] * 6, "0.000", "0.500"]
    assert len({len(line) for line in accuracy}) == 1


def test_the_table_says_why_there_is_no_latency() -> None:
    assert "--speed 1" in table(Report(None, {}, {"a": result(1, 10, 0.5)}).as_dict())


@needs_extra
def test_recordings_go_through_the_live_path_and_are_judged(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    body = evaluate(config(tmp_path / "data"), folder, None, None, FakeBackend(), told.append).as_dict()
    figures = body["recordings"]["talk"]
    assert (figures["refined"]["WER"], figures["live"]["WER"]) == (1 / 3, 1 / 3)
    assert figures["refined"]["miss"] == pytest.approx(0.5 / 3)
    assert "first" not in figures
    assert set(figures["latency"].values()) == {None}
    assert told == ["talk: 1 of 1"]
    assert body["models"]["speech"] == "fake"
    assert not (tmp_path / "data").exists()


@needs_extra
def test_at_the_pace_of_speech_latency_is_measured_and_everything_is_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    body = evaluate(config(tmp_path / "data"), folder, 20.0, out, FakeBackend()).as_dict()
    assert body["recordings"]["talk"]["latency"]["final_p50"] is not None
    assert body["recordings"]["talk"]["first"]["cpWER"] == pytest.approx(1 / 3)
    assert json.loads((out / "report.json").read_text())["pooled"]["seconds"] == 2.5
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"talk.png", "latency.png", "talk.events.jsonl", "talk.rttm", "live/talk.rttm"} <= names
    assert {"talk.seglst.json", "live/talk.seglst.json", "first/talk.seglst.json", "report.json"} <= names


def test_without_the_extra_nothing_is_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["evaluate", str(folder)]) == EXIT_ERROR
    assert 'pip install -c constraints.txt -e ".[eval]"' in capsys.readouterr().err


@needs_extra
def test_a_folder_that_cannot_be_written_is_refused_before_models_are_loaded(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = FakeBackend(error=AssertionError("loaded"))
    with pytest.raises(StoreError, match="cannot be written"):
        evaluate(config(tmp_path / "data"), folder, None, tmp_path / "file" / "out", backend)


def test_a_recording_in_two_formats_is_one_recording(folder: Path) -> None:
    (folder / "talk.mp3").write_bytes((folder / "talk.wav").read_bytes())
    assert [reference.audio.name for reference in references(folder)] == ["talk.wav"]


def excerpt(sample: Sample, folder: Path, seconds: float) -> None:
    """The start of the sample recording, with references to match."""
    import soundfile

    folder.mkdir()
    soundfile.write(folder / "talk.flac", sample.samples()[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE)
    rows = [(float(str(t["start_time"])), float(str(t["end_time"])), t["speaker"], t["words"]) for t in sample.turns]
    write_references(folder, "talk", [(a, b, str(who), str(words)) for a, b, who, words in rows if b <= seconds])


@pytest.mark.slow
@needs_extra
@pytest.mark.model
def test_figures_are_those_of_the_shared_scorer(
    sample: Sample,
    tmp_path: Path,
    shared_eval: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    excerpt(sample, tmp_path / "in", 16.6)
    settings = Config(storage=Storage(data_dir=tmp_path / "data"), models=Models(set="embedded"))
    body = evaluate(settings, tmp_path / "in", 8.0, tmp_path / "out").as_dict()
    for moment, where in (("refined", ""), ("live", "live"), ("first", "first")):
        arguments = ["score.py", str(tmp_path / "in"), str(tmp_path / "out" / where), "--json"]
        monkeypatch.setattr(sys, "argv", arguments)
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a program of its own, with warnings of its own
            runpy.run_path(str(shared_eval / "score.py"), run_name="__main__")
        expected = json.loads(capsys.readouterr().out)["talk"]
        ours = {**body["recordings"]["talk"][moment], **(body["recordings"]["talk"]["latency"] if not where else {})}
        ours["speakers"] = f"{ours['speakers']}/{ours.pop('reference_speakers')}"
        assert ours == {key: value if key == "speakers" else pytest.approx(value) for key, value in expected.items()}
    assert body["recordings"]["talk"]["refined"]["WER"] < 0.5
