"""Models of other packages: the recogniser that docs/extending.md shows, and an engine of nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.engine.loader import load_engine
from pipelines.errors import ModelError, SettingsError
from pipelines.models.factory import load_recogniser
from pipelines.models.plugins import GROUPS
from pipelines.models.probe import probe_and_select
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE, WINDOW, Span, Utterance, Window
from tests.conftest import ROOT, Sample
from tests.fakes.models.packages import install
from tests.test_setup import tomllib

PATIENCE = 60
"""Seconds after which a test gives up waiting for a model"""

SPEAKERS = '''
import numpy as np
import torch
from pipelines.diarization.clustering import PRESETS

class Segmentation(torch.nn.Module):
    """One voice, wherever it is loud."""
    def forward(self, audio):
        frames = audio.reshape(len(audio), 100, -1).abs().amax(dim=2, keepdim=True)
        return torch.cat([(frames > 0.05).float(), torch.zeros_like(frames)], dim=2)

class Embedding:
    thresholds = PRESETS["wespeaker"]
    def __call__(self, audio, alone):
        vectors = np.full((*alone.shape[::2], 4), np.nan, np.float32)
        vectors[alone.any(dim=1).numpy()] = [1, 0, 0, 0]
        return vectors

def load_segmentation(ref):
    return Segmentation().to(ref.device)

def load_embedding(ref):
    return Embedding()

class Failing:
    thresholds = PRESETS["ge2e"]
    def __call__(self, audio, alone):
        raise KeyError("no such voice")

def load_failing(ref):
    return Failing()
'''


@pytest.fixture(autouse=True)
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of the page is installed, and one that finds speakers."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    project = tomllib.loads(_block(page, "toml"))["project"]
    offers = project["entry-points"]
    install(
        tmp_path, monkeypatch, project["name"], offers, project["version"], decibel_recogniser=_block(page, "python")
    )
    offers = {
        GROUPS["segmentation"]: {"loud": "acme_speakers:load_segmentation"},
        GROUPS["embedding"]: {"same": "acme_speakers:load_embedding", "failing": "acme_speakers:load_failing"},
    }
    install(tmp_path, monkeypatch, "acme-speakers", offers, acme_speakers=SPEAKERS)


def _block(page: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)
    return str(found)


def options(**changes: str) -> EngineOptions:
    named = {"recognizer": "decibel:db", "segmentation": "loud", "embedding": "same", **changes}
    return EngineOptions(set="embedded", device="cpu", threads=1, **named)


def test_the_recogniser_of_the_page_is_chosen_by_name_and_reads_the_sample(sample: Sample) -> None:
    selection = probe_and_select(options(recognizer="decibel"))
    recogniser = load_recogniser(selection.speech)
    result = recogniser.recognise(RecognitionRequest(sample.samples()[: SAMPLE_RATE * 4], language="en"))
    assert recogniser.info.name == "decibel (dB)"
    assert re.fullmatch(r"(-\d+\.\ddB ?)+", result.text)
    assert all(word.start < word.end <= SAMPLE_RATE * 4 for word in result.words)


def test_an_engine_is_made_of_installed_models_alone(sample: Sample) -> None:
    engine = load_engine(options(), lambda _: None)
    try:
        assert engine.models["speech"] == "decibel (db)"
        assert (engine.models["segmentation"], engine.models["embedding"]) == ("loud", "same")
        assert "the embedding same, because models.embedding names it" in engine.models["why"]
        assert engine.thresholds.window_threshold == 0.45
        audio = sample.samples()
        turn = Utterance(0, Span(0, 4 * SAMPLE_RATE), audio[: 4 * SAMPLE_RATE], True)
        reading, window = engine.recognise(turn, "test"), engine.find_speakers(Window(0, 0, audio[:WINDOW]))
        assert "db" in (reading.result(PATIENCE) or RecognitionResult()).text
        local = window.result(PATIENCE)
        assert local is not None
        assert local.activity.shape == (100, 2)
        assert np.allclose(local.embeddings[0], [1, 0, 0, 0])
        assert np.isnan(local.embeddings[1]).all()
    finally:
        engine.close()


@pytest.mark.parametrize("threads", [1, None])
def test_a_model_that_loads_but_cannot_compute_ends_the_start_with_a_sentence(
    threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.engine.capacity.available_cores", lambda: 4)  # so that threads are tried before
    with pytest.raises(ModelError, match=r"cannot compute: .*no such voice"):
        load_engine(replace(options(embedding="failing"), threads=threads), lambda _: None)


def test_a_name_that_is_not_installed_ends_the_start_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"recognizer is 'decible', .* there are decibel, moonshine, .*whisper"):
        load_engine(options(recognizer="decible"), lambda _: None)
