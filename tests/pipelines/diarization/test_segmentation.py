"""Windows over the audio, and the local voices that the models hear in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines.audio.decoding import Stepper
from pipelines.diarization.segmentation import MIN_CLEAN, LocalVoiceFinder, Windows
from pipelines.types import SAMPLE_RATE, STEP, VOICE_FRAME, WINDOW, LocalVoices, Samples, Span, Step, Window
from tests.conftest import Sample

FRAMES = 293


def steps(count: int, last: int = STEP) -> list[Step]:
    """Steps whose samples count up from 1 (so that silence, 0, is told apart)."""
    audio = np.arange(1, (count - 1) * STEP + last + 1, dtype=np.float32)
    return [Step(i, i * STEP, audio[i * STEP : (i + 1) * STEP]) for i in range(count)]


def windows_of(parts: list[Step]) -> list[Window]:
    """All windows, those of the flush too."""
    windows = Windows()
    return [*(window for step in parts for window in windows(step)), *windows.flush()]


def test_each_step_gives_one_window_that_ends_with_it() -> None:
    windows = Windows()
    for step in steps(14):
        (window,) = windows(step)
        assert (window.index, window.start) == (step.index, step.span.end - WINDOW)
        assert len(window.audio) == WINDOW
        assert np.array_equal(window.audio[-STEP:], step.audio)


def test_the_first_window_is_silence_and_the_first_step() -> None:
    (window,) = Windows()(steps(1)[0])
    assert window.start == STEP - WINDOW
    assert not window.audio[:-STEP].any()
    assert np.array_equal(window.audio[-STEP:], steps(1)[0].audio)


def test_a_window_holds_the_audio_at_its_place() -> None:
    for window in windows_of(steps(14)):
        at = window.start + np.arange(WINDOW)
        assert np.array_equal(window.audio, np.where((at >= 0) & (at < 14 * STEP), at + 1, 0))


@pytest.mark.parametrize(("count", "last"), [(1, STEP), (1, 7), (3, STEP), (12, 100), (14, STEP)])
def test_every_instant_is_seen_ten_times(count: int, last: int) -> None:
    parts = steps(count, last)
    windows = windows_of(parts)
    assert len(windows) == count + 9
    assert [window.index for window in windows] == list(range(count + 9))
    seen = np.zeros(parts[-1].span.end, np.int64)
    for window in windows:
        inside = Span(window.start, window.start + WINDOW) & Span(0, len(seen))
        seen[inside.start : inside.end] += 1
    assert (seen == 10).all()


def test_a_short_last_step_is_padded_with_silence() -> None:
    window = windows_of(steps(2, 100))[1]
    assert np.array_equal(window.audio[-STEP : -STEP + 100], STEP + 1 + np.arange(100, dtype=np.float32))
    assert not window.audio[-STEP + 100 :].any()


def test_no_audio_has_no_windows() -> None:
    assert Windows().flush() == []


def test_after_a_reset_the_next_step_is_the_first() -> None:
    windows = Windows()
    for step in steps(3):
        windows(step)
    windows.reset()
    assert windows.flush() == []
    (window,) = windows(steps(1)[0])
    assert (window.index, window.start) == (0, STEP - WINDOW)
    assert not window.audio[:-STEP].any()


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
def finder(embed: FakeEmbed) -> LocalVoiceFinder:
    return LocalVoiceFinder(FakeSegmentation(), embed)


def test_pieces_come_with_their_local_voices() -> None:
    def embed(audio: Any, alone: Any) -> tuple[Any, Any, Any]:
        pieces = np.ones((len(alone), 3, 4, 2), np.float32)
        return FakeEmbed()(audio, alone), pieces, np.arange(len(alone) * 12, dtype=np.int16).reshape(-1, 3, 4)

    one, other = LocalVoiceFinder(FakeSegmentation(), embed)([window((1, 1.0)), window((1, -1.0), index=1)])
    assert one.pieces is not None
    assert one.middles is not None
    assert other.middles is not None
    assert one.pieces.shape == (3, 4, 2)
    assert (one.middles[0, 0], other.middles[0, 0]) == (0, 12)


def test_a_model_without_pieces_gives_none(finder: LocalVoiceFinder) -> None:
    (local,) = finder([window((1, 1.0))])
    assert local.pieces is None
    assert local.middles is None


def test_local_voices_keep_the_place_of_their_window(finder: LocalVoiceFinder) -> None:
    found = finder([window((1, 1.0), index=4), window((1, -1.0), index=7)])
    assert [(local.index, local.start) for local in found] == [(4, 4 * STEP), (7, 7 * STEP)]


def test_activity_is_kept_in_a_byte_for_each_frame_and_voice(finder: LocalVoiceFinder) -> None:
    (local,) = finder([window((1, 1.0), (1, 0.0), (2, -1.0))])
    assert local.activity.dtype == np.uint8
    assert local.activity.shape == (FRAMES, 3)
    assert local.activity.max() == 255
    seconds_active = (local.activity > 127).sum(axis=0) * 5 / FRAMES
    assert seconds_active == pytest.approx([1, 2, 0], abs=0.05)


def test_clean_speech_is_where_a_voice_is_alone(finder: LocalVoiceFinder, embed: FakeEmbed) -> None:
    (local,) = finder([window((2, 1.0), (1, 9.0), (1.5, -1.0))])
    assert local.clean == pytest.approx([2, 1.5, 0], abs=0.05)
    assert not embed.masks[0][round(FRAMES * 2.1 / 5) : round(FRAMES * 2.9 / 5)].any()
    assert local.embeddings[0] == pytest.approx([1, 1])
    assert local.embeddings[1] == pytest.approx([-1, -1])


def test_who_speaks_too_little_or_never_alone_has_no_embedding(finder: LocalVoiceFinder) -> None:
    short, over = finder([window((MIN_CLEAN - 0.1, 1.0)), window((3, 9.0))])
    assert np.isnan(short.embeddings).all()
    assert np.isnan(over.embeddings).all()
    assert over.clean == pytest.approx([0, 0, 0], abs=0.05)


def test_silence_has_no_voices(finder: LocalVoiceFinder) -> None:
    (local,) = finder([window((1, 0.0))])
    assert not local.activity.any()
    assert not local.clean.any()


def test_windows_found_together_are_found_as_alone(finder: LocalVoiceFinder) -> None:
    windows = [window((2, 1.0)), window((1, -1.0), (1, 9.0)), window((1, 0.0))]
    for together, one in zip(finder(windows), windows, strict=True):
        assert_same(together, finder([one])[0])


def assert_same(one: LocalVoices, other: LocalVoices) -> None:
    assert (one.index, one.start) == (other.index, other.start)
    assert np.abs(one.activity.astype(int) - other.activity.astype(int)).max() <= 1
    assert one.clean == pytest.approx(other.clean, abs=0.05)
    assert np.allclose(one.embeddings, other.embeddings, atol=1e-3, equal_nan=True)


@pytest.fixture(scope="module")
def real() -> LocalVoiceFinder:
    from pipelines.diarization.embedding import embed_with_ge2e
    from pipelines.models.checkpoints import Multilabel, build_ge2e, build_pyannote
    from pipelines.models.loading import EMBEDDING, SEGMENTATION, require

    return LocalVoiceFinder(
        Multilabel(build_pyannote(require(SEGMENTATION))).eval(), embed_with_ge2e(build_ge2e(require(EMBEDDING)))
    )


def cut(audio: Samples, start: float) -> Window:
    """Five seconds of the recording."""
    first = round(start * SAMPLE_RATE)
    return Window(0, first, audio[first : first + WINDOW])


@pytest.mark.model
def test_local_voices_of_the_sample_speak_when_the_reference_says(real: LocalVoiceFinder, sample: Sample) -> None:
    (local,) = real([cut(sample.samples(), 2.0)])  # Ann until 4.12, Ben from 4.72
    assert local.activity.shape == (FRAMES, 3)
    time = 2.0 + (np.arange(FRAMES) + 0.5) * 5 / FRAMES
    on = local.activity >= 128
    ann, ben = int(on[time < 4].sum(axis=0).argmax()), int(on[time > 5].sum(axis=0).argmax())
    assert ann != ben
    assert on[(time > 2.3) & (time < 3.8), ann].mean() > 0.9
    assert on[time > 5, ben].mean() > 0.9
    assert on[time > 5, ann].mean() < 0.1
    assert local.clean[ann] > 1.5
    assert local.clean[ben] > 1.5


@pytest.mark.model
def test_a_voice_of_the_sample_is_nearer_to_itself_than_to_another(real: LocalVoiceFinder, sample: Sample) -> None:
    audio = sample.samples()
    # Ann, Ben, Ann, Ben in the middle of their turns
    ann, ben, ann_again, ben_again = (
        local.embeddings[int(local.clean.argmax())]
        for start in (0.0, 4.4, 47.4, 33.0)
        for local in real([cut(audio, start)])
    )
    assert ann @ ann_again > ann @ ben
    assert ben @ ben_again > ann @ ben
    assert ben @ ben_again > ann_again @ ben_again


@pytest.mark.model
def test_real_windows_found_together_are_found_as_alone(real: LocalVoiceFinder, sample: Sample) -> None:
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

    finder = LocalVoiceFinder(FakeCounting(), embed)
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
        assert np.array_equal(skipped.clean, computed[0].clean)
        assert np.isnan(skipped.embeddings).all()
    assert_same(again[1], computed[1])


@pytest.mark.model
def test_a_trial_is_the_work_of_windows_with_a_voice(real: LocalVoiceFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[tuple[int, ...]] = []
    embed = real._embed

    def watched(audio: Any, alone: Any) -> Any:
        embedded.append((len(audio), int(alone.sum(dim=1).count_nonzero())))
        return embed(audio, alone)

    monkeypatch.setattr(real, "_embed", watched)
    for windows in (1, 3):
        real.trial(windows)
    assert embedded == [(1, 1), (3, 3)]


class FakeVoice:
    """Hears speech wherever there is sound."""

    def __call__(self, frame: Samples) -> float:
        """1 for sound, 0 for silence."""
        return float(np.abs(frame).max() > 0.1)


def test_windows_say_where_somebody_may_be_speaking() -> None:
    windows = Windows(FakeVoice())
    audio = np.zeros(20 * STEP, np.float32)
    audio[4 * STEP : 6 * STEP] = 0.5
    made = [window for step in Stepper()(audio) for window in windows(step)]
    last = made[-1].voiced
    assert made[3].voiced is not None
    assert not made[3].voiced.any()
    assert last is not None
    assert not last.any()
    middle = made[9].voiced
    assert middle is not None
    seconds = np.flatnonzero(middle) * VOICE_FRAME / SAMPLE_RATE
    assert seconds.min() == pytest.approx(2.0 - 1.2, abs=0.1)
    assert seconds.max() == pytest.approx(3.0 + 1.2, abs=0.1)


def test_a_pause_is_known_to_be_one_once_speech_goes_on() -> None:
    windows = Windows(FakeVoice())
    audio = np.full(20 * STEP, 0.5, np.float32)
    audio[8 * STEP : 9 * STEP] = 0.0
    made = [window for step in Stepper()(audio) for window in windows(step)]
    for at, expected in ((8, 0), (9, 13), (17, 13)):
        paused = made[at].paused
        assert paused is not None
        found = (made[at].start + np.flatnonzero(paused) * VOICE_FRAME) / SAMPLE_RATE
        assert len(found) == expected
        assert ((found > 4.0) & (found < 4.5)).all()


def test_nobody_is_active_in_a_pause_and_voices_are_known_by_all_of_their_speech() -> None:
    finder = LocalVoiceFinder(FakeSegmentation(), FakeEmbed())
    audio, paused = np.ones(WINDOW, np.float32), np.zeros(WINDOW // VOICE_FRAME + 1, np.bool_)
    paused[50:70] = True
    free, held = finder([Window(0, 0, audio), Window(1, 0, audio, paused=paused)])
    silent = np.flatnonzero(held.activity[:, 0] == 0) * WINDOW / FRAMES / VOICE_FRAME
    assert silent.min() == pytest.approx(50, abs=1)
    assert silent.max() == pytest.approx(70, abs=1)
    assert free.activity[:, 0].all()
    assert np.array_equal(free.embeddings[0], held.embeddings[0])
    assert free.clean[0] == held.clean[0]


def test_without_a_voice_model_a_window_may_be_speech_throughout() -> None:
    (window,) = Windows()(Step(0, 0, np.zeros(STEP, np.float32)))
    assert window.voiced is None


def test_no_voice_is_found_where_nobody_can_be_speaking() -> None:
    finder = LocalVoiceFinder(FakeSegmentation(), FakeEmbed())
    audio = np.ones(WINDOW, np.float32)
    free, held = finder([Window(0, 0, audio), Window(1, 0, audio, np.zeros(WINDOW // VOICE_FRAME + 1, np.bool_))])
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

    finder = LocalVoiceFinder(FakeNoting(), embed)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # as SpeechBrain does while it is imported
    if trial:
        finder.trial(1)
    else:
        finder([Window(0, 0, np.zeros(WINDOW, np.float32))])
    assert allowed == [False]
