"""Several sources added up on the clock of their meeting."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.core.placing import Anchor
from meeting.storage.files.mix_gains import FULL, SOFT, MixGains
from meeting.storage.files.mixing import KNEE, STOOD_STILL, ReadSound, Sound, mix
from pipelines.types import Span, samples

NOISE = np.random.default_rng(3).integers(-5000, 5000, 20_000).astype(np.int16)
RAMP = np.arange(0, 8000, 10).astype(np.int16)


def reading(sound: Sound) -> ReadSound:
    """As from a file that is followed by zeros; what lies before it is not asked for."""

    def read(start: int, end: int) -> Sound:
        assert 0 <= start < end
        return np.concatenate([sound[start:end], np.zeros(end - max(start, min(end, len(sound))), np.int16)])

    return read


def heard(sound: Sound, anchors: tuple[Anchor, ...], span: Span) -> list[int]:
    return mix([(anchors, reading(sound))], span).tolist()


def test_each_source_is_heard_where_it_stands_and_all_are_added_up() -> None:
    sources = [((), reading(NOISE[:1000])), (((0, 400),), reading(NOISE[1000:3000]))]
    expected = np.zeros(3000, np.int16)
    expected[:1000] += NOISE[:1000]
    expected[400:2400] += NOISE[1000:3000]
    assert np.array_equal(mix(sources, Span(0, 3000)), expected)
    assert np.array_equal(mix(sources, Span(350, 450)), expected[350:450])
    assert not mix([], Span(0, 10)).any()


def test_a_source_is_heard_as_loud_as_it_is_to_be_each_part_as_in_the_whole() -> None:
    second = samples(1.0)
    loud = np.full(8 * second, 1000, np.int16)
    sources = [((), reading(loud)), (((0, second),), reading(-2 * loud))]
    gains = MixGains([[Span(2 * second, 4 * second)], [Span(6 * second, 7 * second)]])
    whole = mix(sources, Span(0, 9 * second), gains)
    soft, softer = round(2000 * SOFT / FULL), round(1000 * SOFT / FULL)
    assert [int(whole[samples(at)]) for at in (0.5, 1.5, 3, 5, 6.5)] == [
        1000,
        -1000,
        1000 - soft,
        -1000,
        softer - 2000,
    ]
    parts = [mix(sources, Span(at, min(at + 9001, 9 * second)), gains) for at in range(0, 9 * second, 9001)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_before_a_source_began_and_behind_its_end_it_is_silent() -> None:
    assert heard(RAMP[1:4], ((0, 5),), Span(3, 10)) == [0, 0, 10, 20, 30, 0, 0]
    assert heard(RAMP[1:4], ((0, 5),), Span(0, 3)) == [0, 0, 0]


def test_a_source_that_was_late_by_little_is_stretched_and_one_that_ran_ahead_is_squeezed() -> None:
    late = ((0, 0), (10, 10), (11, 15), (20, 24))
    assert heard(RAMP, late, Span(8, 18)) == [80, 90, 100, 102, 104, 106, 108, 110, 120, 130]
    ahead = ((0, 0), (10, 10), (20, 15))
    assert heard(RAMP, ahead, Span(8, 18)) == [80, 90, 100, 120, 140, 160, 180, 200, 210, 220]


def test_while_a_source_stood_still_it_is_silent() -> None:
    long = STOOD_STILL + 1
    anchors = ((0, 0), (10, 10), (11, 10 + long), (12, 11 + long))
    found = heard(RAMP, anchors, Span(0, 20 + long))
    assert found[:10] == RAMP[:10].tolist()
    assert not any(found[10 : 10 + long])
    assert found[10 + long : 12 + long] == [110, 120]


def test_a_part_is_what_it_is_in_the_whole() -> None:
    anchors = ((0, 30), (4000, 4031), (4001, 4100), (7000, 6000))
    whole = mix([(anchors, reading(NOISE)), ((), reading(NOISE[::-1]))], Span(0, 12_000))
    for start, end in ((0, 31), (4030, 4033), (4050, 4999), (5000, 5001), (5999, 12_000)):
        part = mix([(anchors, reading(NOISE)), ((), reading(NOISE[::-1]))], Span(start, end))
        assert np.array_equal(part, whole[start:end])


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_too_loud_together_is_made_less_loud_without_a_jump(sign: int) -> None:
    rising = (sign * np.arange(0, 32_767, 7)).astype(np.int16)
    alike = [((), reading(rising))] * 9
    total, found = 9 * rising.astype(int), mix(alike, Span(0, len(rising))).astype(int)
    low = np.abs(total) <= KNEE
    assert np.array_equal(found[low], total[low])
    steps = sign * np.diff(found)
    assert steps.min() >= 0
    assert steps.max() <= 63
    assert 32_000 < np.abs(found).max() <= 32_767
