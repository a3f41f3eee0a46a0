"""Voice activity with the real model: speech is told from silence, noise and tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.audio import vad
from pipelines.audio.vad import SharedVad, VadModel, VadStream, model_path
from pipelines.errors import ModelCorrupt, ModelMissing
from pipelines.types import SAMPLE_RATE, VAD_FRAME, Samples
from tests.conftest import Sample


@pytest.fixture(scope="module")
def model() -> VadModel:
    """The model of the installed package."""
    return VadModel()


def probabilities(stream: VadStream, audio: Samples) -> list[float]:
    """Probability of each whole frame."""
    return [stream(audio[at : at + VAD_FRAME]) for at in range(0, len(audio) - VAD_FRAME + 1, VAD_FRAME)]


def test_a_frame_is_32_ms() -> None:
    assert VAD_FRAME * 1000 == 32 * SAMPLE_RATE


def test_probabilities_are_high_in_speech_and_low_outside(model: VadModel, sample: Sample) -> None:
    heard = np.array(probabilities(model.stream(), sample.samples()[: 20 * SAMPLE_RATE]))
    assert ((heard >= 0) & (heard <= 1)).all()
    middles = (np.arange(len(heard)) + 0.5) * VAD_FRAME / SAMPLE_RATE
    spoken = np.zeros(len(heard), bool)
    for turn in sample.turns:
        spoken |= (float(str(turn["start_time"])) <= middles) & (middles < float(str(turn["end_time"])))
    assert np.mean(heard[spoken] > 0.5) > 0.85
    assert np.mean(heard[spoken] > 0.5) > np.mean(heard[~spoken] > 0.5) + 0.5


@pytest.mark.parametrize("kind", ["silence", "white noise", "loud noise", "tone"])
def test_what_is_no_speech_is_not_heard_as_speech(model: VadModel, kind: str) -> None:
    rng = np.random.default_rng(3)
    audio = {
        "silence": np.zeros(3 * SAMPLE_RATE),
        "white noise": rng.normal(0, 0.01, 3 * SAMPLE_RATE),
        "loud noise": rng.normal(0, 0.3, 3 * SAMPLE_RATE),
        "tone": 0.3 * np.sin(np.arange(3 * SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE),
    }[kind]
    assert np.mean(np.array(probabilities(model.stream(), audio.astype(np.float32))) > 0.5) < 0.05


def test_streams_have_states_of_their_own(model: VadModel, sample: Sample) -> None:
    audio = sample.samples()[: 3 * SAMPLE_RATE]
    alone = probabilities(model.stream(), audio)
    one, other = model.stream(), model.stream()
    mixed = []
    for at in range(0, len(audio) - VAD_FRAME + 1, VAD_FRAME):
        mixed.append(one(audio[at : at + VAD_FRAME]))
        other(np.full(VAD_FRAME, 0.1, np.float32))
    assert mixed == alone


def test_the_frame_is_not_changed(model: VadModel) -> None:
    frame = np.full(VAD_FRAME, 0.25, np.float32)
    model.stream()(frame)
    assert (frame == 0.25).all()


def test_the_weights_come_with_the_installed_package() -> None:
    assert model_path().is_file()


def test_a_missing_package_is_reported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="make setup"):
        model_path()


def test_a_missing_file_is_reported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "_FILE", "data/nothing.onnx")
    with pytest.raises(ModelMissing, match="make setup"):
        model_path()


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)])
def test_a_damaged_file_is_reported_with_its_path(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"voice\.onnx is not a voice activity model"):
        VadModel(tmp_path / "voice.onnx")


def test_a_file_that_was_cut_short_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(model_path().read_bytes()[:100_000])
    with pytest.raises(ModelCorrupt):
        VadModel(path)


def test_listeners_share_what_is_judged_once() -> None:
    judged: list[float] = []

    def judge(frame: Samples) -> float:
        judged.append(float(frame[0]))
        return float(frame[0])

    shared = SharedVad(judge)
    first, second = shared.reader(), shared.reader()
    frames = [np.full(VAD_FRAME, n / 100, np.float32) for n in range(60)]
    heard = [first(frame) for frame in frames[:40]]
    assert [second(frame) for frame in frames] == judged == [float(frame[0]) for frame in frames]
    assert heard + [first(frame) for frame in frames[40:]] == judged


def test_a_listener_that_stops_asking_costs_a_bounded_amount() -> None:
    shared = SharedVad(lambda frame: 0.0)
    lost, steady = shared.reader(), shared.reader()
    frame = np.zeros(VAD_FRAME, np.float32)
    for _ in range(SharedVad.MAX_LAG + 1):
        steady(frame)
    with pytest.raises(IndexError):
        lost(frame)
