"""Windows over the audio, and where in them somebody may be speaking."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.audio.steps import StepChunker
from pipelines.diarization.windows import SPEECH_MARGIN, WindowBuffer, possible_speech
from pipelines.types import SAMPLE_RATE, STEP, VAD_FRAME, WINDOW, Samples, Span, Step, Window


def steps(count: int, last: int = STEP) -> list[Step]:
    """Steps whose samples count up from 1 (so that silence, 0, is told apart)."""
    audio = np.arange(1, (count - 1) * STEP + last + 1, dtype=np.float32)
    return [Step(i, i * STEP, audio[i * STEP : (i + 1) * STEP]) for i in range(count)]


def windows_of(parts: list[Step]) -> list[Window]:
    """All windows, those of the flush too."""
    windows = WindowBuffer()
    return [*(window for step in parts for window in windows(step)), *windows.flush()]


def test_each_step_gives_one_window_that_ends_with_it() -> None:
    windows = WindowBuffer()
    for step in steps(14):
        (window,) = windows(step)
        assert (window.index, window.start) == (step.index, step.span.end - WINDOW)
        assert len(window.audio) == WINDOW
        assert np.array_equal(window.audio[-STEP:], step.audio)


def test_the_first_window_is_silence_and_the_first_step() -> None:
    (window,) = WindowBuffer()(steps(1)[0])
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
    assert WindowBuffer().flush() == []


class FakeVoice:
    """Hears speech wherever there is sound."""

    def __call__(self, frame: Samples) -> float:
        """1 for sound, 0 for silence."""
        return float(np.abs(frame).max() > 0.1)


def test_windows_say_where_somebody_may_be_speaking() -> None:
    windows = WindowBuffer(FakeVoice())
    audio = np.zeros(20 * STEP, np.float32)
    audio[4 * STEP : 6 * STEP] = 0.5
    made = [window for step in StepChunker()(audio) for window in windows(step)]
    last = made[-1].voiced
    assert made[3].voiced is not None
    assert not made[3].voiced.any()
    assert last is not None
    assert not last.any()
    middle = made[9].voiced
    assert middle is not None
    seconds = np.flatnonzero(middle) * VAD_FRAME / SAMPLE_RATE
    assert seconds.min() == pytest.approx(2.0 - 1.2, abs=0.1)
    assert seconds.max() == pytest.approx(3.0 + 1.2, abs=0.1)


def test_a_pause_is_known_to_be_one_once_speech_goes_on() -> None:
    windows = WindowBuffer(FakeVoice())
    audio = np.full(20 * STEP, 0.5, np.float32)
    audio[8 * STEP : 9 * STEP] = 0.0
    made = [window for step in StepChunker()(audio) for window in windows(step)]
    for at, expected in ((8, 0), (9, 13), (17, 13)):
        paused = made[at].paused
        assert paused is not None
        found = (made[at].start + np.flatnonzero(paused) * VAD_FRAME) / SAMPLE_RATE
        assert len(found) == expected
        assert ((found > 4.0) & (found < 4.5)).all()


def test_without_a_voice_model_a_window_may_be_speech_throughout() -> None:
    (window,) = WindowBuffer()(Step(0, 0, np.zeros(STEP, np.float32)))
    assert window.voiced is None


@pytest.mark.parametrize(("probability", "kept"), [(0.95, True), (0.1, True), (0.09, False), (0.0, False)])
def test_weak_speech_may_be_speech_and_so_may_what_is_near_it(probability: float, kept: bool) -> None:
    voices = np.zeros(5 * SPEECH_MARGIN)
    voices[2 * SPEECH_MARGIN] = probability
    near = np.abs(np.arange(len(voices)) - 2 * SPEECH_MARGIN) <= SPEECH_MARGIN
    assert np.array_equal(possible_speech(voices), near & kept)
