"""How much two sources have heard the same of late."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.joining.levels import BANDS, LevelTrack
from meeting.joining.pairs import HISTORY_FRAMES, Pairs
from meeting.joining.selection import TYPICAL
from pipelines.types import LEVEL_FRAME, LevelsHeard


def put(track: LevelTrack, start: int, count: int, seed: int | None) -> None:
    """Speech of a seed for some frames, or the noise alone."""
    levels = np.full((count, BANDS), -70.0, np.float32)
    if seed is not None:
        speech = np.clip(np.random.default_rng(seed).normal(15, 12, (count, BANDS)), 0, None)
        speech[::4] = 0  # pauses, from which the noise floor is known
        levels += speech.astype(np.float32)
    track.put(start * LEVEL_FRAME, LevelsHeard(0, levels))


def tracks(*parts: tuple[int | None, int | None]) -> dict[str, LevelTrack]:
    """Two sources that hear speech of these seeds, 100 frames each."""
    made = {"a": LevelTrack(), "b": LevelTrack()}
    for at, seeds in enumerate(parts):
        for track, seed in zip(made.values(), seeds, strict=True):
            put(track, 100 * at, 100, seed)
    return made


def test_sources_that_hear_the_same_are_known_to() -> None:
    pairs = Pairs(tracks((None, None), (1, 1), (2, 2)))
    assert pairs.typical("a", "b", 300) == pytest.approx(1.0, abs=0.05)
    assert pairs.typical("b", "a", 300) == pairs.typical("a", "b", 300)
    low = Pairs(tracks((None, None), (1, 3), (2, 4))).typical("a", "b", 300)
    assert low is not None
    assert low < TYPICAL


def test_nothing_is_known_of_sources_that_never_heard_somebody_at_once() -> None:
    pairs = Pairs(tracks((None, None), (1, None), (None, 2)))
    assert pairs.typical("a", "b", 190) is None


def test_what_is_long_ago_does_not_count() -> None:
    parts = [(None, None), (1, 1), *[(None, None)] * (HISTORY_FRAMES // 100 + 1)]
    pairs = Pairs(tracks(*parts))
    assert pairs.typical("a", "b", 200) is not None
    assert pairs.typical("a", "b", 100 * len(parts)) is None


def test_levels_that_come_late_count() -> None:
    made = tracks((None, None), (1, None), (None, None))
    pairs = Pairs(made)
    assert pairs.typical("a", "b", 250) is None
    put(made["b"], 100, 100, 1)
    pairs.levels_changed("b", 100)
    assert pairs.typical("a", "b", 250) == pytest.approx(1.0, abs=0.1)
