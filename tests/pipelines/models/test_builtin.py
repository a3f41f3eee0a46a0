"""What comes with the program is loaded as it was chosen, and checked before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.asr.recogniser import RecognitionRequest
from pipelines.diarization.lstm import RuntimeLSTM
from pipelines.errors import ModelCorrupt, ModelMissing
from pipelines.models import builtin
from pipelines.models.builtin import (
    largest_that_keeps_pace,
    load_ge2e,
    load_moonshine,
    load_pyannote_segmentation,
    load_whisper,
)
from pipelines.models.selection import CACHED, Availability, ModelSelection, select_models
from pipelines.options import EngineOptions
from tests.fakes.tiny_whisper import build


def embedded(cache: Path | None = None) -> ModelSelection:
    return select_models(EngineOptions(set="embedded", cache_dir=cache), Availability(False, {}))


@pytest.mark.parametrize(
    ("factors", "name", "measured"),
    [
        ({"tiny": 0.02, "base": 0.05, "small": 0.2}, "small", ["tiny", "base", "small"]),
        ({"tiny": 0.1, "base": 0.16, "small": 0.5}, "base", ["tiny", "base", "small"]),
        ({"tiny": 0.1, "base": 0.3, "small": 0.1}, "base", ["tiny", "base"]),
        ({"tiny": 0.3, "base": 0.1, "small": 0.1}, "tiny", ["tiny"]),
        ({"tiny": 2.0, "base": 4.0, "small": 9.0}, "tiny", ["tiny"]),
    ],
)
def test_the_largest_that_keeps_pace_is_taken_and_hopeless_ones_are_not_tried(
    factors: dict[str, float], name: str, measured: list[str]
) -> None:
    tried: list[str] = []

    def measure(candidate: str) -> float:
        tried.append(candidate)
        return factors[candidate]

    assert largest_that_keeps_pace(list(factors), measure, max_rtf=0.35) == name
    assert tried == measured


def test_embedded_models_that_are_not_there_say_how_to_get_them(tmp_path: Path) -> None:
    choice = embedded(tmp_path)
    with pytest.raises(ModelMissing, match="models pull"):
        load_pyannote_segmentation(choice.segmentation)
    with pytest.raises(ModelMissing, match="models pull"):
        load_ge2e(choice.embedding)


def test_embedded_models_that_are_damaged_are_not_loaded(tmp_path: Path) -> None:
    choice = embedded(tmp_path)
    for ref in (choice.segmentation, choice.embedding):
        assert ref.path is not None
        ref.path.write_bytes(b"not what was pinned")
    with pytest.raises(ModelCorrupt, match="checksum"):
        load_pyannote_segmentation(choice.segmentation)
    with pytest.raises(ModelCorrupt, match="checksum"):
        load_ge2e(choice.embedding)


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_models_load() -> None:
    choice = embedded()
    with torch.inference_mode():
        scores = load_pyannote_segmentation(choice.segmentation)(torch.zeros(2, 1, 80_000))
        voices = load_ge2e(choice.embedding).module.embed(torch.zeros(2, 80_000))
    assert scores.shape == (2, 293, 3)
    assert voices.shape == (2, 256)
    assert load_moonshine(choice.speech).info.languages == ("en",)


def test_a_whisper_in_a_folder_is_loaded_and_named_by_it(tmp_path: Path) -> None:
    folder = build(tmp_path / "my-whisper")
    settings = EngineOptions(whisper=str(folder), device="cpu")
    ref = select_models(settings, Availability(False, {str(folder): CACHED})).speech
    recogniser = load_whisper(ref)
    assert recogniser.name == "my-whisper"
    assert recogniser.recognise(RecognitionRequest(np.zeros(16_000, np.float32), language="en")).language == "en"


@pytest.mark.slow
def test_left_to_the_machine_the_models_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build(tmp_path / "tiny")
    monkeypatch.setattr(builtin, "fetch_whisper", lambda name, token, local_only: folder)
    ref = select_models(
        EngineOptions(device="cpu"), Availability(False, dict.fromkeys(("tiny", "base", "small"), CACHED))
    ).speech
    assert load_whisper(ref).name in ("tiny", "base", "small")


def test_a_whisper_that_is_not_there_is_missing(tmp_path: Path) -> None:
    folder = str(tmp_path / "none")
    ref = select_models(EngineOptions(whisper=folder, device="cpu"), Availability(False, {folder: CACHED})).speech
    with pytest.raises(ModelMissing, match="there is no Whisper model"):
        load_whisper(replace(ref, candidates=()))


@pytest.mark.model
def test_recurrent_layers_compute_in_another_runtime_on_a_processor_alone() -> None:
    choice = embedded()
    assert type(load_ge2e(choice.embedding).module.lstm) is RuntimeLSTM
    assert type(load_pyannote_segmentation(choice.segmentation).model.lstm) is RuntimeLSTM
    plain = torch.nn.Module()
    plain.lstm = torch.nn.LSTM(2, 3)
    builtin._hasten(plain, "cuda:0")
    assert type(plain.lstm) is torch.nn.LSTM
    builtin._hasten(torch.nn.Linear(2, 3), "cpu")
