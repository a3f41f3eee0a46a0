"""Pauses inside speech: found between two stretches of it, and nowhere that somebody may be speaking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.diarization.pauses import DROP, LEAST, LONGEST, SIDE, clear_pauses, level
from pipelines.types import VAD_FRAME


def found(*active_runs: tuple[int, float, float]) -> list[int]:
    """The frames of pauses in stretches of (frames, voice probability, decibels)."""
    parts = [np.tile([voice, loudness], (count, 1)) for count, voice, loudness in active_runs]
    whole: NDArray[np.float64] = np.concatenate(parts)
    return np.flatnonzero(clear_pauses(whole[:, 0], whole[:, 1])).tolist()


SPEECH = (20, 0.99, -30.0)


def test_a_pause_between_speech_is_found_but_for_its_outermost_frames() -> None:
    assert found(SPEECH, (15, 0.01, -70.0), SPEECH) == list(range(21, 34))


@pytest.mark.parametrize("length", [1, LEAST - 1, LONGEST + 1])
def test_a_closure_inside_a_word_is_no_pause_and_long_silence_is_left_to_others(length: int) -> None:
    assert found(SPEECH, (length, 0.01, -70.0), SPEECH) == []


@pytest.mark.parametrize("length", [LEAST, LONGEST])
def test_the_shortest_and_the_longest_pause_are_found(length: int) -> None:
    assert len(found(SPEECH, (length, 0.01, -70.0), SPEECH)) == length - 2


def test_a_far_voice_behind_a_near_one_is_no_pause() -> None:
    assert found(SPEECH, (15, 0.01, -30.0 - DROP + 1), SPEECH) == []
    assert found(SPEECH, (15, 0.01, -30.0 - DROP), SPEECH) != []


def test_what_may_be_a_voice_is_no_pause() -> None:
    assert found(SPEECH, (15, 0.1, -70.0), SPEECH) == []


def test_silence_before_and_after_all_speech_is_no_pause() -> None:
    assert found((15, 0.01, -70.0), SPEECH, (15, 0.01, -70.0)) == []


def test_speech_must_be_right_beside_the_pause_on_both_sides() -> None:
    murmur = (SIDE, 0.3, -30.0)
    assert found(SPEECH, (15, 0.01, -70.0), murmur, SPEECH) == []
    assert found(SPEECH, murmur, (15, 0.01, -70.0), SPEECH) == []


def test_the_quieter_side_decides() -> None:
    assert found(SPEECH, (15, 0.01, -60.0), (20, 0.99, -50.0)) == []


def test_a_click_does_not_end_a_pause() -> None:
    assert found(SPEECH, (7, 0.01, -70.0), (1, 0.01, -30.0), (7, 0.01, -70.0), SPEECH) == list(range(21, 34))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-100, 0)), max_size=200))
def test_no_frame_with_a_voice_is_ever_in_a_pause(frames: list[tuple[float, float]]) -> None:
    voices = np.array([voice for voice, _ in frames])
    pauses = clear_pauses(voices, np.array([loudness for _, loudness in frames]))
    assert pauses.shape == voices.shape
    assert not (pauses & (voices >= 0.05)).any()


def test_the_level_of_silence_is_finite_and_that_of_full_scale_zero() -> None:
    assert level(np.zeros(VAD_FRAME, np.float32)) == pytest.approx(-100.0)
    assert level(np.ones(VAD_FRAME, np.float32)) == pytest.approx(0.0)
