"""What sources hear above their own noise, and whether that is the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meeting.joining.levels import (
    BANDS,
    FLOOR_FRAMES,
    HIGHEST,
    HISTORY_FRAMES,
    LOWEST_FLOOR,
    LevelTrack,
    Pairs,
    coherence,
    frames,
    is_active,
)
from meeting.joining.selection import TYPICAL
from pipelines.types import LEVEL_FRAME, LevelsHeard, Span


def flat(level: float, count: int) -> NDArray[np.float32]:
    """The same level in all bands."""
    return np.full((count, BANDS), level, np.float32)


def track(*parts: tuple[int, NDArray[np.float32]]) -> LevelTrack:
    """Levels from some frames of the meeting on."""
    made = LevelTrack()
    for start, levels in parts:
        made.put(start * LEVEL_FRAME, LevelsHeard(0, levels))
    return made


def test_a_span_lies_in_all_frames_that_it_touches() -> None:
    assert frames(Span(0, LEVEL_FRAME)) == (0, 1)
    assert frames(Span(LEVEL_FRAME - 1, LEVEL_FRAME + 1)) == (0, 2)


def test_levels_count_from_the_noise_floor() -> None:
    heard = track((0, flat(-60, 50)), (50, flat(-35, 10))).heard(48, 60)
    assert heard is not None
    assert heard[:, 0].tolist() == pytest.approx([0, 0, *[25] * 10])


def test_what_suppresses_noise_gains_nothing_by_it_and_loudness_has_an_end() -> None:
    heard = track((0, flat(-100, 50)), (50, flat(-60, 5)), (55, flat(0, 5))).heard(50, 60)
    assert heard is not None
    assert heard[:, 0].tolist() == pytest.approx([*[-60 - LOWEST_FLOOR] * 5, *[HIGHEST] * 5])


def test_the_noise_floor_is_that_of_the_last_minute() -> None:
    later = FLOOR_FRAMES + 100
    heard = track((0, flat(-70, 100)), (100, flat(-50, FLOOR_FRAMES)), (later - 10, flat(-40, 10))).heard(
        later - 5, later
    )
    assert heard is not None
    assert heard.max() == pytest.approx(10)


def test_levels_that_come_late_change_the_noise_floor_behind_them() -> None:
    made = track((50, flat(-35, 10)))
    assert made.heard(50, 60) is not None
    made.put(0, LevelsHeard(0, flat(-60, 50)))
    heard = made.heard(50, 60)
    assert heard is not None
    assert heard.min() == pytest.approx(25)


def test_where_hardly_anything_is_known_nothing_is_said() -> None:
    made = track((10, flat(-60, 10)), (30, flat(-60, 2000)))
    assert made.heard(0, 15) is None
    assert made.heard(5, 15) is not None
    assert made.heard(20, 29) is None
    assert made.heard(3000, 3010) is None
    assert made.heard(-5, 0) is None


def test_what_is_not_known_yet_is_left_off() -> None:
    heard = track((0, flat(-60, 20))).heard(10, 25)
    assert heard is not None
    assert len(heard) == 10


def envelope(seed: int, count: int = 40) -> NDArray[np.float32]:
    """Some speech, decibels above the noise."""
    return np.clip(np.random.default_rng(seed).normal(15, 12, (count, BANDS)), 0, None).astype(np.float32)


def test_somebody_is_heard_who_is_louder_than_the_noise() -> None:
    assert is_active(envelope(1))
    assert not is_active(flat(2, 40))


@pytest.mark.parametrize("lag", [-4, -1, 0, 3, 4])
def test_the_same_speech_is_coherent_also_where_it_is_late_and_less_loud(lag: int) -> None:
    speech = envelope(1, 60)
    assert coherence(speech[10:50], np.clip(speech[10 + lag : 50 + lag] - 6, 0, None)) > 0.9
    assert coherence(speech[10:50], speech[10 + lag : 40 + lag]) > 0.99


def test_other_speech_is_not_coherent_nor_is_silence() -> None:
    assert all(coherence(envelope(at), envelope(at + 100)) < 0.4 for at in range(50))
    assert coherence(envelope(1), flat(0, 40)) == 0.0
    assert coherence(envelope(1), flat(0, 0)) == 0.0


# Two sources for a while


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
