"""From any rate and number of channels to 16 kHz mono: nothing is lost or added, whatever changes on the way."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.audio.resampling import MonoResampler, Resampler, to_mono
from pipelines.types import SAMPLE_RATE
from tests.fakes.containers import tone


@pytest.mark.parametrize("rate", [4000, 11025, 22050, 96000, 384000])
def test_the_resampler_loses_and_adds_nothing(rate: int) -> None:
    resample = Resampler(rate)
    out = [resample(part[:, 0]) for part in np.array_split(tone(rate, 1), 7)]
    total = sum(map(len, out)) + len(resample(np.zeros(0, np.float32), last=True))
    assert abs(total - SAMPLE_RATE) <= 1


def test_one_broken_channel_does_not_silence_the_other() -> None:
    np.testing.assert_array_equal(to_mono(np.array([[np.nan, 0.5], [-np.inf, np.inf]], np.float32)), [0.25, 0.0])


def test_what_a_resampler_holds_comes_out_when_the_rate_changes_and_at_the_end() -> None:
    unify, out = MonoResampler(), []
    for rate, channels in ((48_000, 2), (48_000, 1), (44_100, 3), (16_000, 1), (8000, 1)):
        out += unify(rate, channels, tone(rate, 1, channels).astype("<f4").tobytes())
    out += unify.flush()
    assert sum(map(len, out)) == pytest.approx(5 * SAMPLE_RATE, abs=8)
    assert unify.flush() == []


def test_the_cut_of_the_bytes_never_changes_the_samples() -> None:
    data, size = tone(44_100, 0.5, 3).astype("<f4").tobytes(), 3 * 4
    whole = MonoResampler()
    parts = MonoResampler()
    cut = [parts(44_100, 3, data[at : at + 100 * size]) for at in range(0, len(data), 100 * size)]
    np.testing.assert_array_equal(
        np.concatenate([*(piece for some in cut for piece in some), *parts.flush()]),
        np.concatenate([*whole(44_100, 3, data), *whole.flush()]),
    )
