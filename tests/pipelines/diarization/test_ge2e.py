"""The GE2E voice encoder: its spectrogram is the one it was trained on, and it tells the sample's voices apart."""

from __future__ import annotations

import pytest
import torch

from pipelines.diarization.ge2e import (
    LEVEL,
    PARTIAL,
    VoiceEncoder,
    level,
    mel_filters,
    partial_starts,
)
from pipelines.models.pinned_files import EMBEDDING, require
from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample

LIBROSA = {
    (0, 1): 0.024862595,
    (10, 10): 0.019908218,
    (40, 43): 0.014735566,
    (60, 93): 0.0065910928,
    (79, 195): 0.0022437952,
}
"""(band, bin) -> weight in librosa's filters for 80 bands, 400 points, 16 kHz"""


@pytest.fixture(scope="module")
def untrained() -> VoiceEncoder:
    torch.manual_seed(0)
    return VoiceEncoder().eval()


def test_every_mel_filter_has_the_area_one() -> None:
    filters = mel_filters(40)
    assert filters.shape == (201, 40)
    hertz_a_bin = SAMPLE_RATE / 2 / 200
    # Narrow triangles at the bottom are sampled too coarsely for their sum to be their area.
    assert torch.allclose(filters.sum(0)[15:] * hertz_a_bin, torch.ones(25), atol=0.05)


def test_the_filters_are_those_of_librosa() -> None:
    filters = mel_filters(80)
    assert {place: float(filters[place[1], place[0]]) for place in LIBROSA} == pytest.approx(LIBROSA, rel=1e-5)


def test_the_filters_are_those_of_torchaudio_where_it_computes_with_64_bits() -> None:
    from torchaudio.functional import melscale_fbanks

    def theirs() -> torch.Tensor:
        filters: torch.Tensor = melscale_fbanks(201, 0.0, 8000.0, 40, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
        return filters.float()

    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(mel_filters(40), theirs())
    finally:
        torch.set_default_dtype(torch.float32)
    # with 32 bits, as it does by default, most of them differ in the last digits: that is why ours are not its
    assert not torch.equal(mel_filters(40), theirs())
    assert torch.allclose(mel_filters(40), theirs(), atol=1e-7, rtol=0)


def test_a_spectrogram_has_a_frame_each_ten_milliseconds(untrained: VoiceEncoder) -> None:
    assert untrained.mel(torch.zeros(SAMPLE_RATE)).shape == (101, 40)
    assert untrained.mel(torch.zeros(3, SAMPLE_RATE)).shape == (3, 101, 40)


def test_a_tone_lights_up_the_band_it_lies_in(untrained: VoiceEncoder) -> None:
    tone = torch.sin(torch.arange(SAMPLE_RATE) * 2 * torch.pi * 1000 / SAMPLE_RATE)
    assert untrained.mel(tone)[50].argmax() == mel_filters(40)[25].argmax()


def test_twice_the_amplitude_is_four_times_the_power(untrained: VoiceEncoder) -> None:
    audio = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(untrained.mel(2 * audio), 4 * untrained.mel(audio), rtol=1e-4)


def test_quiet_audio_is_raised_and_silence_and_loud_audio_stay() -> None:
    quiet = torch.full((1, 1600), LEVEL / 10)
    loud = torch.full((1, 1600), 0.5)
    assert torch.allclose(level(quiet), torch.full((1, 1600), LEVEL))
    assert torch.equal(level(loud), loud)
    assert torch.equal(level(torch.zeros(1, 1600)), torch.zeros(1, 1600))


@pytest.mark.parametrize(("frames", "starts"), [(1, [0]), (160, [0]), (161, [0, 1]), (320, [0, 80, 160])])
def test_windows_cover_the_audio_to_its_end(frames: int, starts: list[int]) -> None:
    assert partial_starts(frames) == starts
    assert starts[-1] + PARTIAL >= frames


@pytest.mark.parametrize("seconds", [0.1, 1.6, 5.0])
def test_embeddings_have_length_one(untrained: VoiceEncoder, seconds: float) -> None:
    audio = torch.randn(2, int(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        embeddings = untrained.embed(audio)
    assert embeddings.shape == (2, untrained.dimension)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)


def test_silence_has_an_embedding_without_gaps(untrained: VoiceEncoder) -> None:
    with torch.inference_mode():
        assert untrained.embed(torch.zeros(1, SAMPLE_RATE)).isfinite().all()


@pytest.mark.model
def test_the_voices_of_the_sample_are_told_apart(sample: Sample) -> None:
    from pipelines.models.checkpoints import build_ge2e

    encoder = build_ge2e(require(EMBEDDING))
    audio = torch.from_numpy(sample.samples())
    turns = [turn for turn in sample.turns if float(str(turn["end_time"])) - float(str(turn["start_time"])) > 2]
    with torch.inference_mode():
        voices = [
            encoder.embed(
                audio[None, int(float(str(t["start_time"])) * 16000) : int(float(str(t["end_time"])) * 16000)]
            )
            for t in turns
        ]
    likeness = torch.cat(voices) @ torch.cat(voices).T
    same = torch.tensor([[a["speaker"] == b["speaker"] for b in turns] for a in turns])
    others = ~torch.eye(len(turns), dtype=torch.bool)
    assert likeness[same & others].mean() > likeness[~same].mean() + 0.1
