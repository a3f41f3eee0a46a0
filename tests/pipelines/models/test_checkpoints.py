"""Checkpoints are read with pickle restricted, and become models that do what they were trained for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.errors import ModelCorrupt, ModelError, ModelMissing
from pipelines.models.checkpoints import (
    MultilabelSegmentation,
    WeightedEmbedding,
    build_ge2e,
    build_pyannote,
    load_checkpoint,
    to_device,
    warnings_ignored,
)
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, require
from pipelines.types import SAMPLE_RATE, Samples
from tests.conftest import Sample

Rows = list[tuple[float, float]]


def spoken(rows: Rows, centres: Any) -> Any:
    """Which frames lie in speech."""
    return np.array([any(start <= centre < end for start, end in rows) for centre in centres])


def rttm(path: Path) -> Rows:
    fields = [line.split() for line in path.read_text().splitlines()]
    return [(float(row[3]), float(row[3]) + float(row[4])) for row in fields]


def agreement(model: Any, audio: Samples, rows: Rows, seconds: int = 10) -> float:
    """Share of frames on which the model and the reference agree about speech."""
    same: list[Any] = []
    for start in range(0, len(audio) // SAMPLE_RATE - seconds, seconds):
        window = audio[start * SAMPLE_RATE : (start + seconds) * SAMPLE_RATE]
        with torch.inference_mode():
            scores = model(torch.from_numpy(window)[None, None])[0]
        assert scores.shape[1] == 3
        assert scores.min() >= 0
        assert scores.max() <= 1 + 1e-6
        field = model.receptive_field
        centres = start + field.start + field.duration / 2 + field.step * np.arange(len(scores))
        same.extend((scores.max(dim=1).values > 0.5).numpy() == spoken(rows, centres))
    return float(np.mean(same))


def pyannote_checkpoint(model: Any, specifications: Any, name: str, **changes: Any) -> dict[str, Any]:
    about = {
        "versions": {"torch": str(torch.__version__), "pyannote.audio": "3.4.0"},
        "architecture": {"module": "os", "class": name},
        "specifications": specifications,
    }
    return {
        "pyannote.audio": about,
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": "2.0",
        **changes,
    }


def segmentation() -> tuple[Any, Any]:
    with warnings_ignored():
        from pyannote.audio.core.task import Problem, Resolution, Specifications
        from pyannote.audio.models.segmentation import PyanNet
    specifications = Specifications(
        problem=Problem.MULTI_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=5.0,
        classes=["a", "b", "c"],
    )
    with warnings_ignored():
        model = PyanNet(lstm={"hidden_size": 8, "num_layers": 1})
        model.specifications = specifications
        model.setup()
    return model, specifications


class Dangerous:
    """Runs a command when unpickled carelessly."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.witness}",)


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save({"state_dict": {}, "extra": Dangerous(witness)}, tmp_path / "model.bin")
    with pytest.raises(ModelCorrupt, match="holds objects that a model has no need of"):
        load_checkpoint(tmp_path / "model.bin")
    assert not witness.exists()


def test_a_missing_checkpoint_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is no model file"):
        load_checkpoint(tmp_path / "none.bin")


@pytest.mark.parametrize("content", [b"", b"plain text, no model", b"PK\x03\x04 cut short", b"\x80\x02}q\x00"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"model\.bin"):
        load_checkpoint(tmp_path / "model.bin")


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelCorrupt):
        load_checkpoint(path)


def test_a_file_of_other_things_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "model.bin")
    with pytest.raises(ModelCorrupt, match="no named weights"):
        load_checkpoint(tmp_path / "model.bin")


def test_a_segmentation_is_rebuilt_from_its_parts(tmp_path: Path) -> None:
    model, specifications = segmentation()
    torch.save(pyannote_checkpoint(model, specifications, "PyanNet"), tmp_path / "model.bin")
    rebuilt = build_pyannote(tmp_path / "model.bin")
    audio = torch.zeros(1, 1, SAMPLE_RATE)
    with torch.inference_mode():
        assert torch.equal(rebuilt(audio), model.eval()(audio))
    assert not rebuilt.training


def test_a_voice_embedding_is_rebuilt_and_takes_weights(tmp_path: Path) -> None:
    with warnings_ignored():
        from pyannote.audio.core.task import Problem, Resolution, Specifications
        from pyannote.audio.models.embedding import WeSpeakerResNet34
    specifications = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0)
    with warnings_ignored():
        model = WeSpeakerResNet34()
    torch.save(pyannote_checkpoint(model, specifications, "WeSpeakerResNet34"), tmp_path / "model.bin")
    rebuilt = WeightedEmbedding(build_pyannote(tmp_path / "model.bin"))
    audio = torch.randn(2, 1, SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = rebuilt(audio)
        weighted = rebuilt(audio, torch.ones(2, 58))
        half = rebuilt(audio, torch.cat([torch.ones(2, 29), torch.zeros(2, 29)], dim=1))
    assert plain.shape == weighted.shape == (2, rebuilt.dimension) == (2, 256)
    assert torch.allclose(plain, weighted, atol=1e-4)
    assert not torch.allclose(half, weighted, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state_dict": {}}, "do not fit"),
        ({"pyannote.audio": {}}, "not a pyannote.audio model"),
        ({"hyper_parameters": {"lstm": {"hidden_size": 16}}}, "do not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    model, specifications = segmentation()
    torch.save(pyannote_checkpoint(model, specifications, "PyanNet", **changes), tmp_path / "model.bin")
    with pytest.raises(ModelCorrupt, match=message):
        build_pyannote(tmp_path / "model.bin")


def test_a_checkpoint_cannot_name_just_any_class(tmp_path: Path) -> None:
    model, specifications = segmentation()
    torch.save(pyannote_checkpoint(model, specifications, "system"), tmp_path / "model.bin")
    with pytest.raises(ModelCorrupt, match=r"unknown kind \(system\)"):
        build_pyannote(tmp_path / "model.bin")


def test_another_checkpoint_is_no_voice_encoder(tmp_path: Path) -> None:
    torch.save({"model_state": {"weight": torch.zeros(1)}}, tmp_path / "model.pt")
    with pytest.raises(ModelCorrupt, match="not a GE2E voice encoder"):
        build_ge2e(tmp_path / "model.pt")


def test_a_device_that_is_not_there_is_a_clear_error() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with warnings_ignored(), pytest.raises(ModelError, match="the device cuda cannot take the model"):
        to_device(torch.nn.Linear(1, 1), "cuda")


@pytest.mark.model
def test_the_embedded_segmentation_hears_who_speaks_when(sample: Sample) -> None:
    model = MultilabelSegmentation(build_pyannote(require(SEGMENTATION)))
    assert model.powerset is None
    assert model.specifications.duration == 5.0
    assert agreement(model, sample.samples(), rttm(sample.rttm), seconds=5) > 0.85


@pytest.mark.model
def test_the_embedded_voice_encoder_loads() -> None:
    assert not build_ge2e(require(EMBEDDING)).training


def test_the_real_segmentation_3_gives_one_probability_for_each_speaker(shared_eval: Path) -> None:
    checkpoint = shared_eval / "models" / "segmentation-3.0" / "pytorch_model.bin"
    if not checkpoint.is_file():
        pytest.skip("the segmentation-3.0 checkpoint is not in ../shared/eval/models")
    import soundfile

    inner = build_pyannote(checkpoint)
    with torch.inference_mode():
        assert inner(torch.zeros(1, 1, SAMPLE_RATE)).shape[2] == 7
    model = MultilabelSegmentation(inner)
    audio = soundfile.read(shared_eval / "libri" / "libri2.flac", dtype="float32", stop=60 * SAMPLE_RATE)[0]
    assert agreement(model, audio, rttm(shared_eval / "libri" / "libri2.rttm")) > 0.85
