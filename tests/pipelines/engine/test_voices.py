"""How one person sounds, out of what the models say of windows."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from pipelines.engine.voices import HOP, find_voice
from pipelines.types import SAMPLE_RATE, WINDOW, LocalSpeakers, Window


class Finder:
    """Stands in for an engine: says of each window what was prepared."""

    def __init__(self, *found: LocalSpeakers | None) -> None:
        self.found = list(found)
        self.windows: list[Window] = []

    def find_speakers(self, window: Window) -> Future[LocalSpeakers | None]:
        """The next answer."""
        self.windows.append(window)
        future: Future[LocalSpeakers | None] = Future()
        future.set_result(self.found[(len(self.windows) - 1) % len(self.found)])
        return future


def local(*voices: tuple[float, float]) -> LocalSpeakers:
    """Local speakers: degrees of the embedding and seconds alone."""
    angles = np.radians([degrees for degrees, _ in voices])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    seconds = np.array([alone for _, alone in voices])
    embeddings[seconds < 0.5] = np.nan
    return LocalSpeakers(0, 0, np.zeros((4, len(voices)), np.uint8), embeddings, seconds)


def test_the_voice_that_is_heard_most_counts_by_how_long_it_is_heard() -> None:
    finder = Finder(local((0, 4.0), (90, 0.2)), local((90, 0.4), (30, 4.0)))
    voice = find_voice(finder, "spk1", np.zeros(HOP, np.float32))  # type: ignore[arg-type]
    assert voice is not None
    assert np.degrees(np.arctan2(*voice.embedding[::-1])) == pytest.approx(15, abs=0.1)
    assert np.linalg.norm(voice.embedding) == pytest.approx(1)
    assert voice.seconds == 4.0  # what windows share is one stretch of speech


def test_seconds_are_those_of_the_audio_however_many_windows_hold_them() -> None:
    voice = find_voice(Finder(local((0, 5.0))), "spk1", np.zeros(60 * SAMPLE_RATE, np.float32))  # type: ignore[arg-type]
    assert voice is not None
    assert voice.seconds == pytest.approx(60, abs=4)


@pytest.mark.parametrize("length", [1, SAMPLE_RATE, WINDOW + 7])
def test_every_instant_is_in_as_many_windows(length: int) -> None:
    finder = Finder(local((0, 1.0)))
    find_voice(finder, "spk1", np.ones(length, np.float32))  # type: ignore[arg-type]
    assert {len(window.audio) for window in finder.windows} == {WINDOW}
    assert sum(window.audio.sum() for window in finder.windows) == length * WINDOW // HOP


@pytest.mark.parametrize("found", [None, local((0, 0.3))], ids=["left out", "never alone"])
def test_where_nobody_is_heard_there_is_no_voice(found: LocalSpeakers | None) -> None:
    assert find_voice(Finder(found), "spk1", np.zeros(WINDOW, np.float32)) is None  # type: ignore[arg-type]
