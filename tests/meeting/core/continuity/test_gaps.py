"""Audio that never arrived, found in the frames' capture times."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.continuity.gaps import MAX_GAPS, MAX_SILENCE, MIN_MISSING, REPORT_AGAIN, GapFinder, GapList, reason
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from pipelines.types import SAMPLE_RATE, Span

MONO = AudioInfo("pcm_s16le", 16000, 1)
TENTH = bytes(3200)
US = 1_000_000


def frames(*times: float, payload: bytes = TENTH) -> list[AudioFrame]:
    return [AudioFrame(seq, round(time * US), payload) for seq, time in enumerate(times)]


def found(*times: float, audio: AudioInfo = MONO) -> list[float]:
    finder = GapFinder(audio)
    return [finder(frame) for frame in frames(*times)]


def test_frames_that_follow_each_other_have_no_gap() -> None:
    assert found(0.0, 0.1, 0.2, 0.3) == [0.0] * 4


def test_time_that_passed_without_sound_is_a_gap() -> None:
    assert found(100.0, 100.1, 105.2, 105.3) == [0.0, 0.0, 5.0, 0.0]


def test_clocks_that_differ_a_little_or_go_back_make_no_gap() -> None:
    assert found(0.0, 0.1 + MIN_MISSING / 2, 0.2, -3.0 + 3.0, 0.1) == [0.0] * 5


def test_a_client_without_a_clock_has_no_gaps() -> None:
    assert found(0.0, 0.0, 0.0) == [0.0] * 3


@pytest.mark.parametrize("audio", [AudioInfo("webm_opus"), AudioInfo("pcm_s16le", 0), AudioInfo("pcm_s16le", 16000, 0)])
def test_frames_of_unknown_length_have_no_gaps(audio: AudioInfo) -> None:
    assert found(0.0, 50.0, audio=audio) == [0.0, 0.0]


def test_a_short_gap_is_silence_of_its_length_and_a_long_one_is_named() -> None:
    finder = GapFinder(MONO)
    assert finder.silence(2.5) == 40_000
    assert finder.silence(3600) == round((MAX_SILENCE - 2.5) * SAMPLE_RATE)
    assert reason(2.5, 40_000) == "sound that never arrived"
    assert reason(3600, 960_000) == "3600 s of sound never arrived; shortened here to 60 s"


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_no_clock_of_a_client_makes_more_silence_than_was_heard_and_a_minute(times: list[int]) -> None:
    finder, silence = GapFinder(MONO), 0
    for seq, time in enumerate(times):
        missing = finder(AudioFrame(seq, time, TENTH))
        if missing:
            silence += finder.silence(missing)
    assert silence / SAMPLE_RATE <= MAX_SILENCE + 0.1 * len(times) + 1e-3


def told(*gaps: tuple[int, int, float]) -> list[Gap]:
    """All that is told of gaps (start, silence, seconds missing), the last of each place standing."""
    kept, standing = GapList("src"), {}
    for gap in gaps:
        standing.update({one.span.start: one for one in kept.add(*gap)})
    standing.update({one.span.start: one for one in kept.flush()})
    assert kept.flush() == []
    return list(standing.values())


def test_gaps_apart_are_told_one_by_one() -> None:
    assert told((100, 50, 0.4), (200, 50, 0.4)) == [
        Gap("src", Span(100, 150), "sound that never arrived"),
        Gap("src", Span(200, 250), "sound that never arrived"),
    ]


def test_gaps_that_touch_are_one() -> None:
    second = SAMPLE_RATE
    (gap,) = told((second, 2 * second, 2.0), (3 * second, second, 1.0), (4 * second, 0, 5.0))
    assert gap == Gap("src", Span(second, 4 * second), "8 s of sound never arrived; shortened here to 3 s")


def test_however_many_gaps_there_are_a_bounded_number_is_told_and_all_that_is_missing_is_named() -> None:
    second = SAMPLE_RATE
    many = [(3 * i * second, second, 1.0) for i in range(12_000)]
    kept, tellings = GapList("src"), 0
    for gap in many:
        tellings += len(kept.add(*gap))
    standing = told(*many)
    assert len(standing) == MAX_GAPS
    assert (
        standing[: MAX_GAPS - 1]
        == [Gap("src", Span(at, at + second), "sound that never arrived") for at, _, _ in many][: MAX_GAPS - 1]
    )
    last = standing[-1]
    assert last.span == Span(3 * (MAX_GAPS - 1) * second, 35_998 * second)
    assert (
        last.reason
        == f"{12_000 - MAX_GAPS + 1} s of sound never arrived, in {12_000 - MAX_GAPS + 1} places from here on"
    )
    assert tellings <= MAX_GAPS + 36_000 * second // REPORT_AGAIN


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(1, 9)), max_size=40))
def test_gaps_are_in_order_and_nothing_missing_is_left_out(found: list[tuple[int, int, float]]) -> None:
    at, gaps = 0, []
    for heard, silence, missing in found:
        at += heard
        gaps.append((at, silence, missing))
        at += silence
    standing = told(*gaps)
    assert told(*gaps) == standing
    assert all(a.span.end < b.span.start for a, b in itertools.pairwise(standing))
    covered = {n for gap in standing for n in range(gap.span.start, gap.span.end)}
    assert {n for start, silence, _ in gaps for n in range(start, start + silence)} <= covered
