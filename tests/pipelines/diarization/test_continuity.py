"""Which local speaker continues which one of the window before."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.diarization.activity import INACTIVE, UNIDENTIFIED
from pipelines.diarization.continuity import MIN_SHARED_FRAMES, carry_over, continued, links_of
from pipelines.types import STEP, LocalSpeakers

FRAMES = 300
HOP = FRAMES // 10
LEVEL = 128


def window(index: int, *active: tuple[int, int], level: int = 255) -> LocalSpeakers:
    """A window whose local speakers are active between two frames each."""
    activity = np.zeros((FRAMES, len(active)), np.uint8)
    for voice, (start, end) in enumerate(active):
        activity[start:end, voice] = level
    return LocalSpeakers(index, index * STEP, activity, np.zeros((len(active), 2), np.float32), np.zeros(len(active)))


def test_whoever_is_active_in_the_same_frames_continues() -> None:
    before, after = window(0, (0, 150), (150, 300)), window(1, (150 - HOP, 300 - HOP), (0, 150 - HOP))
    assert continued(before, after, LEVEL) == {0: 1, 1: 0}


def test_a_window_may_be_missing_in_between() -> None:
    assert continued(window(0, (60, 300)), window(2, (0, 300 - 2 * HOP)), LEVEL) == {0: 0}


def test_windows_without_common_audio_have_nothing_to_continue() -> None:
    assert continued(window(0, (0, 300)), window(10, (0, 300)), LEVEL) == {}


def test_too_few_frames_or_too_small_a_share_are_no_continuation() -> None:
    few = window(1, (0, MIN_SHARED_FRAMES))
    assert continued(window(0, (HOP, HOP + MIN_SHARED_FRAMES)), few, LEVEL) == {}
    assert continued(window(0, (HOP, 300)), window(1, (0, 100)), LEVEL) == {}


def test_who_is_hardly_active_continues_nobody() -> None:
    assert continued(window(0, (0, 300)), window(1, (0, 300), level=LEVEL - 1), LEVEL) == {}


def test_links_are_read_from_a_row() -> None:
    assert links_of(np.array([1, -1, 0], np.int8)) == [(0, 1), (2, 0)]


@pytest.mark.parametrize(
    ("numbers", "owner", "after"),
    [
        ([UNIDENTIFIED, 2], 3, [3, 2]),
        ([UNIDENTIFIED, 3], 3, [UNIDENTIFIED, 3]),
        ([UNIDENTIFIED, 2], UNIDENTIFIED, [UNIDENTIFIED, 2]),
        ([INACTIVE, 2], 3, [INACTIVE, 2]),
        ([1, 2], 3, [1, 2]),
    ],
)
def test_only_who_is_unidentified_is_who_it_was_before(numbers: list[int], owner: int, after: list[int]) -> None:
    row = np.array(numbers, np.int16)
    carry_over(row, 0, owner)
    assert row.tolist() == after
