"""The voices of a window: GE2E over joined frames, pyannote's weights; the same alone and in a batch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.diarization.embedding import CUTS, PIECES, _groups, ge2e_embedder, pyannote_embedder
from pipelines.diarization.ge2e import VoiceEncoder
from pipelines.diarization.local_speakers import Embed
from pipelines.types import SAMPLE_RATE, WINDOW
from tests.conftest import Sample

FRAMES, VOICES = 293, 3


@pytest.fixture(scope="module")
def untrained() -> VoiceEncoder:
    torch.manual_seed(0)
    return VoiceEncoder().eval()


@pytest.fixture(scope="module")
def trained() -> VoiceEncoder:
    from pipelines.models.checkpoints import build_ge2e
    from pipelines.models.pinned_files import EMBEDDING, require

    return build_ge2e(require(EMBEDDING))


def embed_with_ge2e(encoder: Any) -> Embed:
    """The embeddings of `ge2e_embedder` alone."""
    embed = ge2e_embedder(encoder)
    return lambda audio, alone: embed(audio, alone)[0]


def noise(batch: int, loudness: float = 0.1) -> torch.Tensor:
    return torch.randn(batch, 1, WINDOW, generator=torch.Generator().manual_seed(0)) * loudness


def masks(batch: int, **spoken: tuple[float, float]) -> torch.Tensor:
    """Who is alone when: `b0v1=(0.0, 2.0)` is voice 1 of window 0, seconds."""
    alone = torch.zeros(batch, FRAMES, VOICES, dtype=torch.bool)
    for name, (start, end) in spoken.items():
        at, voice = map(int, name[1:].split("v"))
        alone[at, round(start * FRAMES / 5) : round(end * FRAMES / 5), voice] = True
    return alone


def test_who_is_never_alone_has_no_embedding(untrained: VoiceEncoder) -> None:
    vectors = embed_with_ge2e(untrained)(noise(2), masks(2, b0v1=(0, 2)))
    assert vectors.shape == (2, VOICES, untrained.dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors[0, 1]).all()
    assert np.isnan(vectors[0, [0, 2]]).all()
    assert np.isnan(vectors[1]).all()


@pytest.mark.parametrize("length", [0.02, 0.5, 1.6, 2.0, 5.0])
def test_embeddings_have_length_one_however_short_the_speech(untrained: VoiceEncoder, length: float) -> None:
    vectors = embed_with_ge2e(untrained)(noise(1), masks(1, b0v0=(0, length)))
    assert np.linalg.norm(vectors[0, 0]) == pytest.approx(1, abs=1e-5)


def test_silence_has_an_embedding_without_gaps(untrained: VoiceEncoder) -> None:
    vectors = embed_with_ge2e(untrained)(torch.zeros(1, 1, WINDOW), masks(1, b0v0=(0, 2)))
    assert np.isfinite(vectors[0, 0]).all()


def test_only_the_frames_of_a_voice_make_its_embedding(untrained: VoiceEncoder) -> None:
    alone = masks(1, b0v0=(0, 2), b0v1=(2.5, 5))
    audio = noise(1)
    other = audio.clone()
    other[..., round(2.2 * SAMPLE_RATE) :] *= -3
    before, after = (embed_with_ge2e(untrained)(sound, alone)[0] for sound in (audio, other))
    assert np.allclose(before[0], after[0], atol=1e-5)
    assert not np.allclose(before[1], after[1], atol=1e-5)


def test_quiet_speech_sounds_like_the_same_speech_louder(untrained: VoiceEncoder) -> None:
    alone = masks(1, b0v0=(0, 5))
    embed = embed_with_ge2e(untrained)
    assert np.allclose(embed(noise(1, 0.001), alone)[0, 0], embed(noise(1, 0.01), alone)[0, 0], atol=1e-4)


SPOKEN = {"b0v0": (0.0, 2.0), "b0v2": (3.0, 4.0), "b2v1": (0.0, 5.0)}


def test_a_batch_gives_what_each_window_gives_alone(untrained: VoiceEncoder) -> None:
    embed, audio, alone = embed_with_ge2e(untrained), noise(3), masks(3, **SPOKEN)
    singly = np.concatenate([embed(audio[at : at + 1], alone[at : at + 1]) for at in range(3)])
    assert np.allclose(embed(audio, alone), singly, atol=1e-5, equal_nan=True)


class FakePyannote(torch.nn.Module):
    """Pools the audio's mean and power under the weights, as statistics pooling does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(7.0))

    def forward(self, audio: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Audio (batch, 1, samples) and weights (batch, frames) to (batch, 2)."""
        stretched = torch.nn.functional.interpolate(weights[:, None], size=audio.shape[-1])[:, 0]
        total = stretched.sum(dim=1)
        moments = [(audio[:, 0] ** n * stretched).sum(dim=1) / total for n in (1, 2)]
        return self.scale * torch.stack(moments, dim=1)


def test_pyannote_models_are_asked_once_for_each_voice_that_speaks() -> None:
    audio, alone = noise(3) + 0.2, masks(3, **SPOKEN)
    vectors = pyannote_embedder(FakePyannote())(audio, alone)
    assert vectors.shape == (3, VOICES, 2)
    heard = alone.any(dim=1).numpy()
    assert np.array_equal(np.isfinite(vectors).all(axis=2), heard)
    assert np.linalg.norm(vectors[heard], axis=1) == pytest.approx(1, abs=1e-5)
    singly = [pyannote_embedder(FakePyannote())(audio[at : at + 1], alone[at : at + 1]) for at in (0, 2)]
    assert np.allclose(vectors[[0, 2]], np.concatenate(singly), atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("kind", ["ge2e", "pyannote"])
def test_windows_in_which_nobody_is_alone_are_all_gaps(untrained: VoiceEncoder, kind: str) -> None:
    embed: Any = embed_with_ge2e(untrained) if kind == "ge2e" else pyannote_embedder(FakePyannote())
    vectors = embed(noise(2), masks(2))
    assert vectors.shape[:2] == (2, VOICES)
    assert np.isnan(vectors).all()


@pytest.mark.model
def test_voices_of_the_sample_are_nearer_to_themselves_than_to_each_other(
    trained: VoiceEncoder, sample: Sample
) -> None:
    recording = torch.from_numpy(sample.samples())
    # (window from, who is alone from and to within it): Ann, Ben, Ann, Ben
    cuts = [(0.0, (0.7, 4.0)), (4.5, (0.4, 4.0)), (47.5, (0.3, 3.5)), (33.0, (0.4, 4.0))]
    audio = torch.stack([recording[None, round(at * SAMPLE_RATE) :][:, :WINDOW] for at, _ in cuts])
    alone = masks(4, **{f"b{row}v0": span for row, (_, span) in enumerate(cuts)})
    ann, ben, ann_again, ben_again = embed_with_ge2e(trained)(audio, alone)[:, 0]
    within, between = min(ann @ ann_again, ben @ ben_again), max(ann @ ben, ann_again @ ben_again)
    assert within > between + 0.05


def test_an_embedding_is_the_mean_of_its_pieces(untrained: VoiceEncoder) -> None:
    vectors, pieces, middles = ge2e_embedder(untrained)(noise(2), masks(2, b0v0=(0.0, 5.0), b1v1=(1.0, 4.0)))
    assert pieces.shape == (2, VOICES, PIECES, untrained.dimension)
    for at, voice, count in ((0, 0, PIECES), (1, 1, 3)):
        assert (middles[at, voice] >= 0).tolist() == [True] * count + [False] * (PIECES - count)
        mean = pieces[at, voice, :count].mean(axis=0)
        assert vectors[at, voice] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert (middles[0, 1:] == -1).all()


def test_pieces_lie_where_the_voice_speaks(untrained: VoiceEncoder) -> None:
    alone = masks(1, b0v0=(1.0, 4.0))
    _, _, middles = ge2e_embedder(untrained)(noise(1), alone)
    found = [at for at in middles[0, 0].tolist() if at >= 0]
    assert found == sorted(found)
    seconds = [at * 5 / alone.shape[1] for at in found]
    assert seconds == pytest.approx([1.8, 2.6, 3.2], abs=0.1)


def test_speech_of_less_than_a_cut_is_one_piece_in_its_middle(untrained: VoiceEncoder) -> None:
    alone = masks(1, b0v0=(2.0, 3.0))
    _, _, middles = ge2e_embedder(untrained)(noise(1), alone)
    assert (middles[0, 0] >= 0).sum() == 1
    assert middles[0, 0, 0] * 5 / alone.shape[1] == pytest.approx(2.5, abs=0.1)


@pytest.fixture
def other_device(monkeypatch: pytest.MonkeyPatch) -> str:
    """A device whose tensors cannot be mixed with the processor's, as a GPU's cannot; they come back as ones."""
    real = torch.Tensor.cpu

    def cpu(tensor: torch.Tensor) -> torch.Tensor:
        return torch.ones(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else real(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    return "meta"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ge2e", "pyannote"])
def test_a_model_on_another_device_is_given_what_it_needs_there(other_device: str, kind: str) -> None:
    model = (VoiceEncoder() if kind == "ge2e" else FakePyannote()).to(other_device)
    embed: Any = embed_with_ge2e(model) if kind == "ge2e" else pyannote_embedder(model)
    alone = masks(3, **SPOKEN)
    vectors = embed(noise(3), alone)
    assert np.array_equal(np.isfinite(vectors).all(axis=2), alone.any(dim=1).numpy())


@pytest.mark.gpu
def test_a_gpu_gives_the_embeddings_of_the_processor(untrained: VoiceEncoder) -> None:
    audio, alone = noise(3), masks(3, **SPOKEN)
    there = embed_with_ge2e(copy.deepcopy(untrained).cuda())(audio, alone)
    here = embed_with_ge2e(untrained)(audio, alone)
    spoken = np.isfinite(here).all(axis=2)
    assert np.array_equal(np.isfinite(there).all(axis=2), spoken)
    assert (there[spoken] * here[spoken]).sum(axis=1).min() > 0.999


def test_on_a_processor_only_the_cuts_of_one_window_go_together() -> None:
    owners = [(0, 0), (0, 1), (2, 0), (2, 0), (3, 1)]
    assert _groups([*"abcde"], owners, "cpu") == [["a", "b"], ["c", "d"], ["e"]]
    assert _groups([*"abcde"], owners, "cuda") == [[*"abcde"]]
    assert [len(group) for group in _groups([*range(CUTS + 2)], [(0, 0)] * (CUTS + 2), "cuda")] == [CUTS, 2]
    assert _groups([], [], "cpu") == _groups([], [], "cuda") == []
