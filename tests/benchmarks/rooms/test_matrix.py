"""The matrix: what is pooled, told and drawn; audio in lock step."""

from __future__ import annotations

import importlib.util
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.lateness import CORRECTED, Lateness
from benchmarks.rooms import command, matrix
from benchmarks.rooms.labels import COLUMNS as LABEL_COLUMNS
from benchmarks.rooms.labels import LabelTimes
from benchmarks.rooms.making import Wanted, make
from benchmarks.rooms.matrix import COLUMNS, STEP, AudioClock, Measured, _LockStep, chosen, path_of, pool, table
from meeting.config.sources import load_config
from meeting.evaluation.der import cells_of, error, rasterise
from meeting.evaluation.evaluate import read_rttm
from meeting.evaluation.observed_run import run_recording
from meeting.evaluation.scores import Accuracy, Share
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

EXTRA = ("meeteval", "whisper_normalizer", "pyannote.metrics")
WITHOUT = next((name for name in EXTRA if importlib.util.find_spec(name) is None), None)

LATE = Lateness([0.5, 2.0], [(CORRECTED, 2.0)])


def accuracy(wrong: float, people: int = 2) -> Accuracy:
    some = Share(wrong, 10)
    return Accuracy(some, some, some, Share(0, 10), Share(0, 10), people, 2)


def measured(wrong: float, *finals: float) -> Measured:
    return Measured(
        accuracy(wrong), list(finals), list(finals[:1]), LabelTimes([0.5, 1.5], 1, 3, 4), LATE, 60.0, 12.0, 1
    )


def row(condition: str, number: int = 0, half: str = "choose") -> dict[str, Any]:
    return {"name": f"{condition}_{half}_{number}", "condition": condition, "half": half, "seconds": 60.0}


def test_recordings_of_a_condition_count_as_one() -> None:
    rows = [row("near"), row("headset"), row("near", 1)]
    found = pool(rows, [measured(1, 0.5), measured(4, 9.0), measured(3, 1.5)])
    assert list(found) == ["headset", "near", "all"]
    near = found["near"].figures()
    assert near["DER"] == pytest.approx(0.2)
    assert near["final_p95"] == pytest.approx(1.45)
    assert (near["minutes"], near["cpu"], near["speakers"], near["recordings"]) == (2.0, 0.2, "4/4", 2)
    assert found["all"].figures()["WER"] == pytest.approx(8 / 30)
    assert (near["shown_in_time"], near["late"][CORRECTED]) == (0.5, [2.0, 2.0])
    assert (near["label_p50"], near["known"], near["flips"]) == (1.0, 4, 1.5)


def test_what_was_not_measured_is_a_dash() -> None:
    text = table({"near": Measured().figures()})
    assert text.splitlines()[0].count("|") == len(COLUMNS) + 1
    assert text.splitlines()[-1].count("|") == len(LABEL_COLUMNS) + 1
    assert "| near | 0.000 | – | – |" in text


class Listener:
    """A pipeline that has one step in work until it is told to go on."""

    live = False
    hotwords = ()

    def __init__(self, clock: AudioClock) -> None:
        self.clock = clock
        self.fed: list[int] = []

    def feed(self, audio: np.ndarray) -> None:
        assert self.clock._behind == 0.0  # everything before is done
        self.fed.append(len(audio))

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_audio_goes_in_step_by_step() -> None:
    clock = AudioClock()
    listener = Listener(clock)
    _LockStep(listener, clock).feed(np.zeros(2 * STEP + 10, np.float32))
    assert listener.fed == [STEP, STEP, 10]
    assert clock.heard == 2 * STEP + 10


def test_recordings_are_chosen_by_half_and_condition(tmp_path: Path) -> None:
    rows = [row("near"), row("near", 1), row("far"), row("near", 0, "report")]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    assert len(chosen(tmp_path, "choose", None, None)) == 3
    assert len(chosen(tmp_path, "both", ["near"], 1)) == 2
    assert path_of(tmp_path, rows[0]) == tmp_path / "choose" / "near" / "near_choose_0.flac"
    with pytest.raises(MeetingError, match="no such"):
        chosen(tmp_path, "report", ["far"], None)
    with pytest.raises(MeetingError, match="no set"):
        chosen(tmp_path / "none", "both", None, None)


def test_a_matrix_is_printed_drawn_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    rows = [row("near"), row("far")]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    monkeypatch.setattr(matrix, "require_extra", lambda: None)
    monkeypatch.setattr(matrix, "measure", lambda path, models: (measured(2, 1.0), {"speech": models}))
    files = {kind: tmp_path / "out" / f"x.{kind}" for kind in ("json", "markdown", "plot")}
    flags = [text for kind, path in files.items() for text in (f"--{kind}", str(path))]
    assert command.main(["matrix", str(tmp_path), *flags]) == 0
    text = capsys.readouterr().out
    assert "| near | 1.000 | 0.200 |" in text
    assert "2 recordings, 2 minutes, half choose" in text
    assert f"python -m benchmarks.rooms matrix {tmp_path}" in text
    assert files["markdown"].read_text(encoding="utf-8").strip() == text.strip()
    assert files["plot"].read_bytes()[:4] == b"\x89PNG"
    body = json.loads(files["json"].read_text(encoding="utf-8"))
    assert body["conditions"]["far"]["DER"] == pytest.approx(0.2)
    assert [one["name"] for one in body["recordings"]] == ["near_choose_0", "far_choose_0"]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation of two voices of the sample meeting."""
    out = tmp_path_factory.mktemp("spoken")
    make(Wanted(out, talks=1, seconds=15.0, conditions=("headset",)))
    return out / "report" / "headset" / "headset_report_0.flac"


@pytest.mark.slow
@pytest.mark.model
def test_a_made_recording_goes_through_the_live_path(spoken: Path, tmp_path: Path) -> None:
    config = load_config(flags={("models", "set"): "embedded"})
    with closing(AudioClock()) as clock:
        run = run_recording(config, spoken, None, tmp_path, clock)
    assert clock.heard / SAMPLE_RATE == pytest.approx(run.seconds, abs=0.001)
    delays = [clock.delays[segment.id] for segment in run.refined.segments]
    assert delays
    assert all(0 < delay < 8 for delay in delays)
    truth, found = read_rttm(spoken.with_suffix(".rttm")), run.refined.turns
    cells = cells_of(truth, found)
    assert error(rasterise(truth, cells).on, rasterise(found, cells).on).rate < 0.5


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.skipif(WITHOUT is not None, reason=f"the extra eval is not installed: no {WITHOUT}")
def test_a_made_recording_is_measured(spoken: Path) -> None:
    found, models = matrix.measure(spoken, "embedded")
    figures = found.figures()
    assert figures["speakers"].endswith("/2")
    assert figures["WER"] < 0.5
    assert 0 < figures["final_p95"] < 5
    assert 0 < figures["known"] <= figures["words"]
    assert figures["agreement"] > 0.5
    assert models["speech"]
