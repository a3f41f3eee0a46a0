"""Audio that never arrived, found in the frames' capture times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.gaps import LEAST, LONGEST, GapFinder, reason
from meeting.messages import AudioFrame, AudioInfo
from pipelines.types import SAMPLE_RATE

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
    assert found(0.0, 0.1 + LEAST / 2, 0.2, -3.0 + 3.0, 0.1) == [0.0] * 5


def test_a_client_without_a_clock_has_no_gaps() -> None:
    assert found(0.0, 0.0, 0.0) == [0.0] * 3


@pytest.mark.parametrize("audio", [AudioInfo("webm_opus"), AudioInfo("pcm_s16le", 0), AudioInfo("pcm_s16le", 16000, 0)])
def test_frames_of_unknown_length_have_no_gaps(audio: AudioInfo) -> None:
    assert found(0.0, 50.0, audio=audio) == [0.0, 0.0]


def test_a_short_gap_is_silence_of_its_length_and_a_long_one_is_named() -> None:
    finder = GapFinder(MONO)
    assert finder.silence(2.5) == 40_000
    assert finder.silence(3600) == round((LONGEST - 2.5) * SAMPLE_RATE)
    assert reason(2.5, 40_000) == "sound that never arrived"
    assert reason(3600, 960_000) == "3600 s of sound never arrived; shortened here to 60 s"


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_no_clock_of_a_client_makes_more_silence_than_was_heard_and_a_minute(times: list[int]) -> None:
    finder, silence = GapFinder(MONO), 0
    for seq, time in enumerate(times):
        missing = finder(AudioFrame(seq, time, TENTH))
        if missing:
            silence += finder.silence(missing)
    assert silence / SAMPLE_RATE <= LONGEST + 0.1 * len(times) + 1e-3
