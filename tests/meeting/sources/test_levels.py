"""The level meter: right in decibels, in the right band, and the same however the audio is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.sources.levels import LevelMeter
from pipelines.types import LEVEL_BANDS, LEVEL_FRAME, LEVEL_SILENCE, SAMPLE_RATE, LevelsHeard, Samples, Span


def tone(hertz: float, seconds: float, peak: float = 0.5) -> Samples:
    """A sine."""
    return (peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def metered(*parts: Samples) -> list[LevelsHeard]:
    """All that the meter tells of audio that comes in these parts."""
    meter = LevelMeter()
    return [*(told for part in parts for told in meter.feed(part)), *meter.flush()]


@pytest.mark.parametrize("peak", [1.0, 0.5, 0.01])
def test_the_loudness_is_the_root_mean_square_in_decibels(peak: float) -> None:
    (told,) = metered(tone(440, 0.5, peak))
    assert told.loudness == pytest.approx(np.full(5, 20 * np.log10(peak / np.sqrt(2))), abs=0.01)


def test_noise_is_as_loud_in_all_bands_together_as_its_samples_are() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE // 2).astype(np.float32)
    (told,) = metered(noise)
    expected = 10 * np.log10(np.mean(noise.reshape(-1, LEVEL_FRAME).astype(np.float64) ** 2, axis=1))
    assert told.loudness == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(("hertz", "band"), [(100, 0), (500, 1), (1000, 2), (2000, 3), (5000, 4), (8000, 4)])
def test_a_tone_is_heard_in_its_band(hertz: int, band: int) -> None:
    audio = tone(hertz, 0.5) if hertz < 8000 else np.tile(np.float32([0.5, -0.5]), SAMPLE_RATE // 4)
    (told,) = metered(audio)
    assert told.levels.shape == (5, len(LEVEL_BANDS) - 1)
    assert np.all(np.argmax(told.levels, axis=1) == band)
    assert np.all(np.delete(told.levels, band, axis=1) < -60)


def test_silence_is_the_lowest_level_and_no_error() -> None:
    (told,) = metered(np.zeros(SAMPLE_RATE // 2, np.float32))
    assert np.all(told.levels == LEVEL_SILENCE)
    assert told.loudness == pytest.approx(np.full(5, LEVEL_SILENCE + 10 * np.log10(5)), abs=0.01)


def test_half_seconds_are_told_as_soon_as_they_are_complete_and_the_rest_at_the_end() -> None:
    meter = LevelMeter()
    assert meter.feed(tone(440, 0.49)) == []
    assert [told.span for told in meter.feed(tone(440, 1.02))] == [
        Span(0, 8000),
        Span(8000, 16000),
        Span(16000, 24000),
    ]
    assert [told.span for told in meter.flush()] == [Span(24000, 24000 + LEVEL_FRAME)]
    assert meter.flush() == []


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=20))
def test_how_the_audio_is_cut_leaves_no_trace(cuts: list[int]) -> None:
    audio = np.random.default_rng(2).normal(0, 0.1, 30_000).astype(np.float32)
    whole, parts = metered(audio), metered(*np.split(audio, sorted(cuts)))
    assert [told.start for told in parts] == [told.start for told in whole]
    assert all(np.array_equal(one.levels, other.levels) for one, other in zip(parts, whole, strict=True))
