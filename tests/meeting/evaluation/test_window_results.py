"""What the models heard, made into speakers again and again."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from meeting.evaluation.evaluate import Reference
from meeting.evaluation.window_results import Errors, TurnGrid, WindowResults, compute_windows, diarization_errors
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions
from pipelines.types import STEP, WINDOW, LocalSpeakers, Span, Speaker, Turn, TurnsRevised, Window
from tests.meeting.recordings.test_replay import recording

THRESHOLDS = Thresholds(window_threshold=0.2, merge_threshold=0.2, match_threshold=0.5)
CLEAN = 4.9


def talk(seconds: int) -> WindowResults:
    """Two voices taking turns of eight seconds, heard without a doubt; the models are not asked."""
    length = seconds * 16_000
    turns = tuple(Turn(Span(at, at + 128_000), "ab"[at // 128_000 % 2]) for at in range(0, length, 128_000))
    voices = []
    for index in range(length // STEP):
        start = (index + 1) * STEP - WINDOW
        frames = start + np.arange(250) * (WINDOW // 250)
        on = np.stack([(frames >= 0) & (frames // 128_000 % 2 == who) for who in (0, 1)], axis=1)
        embeddings = np.eye(2, 8, dtype=np.float32)
        clean = on.mean(axis=0) * WINDOW / 16_000
        embeddings[clean < 0.5] = np.nan
        voices.append(LocalSpeakers(index, start, (on * 255).astype(np.uint8), embeddings, clean))
    return WindowResults("talk", tuple(voices), turns)


def test_clear_voices_are_told_apart() -> None:
    found = diarization_errors(talk(48), SpeakerOptions(THRESHOLDS))
    assert found.refined < 0.05
    assert found.both == (found.live + found.refined) / 2


def test_settings_matter() -> None:
    blind = Thresholds(window_threshold=2.0, merge_threshold=2.0, match_threshold=2.0)
    assert diarization_errors(talk(48), SpeakerOptions(blind)).refined > 0.2


def test_what_was_heard_can_be_used_again() -> None:
    heard = talk(24)
    assert diarization_errors(heard, SpeakerOptions(THRESHOLDS)) == diarization_errors(
        heard, SpeakerOptions(THRESHOLDS)
    )


def test_nothing_heard_is_all_missed() -> None:
    assert diarization_errors(WindowResults("x", (), talk(16).turns), SpeakerOptions(THRESHOLDS)) == Errors(1.0, 1.0)


def test_a_revision_replaces_what_was_told_of_its_stretch() -> None:
    grid = TurnGrid(4)
    grid.take([TurnsRevised(Span(0, 640), (Turn(Span(0, 480), "a"),)), Speaker("b")])
    grid.take([TurnsRevised(Span(160, 320), (Turn(Span(160, 320), "b"),))])
    assert grid.on.tolist() == [[True, False, True, False], [False, True, False, False]]
    assert TurnGrid(4).on.shape == (0, 4)


class FakeEngine:
    """Finds the same voice in each window, but nothing in the second one."""

    def open_vad(self) -> Any:
        """Hears speech everywhere."""
        return lambda frame: 1.0

    def find_speakers(self, window: Window) -> Future[LocalSpeakers | None]:
        """At once."""
        found: Future[LocalSpeakers | None] = Future()
        voice = np.zeros((9, 1), np.uint8), np.ones((1, 4), np.float32), np.array([CLEAN])
        found.set_result(None if window.index == 1 else LocalSpeakers(window.index, window.start, *voice))
        return found


def test_every_window_of_a_recording_is_listened_to_with_its_tail(tmp_path: Path) -> None:
    engine: Any = FakeEngine()
    turns = (Turn(Span(0, 10), "a"),)
    heard = compute_windows(Reference(recording(tmp_path, 2.3), (), turns), engine)
    assert [local.index for local in heard.windows] == [0, *range(2, 14)]
    assert (heard.name, heard.turns) == ("talk", turns)
    assert heard.cells == (heard.windows[-1].start + WINDOW) // 160
