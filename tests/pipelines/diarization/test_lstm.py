"""Recurrent layers in ONNX Runtime give what torch's give: exactly where nothing is rounded, nearly where it is."""

from __future__ import annotations

import pytest
import torch

from pipelines.diarization import lstm as module
from pipelines.diarization.ge2e import BANDS, PARTIAL
from pipelines.diarization.lstm import RuntimeLSTM
from pipelines.models.builtin import load_ge2e
from pipelines.models.checkpoints import build_ge2e, build_pyannote
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, require
from pipelines.models.selection import Availability, select_models
from pipelines.options import EngineOptions
from pipelines.timing import multiplies_bytes
from pipelines.types import SAMPLE_RATE, WINDOW
from tests.conftest import Sample

rounds = pytest.mark.skipif(not multiplies_bytes(), reason="this processor does not multiply bytes itself")


@pytest.fixture(params=[False, True], ids=["one way", "both ways"])
def layers(request: pytest.FixtureRequest) -> torch.nn.LSTM:
    torch.manual_seed(0)
    return torch.nn.LSTM(12, 16, num_layers=3, batch_first=True, bidirectional=request.param).eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randn(4, 30, 12, generator=torch.Generator().manual_seed(1))


def test_without_rounding_it_gives_what_torch_gives(
    layers: torch.nn.LSTM, frames: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "multiplies_bytes", lambda: False)
    with torch.inference_mode():
        expected, (state, _) = layers(frames)
        found, (last, _) = RuntimeLSTM(layers, rounded_from=0)(frames)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(last[-1], state[-1], atol=1e-5)
    assert len(last) == (2 if layers.bidirectional else 1)


@rounds
def test_layers_are_rounded_from_where_it_was_said(layers: torch.nn.LSTM, frames: torch.Tensor) -> None:
    with torch.inference_mode():
        expected, _ = layers(frames)
        errors = [float((RuntimeLSTM(layers, at)(frames)[0] - expected).abs().mean()) for at in (0, 1, None)]
    assert max(errors[:2]) < 0.01
    assert min(errors[:2]) > 1e-5 > errors[2]


def test_frames_need_not_lie_one_after_the_other(layers: torch.nn.LSTM, frames: torch.Tensor) -> None:
    turned = frames.transpose(1, 2).contiguous().transpose(1, 2)
    with torch.inference_mode():
        hastened = RuntimeLSTM(layers)
        assert not turned.is_contiguous()
        assert torch.equal(hastened(turned)[0], hastened(frames)[0])


def test_one_copy_serves_batches_of_any_size(layers: torch.nn.LSTM, frames: torch.Tensor) -> None:
    hastened = RuntimeLSTM(layers)
    with torch.inference_mode():
        together = hastened(frames)[0]
        alone = torch.cat([hastened(frames[at : at + 1])[0] for at in range(len(frames))])
    assert torch.allclose(together, alone, atol=1e-5)


def test_it_has_as_many_threads_as_torch_also_where_these_are_set_later(
    layers: torch.nn.LSTM, frames: torch.Tensor
) -> None:
    before, hastened = torch.get_num_threads(), RuntimeLSTM(layers)
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                assert torch.allclose(hastened(frames)[0], layers(frames)[0], atol=1e-5)
            assert hastened._session.get_session_options().intra_op_num_threads == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.model
def test_voices_of_real_speech_are_nearly_the_same(sample: Sample) -> None:
    chosen = select_models(EngineOptions(set="embedded"), Availability(False, {}))
    before, after = build_ge2e(require(EMBEDDING)), load_ge2e(chosen.embedding).module
    audio = torch.from_numpy(sample.samples())
    starts = range(0, len(audio) - 2 * SAMPLE_RATE, 2 * SAMPLE_RATE)
    with torch.inference_mode():
        mels = before.mel(torch.stack([audio[at : at + 2 * SAMPLE_RATE] for at in starts]))[:, :PARTIAL]
        assert mels.shape == (len(starts), PARTIAL, BANDS)
        likeness = (before(mels) * after(mels)).sum(dim=1)
    assert float(likeness.min()) > 0.998


@pytest.mark.slow
@pytest.mark.model
def test_who_is_active_in_real_speech_is_the_same(sample: Sample) -> None:
    before, after = build_pyannote(require(SEGMENTATION)), build_pyannote(require(SEGMENTATION))
    after.lstm = RuntimeLSTM(after.lstm)
    audio = torch.from_numpy(sample.samples())
    windows = torch.stack([audio[at : at + WINDOW] for at in range(0, len(audio) - WINDOW, 4 * WINDOW)])[:, None]
    with torch.inference_mode():
        assert torch.allclose(after(windows), before(windows), atol=0.005)
