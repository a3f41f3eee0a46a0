"""Recognisers side by side: what is counted, what is compared, what is said of weights that are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recognizers
from benchmarks.hotwords import Line
from benchmarks.recognizers import COMPARED, errors, measure, measured, offered, pulled_from
from pipelines.asr.recogniser import RecogniserInfo
from pipelines.errors import ModelError
from pipelines.options import EngineOptions
from tests.fakes.models.packages import install
from tests.fakes.recogniser_fakes import FakeRecogniser, heard

SECOND = np.ones(16_000, np.float32)
LINES = [Line(SECOND, ("we", "agree")), Line(SECOND, ("not", "at", "all"))]


def test_errors_are_words_missing_other_words_and_words_too_many() -> None:
    assert errors(LINES, ["We agree.", "not at all"]) == 0
    assert errors(LINES, ["we", "not it all then"]) == 3


def test_each_slice_is_read_alone_and_then_together_where_that_is_quicker() -> None:
    recogniser = FakeRecogniser(*[heard("we agree"), heard("we agree"), heard("not at")] * 2)
    row = measure(recogniser, LINES)
    assert (row["words"], row["wer"], row["together"], row["model"]) == (5, 0.2, 1, "fake")
    assert len(recogniser.asked) == 3
    assert 0 <= row["median"] <= row["slowest"]
    several = FakeRecogniser(*[heard("we agree")] * 5)
    several.info = replace(RecogniserInfo("several"), max_batch=2)
    assert measure(several, LINES)["together"] == 2
    assert len(several.asked) == 5


def test_recognisers_of_other_packages_are_compared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered() == list(COMPARED)
    install(tmp_path, monkeypatch, "acme", {"meeting.recognizers": {"acme": "acme:load"}})
    assert offered() == [*COMPARED, "acme"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("whisper:small", "Systran/faster-whisper-small"),
        ("whispercpp", "ggml-base.bin of ggerganov/whisper.cpp"),
        ("transformers:me/mine", "me/mine"),
        ("whispercpp:/models/mine.bin", ""),
        ("acme", ""),
        ("moonshine", ""),
    ],
)
def test_where_missing_weights_come_from_is_said(name: str, place: str) -> None:
    assert pulled_from(name) == (f" (`--fetch` pulls {place})" if place else "")


def test_a_recogniser_that_cannot_be_loaded_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ModelError("no weights here")

    monkeypatch.setattr(recognizers, "load_recogniser", fail)
    options = EngineOptions(set="embedded", recognizer="moonshine", device="cpu", hub_timeout=0.0)
    assert measured(options, []) == {"recognizer": "moonshine", "missing": "no weights here"}


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_recogniser_is_measured_and_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    file = tmp_path / "found.json"
    assert recognizers.main(["--recognizers", "moonshine", "whisper:medium.en", "--json", str(file)]) == 0
    embedded, whisper = json.loads(file.read_text())["rows"]
    assert embedded["wer"] < 0.2
    assert embedded["memory"] > 50
    assert "missing" in whisper
    out = capsys.readouterr().out
    assert "| moonshine | 196 |" in out
    assert "- whisper:medium.en was not measured: models.recognizer is whisper:medium.en, but" in out
    assert "(`--fetch` pulls Systran/faster-whisper-medium.en)" in out
