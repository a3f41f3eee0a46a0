"""Parts by themselves: what gates take away, and how often voices are confused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.recordings import SAMPLE
from benchmarks.parts import Parts, equal_error_rate, gates, main
from meeting.evaluation.evaluate import references
from meeting.evaluation.window_results import WindowResults
from pipelines.audio.recording import read_recording
from pipelines.audio.vad import VadModel
from pipelines.types import SAMPLE_RATE, STEP, VAD_FRAME, WINDOW, LocalSpeakers, Span, Turn


def window(at: int, vector: list[float]) -> LocalSpeakers:
    """One person all the time, in a window that begins with step `at`."""
    activity = np.zeros((100, 2), np.uint8)
    activity[:, 0] = 255
    embeddings = np.array([vector, [np.nan] * len(vector)], np.float32)
    return LocalSpeakers(at, at * STEP, activity, embeddings, np.array([5.0, 0.0]))


def results(vectors: list[list[float]]) -> WindowResults:
    """Windows that share no audio; two people speak in turn, one window each."""
    apart = WINDOW // STEP
    windows = tuple(window(at * apart, vector) for at, vector in enumerate(vectors))
    turns = tuple(Turn(Span(at * WINDOW, (at + 1) * WINDOW), "ab"[at % 2]) for at in range(len(vectors)))
    return WindowResults("made", windows, turns)


def test_voices_that_never_come_near_each_other_have_no_errors() -> None:
    assert equal_error_rate(results([[1.0, 0.0], [0.0, 1.0], [0.96, 0.28], [0.28, 0.96]])) == 0.0


def test_voices_that_say_nothing_of_who_they_are_are_wrong_as_often_as_by_chance() -> None:
    found = equal_error_rate(results([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]] * 3))
    assert found is not None
    assert 0.3 < found < 0.7


def test_windows_that_share_audio_are_no_pair() -> None:
    apart = WINDOW // STEP
    vectors = {0: [1.0, 0.0], 1: [1.0, 0.0], apart + 1: [0.0, 1.0], 3 * apart: [0.0, 1.0]}
    turns = (Turn(Span(0, 2 * WINDOW + STEP), "a"), Turn(Span(3 * WINDOW, 4 * WINDOW), "b"))
    found = WindowResults("made", tuple(window(at, vector) for at, vector in vectors.items()), turns)
    # the two that are alike share nine tenths: without them one person's voices are never alike
    assert equal_error_rate(found) == pytest.approx(2 / 3)


def test_who_is_alone_has_no_rate() -> None:
    assert equal_error_rate(results([[1.0, 0.0]])) is None


def test_what_gates_lose_is_counted_in_frames_of_speech() -> None:
    silence = np.zeros(10 * SAMPLE_RATE, np.float32)
    found = gates(silence, [Turn(Span(2 * SAMPLE_RATE, 4 * SAMPLE_RATE), "a")], VadModel())
    assert found.speech == pytest.approx(2 * SAMPLE_RATE / VAD_FRAME, abs=2)
    assert found.lost == (found.speech, found.speech, 0)
    assert found.kept == 0
    name, minutes, *lost, kept, rate = found.row("silence")
    assert (name, minutes, lost, kept, rate) == ("silence", pytest.approx(1 / 6), [100.0, 100.0, 0.0], 0.0, None)


@pytest.mark.slow
def test_gates_let_a_near_voice_through() -> None:
    (sample,) = references(SAMPLE)
    found = gates(np.concatenate(list(read_recording(sample.audio))), sample.turns, VadModel())
    utterances, windows, pauses = (lost / found.speech for lost in found.lost)
    assert utterances < 0.03
    assert windows < 0.01
    assert pauses < 0.01


def test_recordings_are_pooled_by_frames_and_rates_by_recording() -> None:
    one, two = Parts(60, 100, 100, (1, 2, 3), 10, [0.1]), Parts(60, 300, 100, (3, 2, 1), 30, [0.3])
    assert (one + two).row("both") == ["both", 2.0, 1.0, 1.0, 1.0, 20.0, pytest.approx(20.0)]


@pytest.mark.slow
@pytest.mark.model
def test_the_table_has_a_row_for_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SAMPLE)]) == 0
    told = capsys.readouterr().out
    assert "| windows lose, % |" in told
    assert [line.split(" | ")[0] for line in told.strip().splitlines()[-2:]] == [f"| {SAMPLE.name}", "| all"]


def test_what_is_no_folder_of_recordings_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
