"""Noise, levels, limiter, clipping, telephone and Opus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from benchmarks.rooms import channel
from benchmarks.rooms.channel import babble, clipped, limited, looped, opus, pink, telephone
from benchmarks.rooms.clips import rms
from pipelines.types import SAMPLE_RATE
from tests.benchmarks.rooms.conftest import tone


def power(audio: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio)) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    return float(spectrum[(hertz >= low) & (hertz < high)].sum())


def test_pink_noise_has_as_much_power_in_every_octave() -> None:
    noise = pink(20 * SAMPLE_RATE, np.random.default_rng(0))
    assert rms(noise) == pytest.approx(1)
    assert power(noise, 200, 400) == pytest.approx(power(noise, 3200, 6400), rel=0.1)


def test_noise_goes_round_without_a_click() -> None:
    short = tone(1.0, 100)
    long = looped(short, 5 * SAMPLE_RATE, np.random.default_rng(0))
    assert len(long) == 5 * SAMPLE_RATE
    assert np.abs(np.diff(long)).max() < 2 * np.abs(np.diff(short / rms(short))).max()
    assert rms(babble([short, tone(1.0, 170)], 800, np.random.default_rng(0))) == pytest.approx(1)


def test_the_limiter_leaves_quiet_sound_and_holds_the_loud() -> None:
    quiet = tone(0.1, 200, 0.3)
    assert limited(quiet) == pytest.approx(quiet)
    assert np.abs(limited(tone(0.1, 200, 5.0))).max() <= channel.CEILING


def test_clipping_cuts_what_is_over_full_scale() -> None:
    audio, share = clipped(tone(1.0, 200, 0.01), 6.0)
    assert np.abs(audio).max() == 1.0
    assert share == pytest.approx(2 / 3, abs=0.02)  # of a sine, what is above half of its peak


def test_a_telephone_passes_its_band_only() -> None:
    inside, above, below = (telephone(tone(1.0, hertz)) for hertz in (1000, 5000, 60))
    assert rms(inside) == pytest.approx(rms(tone(1.0, 1000)), rel=0.1)
    assert rms(above) < 0.03 * rms(inside)
    assert rms(below) < 0.05 * rms(inside)


@pytest.mark.parametrize("line", [telephone, partial(opus, kilobits=16), partial(opus, kilobits=24)])
def test_a_line_keeps_length_and_time_and_is_the_same_again(line: Callable[[np.ndarray], np.ndarray]) -> None:
    random = np.random.default_rng(0)
    audio = np.convolve(random.standard_normal(2 * SAMPLE_RATE), np.hanning(9), "same")
    audio *= 0.1 * (np.arange(len(audio)) // 4000 % 2)  # bursts of a quarter of a second
    heard = line(audio)
    assert len(heard) == len(audio)
    assert (heard == line(audio)).all()
    envelopes = [np.abs(one).reshape(-1, 160).mean(axis=1) for one in (audio, heard)]
    late = np.correlate(envelopes[1], envelopes[0], "full").argmax() - (len(envelopes[0]) - 1)
    assert abs(late) <= 1  # frames of 10 ms
