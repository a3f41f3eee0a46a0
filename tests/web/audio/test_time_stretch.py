"""Speech faster or slower at the same pitch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Run

TONE = """async (asked) => {
  const { TimeStretch } = await load('audio/time-stretch.js')
  const tone = Float32Array.from({ length: 32000 }, (_, i) => Math.sin((2 * Math.PI * 200 * i) / 16000))
  return asked.map(([rate, chunk]) => {
    const stretch = new TimeStretch(rate)
    const out = []
    for (let at = 0; at < tone.length; at += chunk) {
      out.push(...stretch.push(tone.slice(at, at + chunk), at + chunk >= tone.length))
    }
    const middle = out.slice(800, Math.floor(32000 / rate) - 800)
    const rises = middle.filter((sample, i) => i && middle[i - 1] < 0 && sample >= 0).length
    const steps = middle.slice(1).map((sample, i) => Math.abs(sample - middle[i]))
    const all = out.reduce((sum, sample, i) => sum + sample * ((i % 97) + 1), 0)
    return { length: out.length, pitch: (rises * 16000) / middle.length, peak: Math.max(...middle.map(Math.abs)),
      step: Math.max(...steps), all }
  })
}"""
"""Two seconds of a tone of 200 Hz at several rates, given in chunks: what comes out"""


def stretched(javascript: Run, *asked: tuple[float, int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = javascript(TONE, asked)
    return found


def test_it_takes_another_time_at_the_same_pitch_without_a_click(javascript: Run) -> None:
    rates = [0.75, 1, 1.25, 1.5, 1.75, 2]
    for rate, found in zip(rates, stretched(javascript, *((rate, 8000) for rate in rates)), strict=True):
        assert abs(found["length"] - 32000 / rate) < 800, rate
        assert abs(found["pitch"] - 200) < 4, rate
        assert 0.9 < found["peak"] <= 1.01, rate
        assert found["step"] < 0.12, rate  # from one sample to the next; a tone of that pitch has 0.08


def test_the_same_comes_out_however_it_is_cut(javascript: Run) -> None:
    whole, *cut = stretched(javascript, (1.5, 32000), (1.5, 1234), (1.5, 100))
    assert cut == [pytest.approx(whole)] * 2
