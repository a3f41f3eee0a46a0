"""The local speakers that the models find in windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines.diarization.local_speakers import MIN_EMBEDDING_SECONDS, LocalSpeakerFinder
from pipelines.types import SAMPLE_RATE, STEP, VAD_FRAME, WINDOW, LocalSpeakers, Samples, Window
from tests.conftest import Sample

FRAMES = 293


class FakeSegmentation(torch.nn.Module):
    """The first voice speaks above 0.5, the second below -0.5, both, less surely, above 5; the third never."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio (batch, 1, samples) to probabilities (batch, frames, 3)."""
        place = (torch.arange(FRAMES) * audio.shape[-1]) // FRAMES
        at = audio[:, 0, place]
        both = (at > 5) * 0.9
        voices = [((at > 0.5) & (at < 5)) + both, (at < -0.5) + both, torch.zeros_like(at)]
        return torch.stack([voice.float() for voice in voices], dim=-1)


class FakeEmbed:
    """Gives each voice the mean of the audio in its frames, and keeps what it was asked."""

    def __init__(self) -> None:
        self.masks: list[NDArray[np.bool_]] = []

    def __call__(self, audio: Any, alone: Any) -> NDArray[np.float32]:
        """A vector of two equal numbers for each voice; NaN for nobody."""
        self.masks += list(alone.numpy())
        assert audio.shape == (len(alone), 1, WINDOW)
        place = (torch.arange(FRAMES) * WINDOW) // FRAMES
        means = (audio[:, 0, place, None] * alone).sum(dim=1) / alone.sum(dim=1)
        return np.repeat(means.numpy()[:, :, None], 2, axis=2).astype(np.float32)


def window(*parts: tuple[float, float], index: int = 0) -> Window:
    """A window made of (seconds, level) one after the other, then silence."""
    audio = np.concatenate([np.full(round(length * SAMPLE_RATE), level, np.float32) for length, level in parts])
    return Window(index, index * STEP, np.pad(audio, (0, WINDOW - len(audio))))


@pytest.fixture
def embed() -> FakeEmbed:
    return FakeEmbed()


@pytest.fixture
def finder(embed: FakeEmbed) -> LocalSpeakerFinder:
    return LocalSpeakerFinder(FakeSegmentation(), embed)


def test_pieces_come_with_their_local_voices() -> None:
    def embed(audio: Any, alone: Any) -> tuple[Any, Any, Any]:
        pieces = np.ones((len(alone), 3, 4, 2), np.float32)
        return FakeEmbed()(audio, alone), pieces, np.arange(len(alone) * 12, dtype=np.int16).reshape(-1, 3, 4)

    one, other = LocalSpeakerFinder(FakeSegmentation(), embed)([window((1, 1.0)), window((1, -1.0), index=1)])
    assert one.subsegments is not None
    assert one.subsegment_middles is not None
    assert other.subsegment_middles is not None
    assert one.subsegments.shape == (3, 4, 2)
    assert (one.subsegment_middles[0, 0], other.subsegment_middles[0, 0]) == (0, 12)


def test_a_model_without_pieces_gives_none(finder: LocalSpeakerFinder) -> None:
    (local,) = finder([window((1, 1.0))])
    assert local.subsegments is None
    assert local.subsegment_middles is None


def test_local_voices_keep_the_place_of_their_window(finder: LocalSpeakerFinder) -> None:
    found = finder([window((1, 1.0), index=4), window((1, -1.0), index=7)])
    assert [(local.index, local.start) for local in found] == [(4, 4 * STEP), (7, 7 * STEP)]


def test_activity_is_kept_in_a_byte_for_each_frame_and_voice(finder: LocalSpeakerFinder) -> None:
    (local,) = finder([window((1, 1.0), (1, 0.0), (2, -1.0))])
    assert local.activity.dtype == np.uint8
    assert local.activity.shape == (FRAMES, 3)
    assert local.activity.max() == 255
    seconds_active = (local.activity > 127).sum(axis=0) * 5 / FRAMES
    assert seconds_active == pytest.approx([1, 2, 0], abs=0.05)


def test_clean_speech_is_where_a_voice_is_alone(finder: LocalSpeakerFinder, embed: FakeEmbed) -> None:
    (local,) = finder([window((2, 1.0), (1, 9.0), (1.5, -1.0))])
    assert local.single_speaker_seconds == pytest.approx([2, 1.5, 0], abs=0.05)
    assert not embed.masks[0][round(FRAMES * 2.1 / 5) : round(FRAMES * 2.9 / 5)].any()
    assert local.embeddings[0] == pytest.approx([1, 1])
    assert local.embeddings[1] == pytest.approx([-1, -1])


def test_who_speaks_too_little_or_never_alone_has_no_embedding(finder: LocalSpeakerFinder) -> None:
    short, over = finder([window((MIN_EMBEDDING_SECONDS - 0.1, 1.0)), window((3, 9.0))])
    assert np.isnan(short.embeddings).all()
    assert np.isnan(over.embeddings).all()
    assert over.single_speaker_seconds == pytest.approx([0, 0, 0], abs=0.05)


def test_silence_has_no_voices(finder: LocalSpeakerFinder) -> None:
    (local,) = finder([window((1, 0.0))])
    assert not local.activity.any()
    assert not local.single_speaker_seconds.any()


def test_windows_found_together_are_found_as_alone(finder: LocalSpeakerFinder) -> None:
    windows = [window((2, 1.0)), window((1, -1.0), (1, 9.0)), window((1, 0.0))]
    for together, one in zip(finder(windows), windows, strict=True):
        assert_same(together, finder([one])[0])


def assert_same(one: LocalSpeakers, other: LocalSpeakers) -> None:
    assert (one.index, one.start) == (other.index, other.start)
    assert np.abs(one.activity.astype(int) - other.activity.astype(int)).max() <= 1
    assert one.single_speaker_seconds == pytest.approx(other.single_speaker_seconds, abs=0.05)
    assert np.allclose(one.embeddings, other.embeddings, atol=1e-3, equal_nan=True)


@pytest.fixture(scope="module")
def real() -> LocalSpeakerFinder:
    from pipelines.models.factory import load_embedding, load_segmentation
    from pipelines.models.selection import Availability, select_models
    from pipelines.options import EngineOptions

    chosen = select_models(EngineOptions(set="embedded"), Availability(False, {}))
    return LocalSpeakerFinder(load_segmentation(chosen.segmentation), load_embedding(chosen.embedding))


def cut(audio: Samples, start: float) -> Window:
    """Five seconds of the recording."""
    first = round(start * SAMPLE_RATE)
    return Window(0, first, audio[first : first + WINDOW])


@pytest.mark.model
def test_local_voices_of_the_sample_speak_when_the_reference_says(real: LocalSpeakerFinder, sample: Sample) -> None:
    (local,) = real([cut(sample.samples(), 2.0)])  # Ann until 4.12, Ben from 4.72
    assert local.activity.shape == (FRAMES, 3)
    time = 2.0 + (np.arange(FRAMES) + 0.5) * 5 / FRAMES
    on = local.activity >= 128
    ann, ben = int(on[time < 4].sum(axis=0).argmax()), int(on[time > 5].sum(axis=0).argmax())
    assert ann != ben
    assert on[(time > 2.3) & (time < 3.8), ann].mean() > 0.9
    assert on[time > 5, ben].mean() > 0.9
    assert on[time > 5, ann].mean() < 0.1
    assert local.single_speaker_seconds[ann] > 1.5
    assert local.single_speaker_seconds[ben] > 1.5


@pytest.mark.model
def test_a_voice_of_the_sample_is_nearer_to_itself_than_to_another(real: LocalSpeakerFinder, sample: Sample) -> None:
    audio = sample.samples()
    # Ann, Ben, Ann, Ben in the middle of their turns
    ann, ben, ann_again, ben_again = (
        local.embeddings[int(local.single_speaker_seconds.argmax())]
        for start in (0.0, 4.4, 47.4, 33.0)
        for local in real([cut(audio, start)])
    )
    assert ann @ ann_again > ann @ ben
    assert ben @ ben_again > ann @ ben
    assert ben @ ben_again > ann_again @ ben_again


@pytest.mark.model
def test_real_windows_found_together_are_found_as_alone(real: LocalSpeakerFinder, sample: Sample) -> None:
    audio = sample.samples()
    windows = [cut(audio, start) for start in (0.0, 23.5)]
    for together, one in zip(real(windows), windows, strict=True):
        assert_same(together, real([one])[0])


def test_silence_is_not_computed_and_gives_nobody(embed: FakeEmbed) -> None:
    segmented: list[int] = []

    class FakeCounting(FakeSegmentation):
        """Counts windows."""

        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            """As before."""
            segmented.append(len(audio))
            return super().forward(audio)

    finder = LocalSpeakerFinder(FakeCounting(), embed)
    spoken, nothing = np.ones(156, np.bool_), np.zeros(156, np.bool_)
    loud = window((5, 1.0), index=3)
    silence = [replace(window((5, 0.0), index=index), voiced=nothing) for index in (1, 2)]
    computed = finder([silence[0], replace(loud, voiced=spoken)])
    again = finder([silence[0], replace(loud, voiced=spoken), silence[1]])
    assert segmented == [2, 1]
    assert finder(silence)[0].index == 1
    assert segmented == [2, 1]
    assert [local.index for local in again] == [1, 3, 2]
    for skipped in (again[0], again[2]):
        assert not skipped.activity.any()
        assert skipped.activity.shape == computed[0].activity.shape
        assert np.array_equal(skipped.single_speaker_seconds, computed[0].single_speaker_seconds)
        assert np.isnan(skipped.embeddings).all()
    assert_same(again[1], computed[1])


@pytest.mark.model
def test_a_trial_is_the_work_of_windows_with_a_voice(real: LocalSpeakerFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[tuple[int, ...]] = []
    embed = real._embed

    def watched(audio: Any, alone: Any) -> Any:
        embedded.append((len(audio), int(alone.sum(dim=1).count_nonzero())))
        return embed(audio, alone)

    monkeypatch.setattr(real, "_embed", watched)
    for windows in (1, 3):
        real.trial(windows)
    assert embedded == [(1, 1), (3, 3)]


def test_nobody_is_active_in_a_pause_and_voices_are_known_by_all_of_their_speech() -> None:
    finder = LocalSpeakerFinder(FakeSegmentation(), FakeEmbed())
    audio, paused = np.ones(WINDOW, np.float32), np.zeros(WINDOW // VAD_FRAME + 1, np.bool_)
    paused[50:70] = True
    free, held = finder([Window(0, 0, audio), Window(1, 0, audio, paused=paused)])
    silent = np.flatnonzero(held.activity[:, 0] == 0) * WINDOW / FRAMES / VAD_FRAME
    assert silent.min() == pytest.approx(50, abs=1)
    assert silent.max() == pytest.approx(70, abs=1)
    assert free.activity[:, 0].all()
    assert np.array_equal(free.embeddings[0], held.embeddings[0])
    assert free.single_speaker_seconds[0] == held.single_speaker_seconds[0]


def test_no_voice_is_found_where_nobody_can_be_speaking() -> None:
    finder = LocalSpeakerFinder(FakeSegmentation(), FakeEmbed())
    audio = np.ones(WINDOW, np.float32)
    free, held = finder([Window(0, 0, audio), Window(1, 0, audio, np.zeros(WINDOW // VAD_FRAME + 1, np.bool_))])
    assert free.activity.any()
    assert not held.activity.any()
    assert np.isnan(held.embeddings).all()


@pytest.mark.parametrize("trial", [False, True])
def test_a_gpu_computes_voices_with_all_the_digits_of_its_numbers(
    embed: FakeEmbed, monkeypatch: pytest.MonkeyPatch, trial: bool
) -> None:
    allowed: list[bool] = []

    class FakeNoting(FakeSegmentation):
        """Notes what cuDNN may do."""

        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            """As before."""
            allowed.append(torch.backends.cudnn.allow_tf32)
            return super().forward(audio)

    finder = LocalSpeakerFinder(FakeNoting(), embed)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # as SpeechBrain does while it is imported
    if trial:
        finder.trial(1)
    else:
        finder([Window(0, 0, np.zeros(WINDOW, np.float32))])
    assert allowed == [False]
