"""The activity grid: sums per speaker, exact when taken back, and turns read off them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.diarization.activity import (
    CELL,
    CELLS,
    GROWTH_STEPS,
    INACTIVE,
    UNIDENTIFIED,
    WINDOW_PARTS,
    ActivityGrid,
    ActivityOptions,
    active_runs,
    fill_gaps,
)
from pipelines.types import STEP, WINDOW, LocalSpeakers, Span, Turn

HOP = STEP // CELL
FRAMES = CELLS
"""Frames of the scripted windows: one for each cell, so that edges are exact"""


def window(index: int, *active: tuple[float, float], level: int = 255) -> LocalSpeakers:
    """A window in which voice k speaks from `active[k][0]` to `active[k][1]` seconds of the meeting."""
    start = (index + 1) * STEP - WINDOW
    activity = np.zeros((FRAMES, len(active)), np.uint8)
    for voice, (since, until) in enumerate(active):
        low, high = (round(at * 100) - start // CELL for at in (since, until))
        activity[max(0, low) : max(0, high), voice] = level
    return LocalSpeakers(index, start, activity, np.zeros((len(active), 2), np.float32), np.zeros(len(active)))


def numbers(*values: int) -> np.ndarray:
    """Speaker numbers of a window's voices."""
    return np.array(values, np.int64)


def told(grid: ActivityGrid, seconds: float) -> list[tuple[float, float, str]]:
    """All turns as (start, end, speaker) in seconds."""
    answer = grid.turns(Span(0, round(seconds * 16_000)))
    assert answer is not None
    return [(turn.span.start / 16_000, turn.span.end / 16_000, turn.speaker) for turn in answer[1]]


def test_a_voice_heard_in_every_window_is_one_turn() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(20):
        grid.add(window(index, (1.0, 4.0)), numbers(1))
    assert told(grid, 10) == [(1.0, 4.0, "spk1")]


def test_the_first_window_alone_tells_the_first_half_second() -> None:
    grid = ActivityGrid(ActivityOptions())
    grid.add(window(0, (0.2, 0.5)), numbers(3))
    assert told(grid, 0.5) == [(0.2, 0.5, "spk3")]


def test_a_voice_that_only_few_windows_hear_is_no_turn() -> None:
    grid = ActivityGrid(ActivityOptions(onset=0.5))
    for index in range(20):
        grid.add(window(index, (1.0, 2.0) if index < 5 else (0.0, 0.0)), numbers(1))
    assert told(grid, 10) == []


def test_two_known_voices_may_speak_at_once() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(20):
        grid.add(window(index, (1.0, 4.0), (3.0, 6.0)), numbers(1, 2))
    assert told(grid, 10) == [(1.0, 4.0, "spk1"), (3.0, 6.0, "spk2")]


def test_a_voice_in_doubt_is_told_alone_but_never_under_a_known_one() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(20):
        local = window(index, (1.0, 4.0), (3.0, 6.0))
        local.activity[:, 1] //= 2
        local.activity[:, 1] += (local.activity[:, 1] > 0).astype(np.uint8) * 10
        grid.add(local, numbers(1, UNIDENTIFIED))
    assert told(grid, 10) == [(1.0, 4.0, "spk1"), (4.0, 6.0, "?")]


def test_a_voice_that_is_not_active_counts_for_nobody() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(20):
        grid.add(window(index, (1.0, 4.0)), numbers(INACTIVE))
    assert told(grid, 10) == []


def test_short_gaps_are_joined_and_blips_dropped() -> None:
    on = np.zeros(300, np.bool_)
    on[10:50] = on[60:100] = on[200:203] = True
    assert fill_gaps(active_runs(on), 0.2, 0.06) == [(10, 100)]
    assert fill_gaps(active_runs(on), 0.05, 0.0) == [(10, 50), (60, 100), (200, 203)]


def test_only_what_changed_is_told_again() -> None:
    grid = ActivityGrid(ActivityOptions())
    windows = [window(index, (1.0, 4.0), (6.0, 8.0)) for index in range(24)]
    for local in windows:
        grid.add(local, numbers(1, 2))
    everything = Span(0, 24 * STEP)
    grid.turns(everything)
    assert grid.turns(everything, only_changed=True) is None
    for local in windows:
        grid.relabel(local, numbers(1, 2), numbers(1, 3))
    answer = grid.turns(everything, only_changed=True)
    assert answer is not None
    assert answer == (Span(6 * 16_000, 24 * STEP), (Turn(Span(6 * 16_000, 8 * 16_000), "spk3"),))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20), st.randoms())
def test_relabelling_there_and_back_leaves_exactly_what_was(labels: list[tuple[int, int]], chance: object) -> None:
    generator = np.random.default_rng(len(labels))
    grid = ActivityGrid(ActivityOptions())
    windows = []
    for index, pair in enumerate(labels):
        local = window(index, (0, 0), (0, 0))
        local.activity[:] = generator.integers(0, 256, local.activity.shape)
        windows.append((local, numbers(*pair)))
        grid.add(*windows[-1])
    span = Span(0, len(labels) * STEP)
    before = grid.turns(span)
    for local, pair in windows:
        grid.relabel(local, pair, pair[::-1].copy())
    for local, pair in windows:
        grid.relabel(local, pair[::-1].copy(), pair)
    assert grid.turns(span, only_changed=True) is None
    assert grid.turns(span) == before


def test_hours_of_windows_grow_the_grid_without_losing_the_past() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(0, 4000):
        grid.add(window(index, (1.0, 4.0)), numbers(1))
    assert told(grid, 2000) == [(1.0, 4.0, "spk1")]
    assert grid.end == 4000 * HOP


def test_windows_that_are_left_out_are_not_counted_against_those_who_speak() -> None:
    whole, sparse = ActivityGrid(ActivityOptions()), ActivityGrid(ActivityOptions())
    for index in range(20):
        local = window(index, (2.0, 6.0))
        whole.add(local, numbers(1))
        if index % 2 == 0:
            sparse.add(local, numbers(1))
    assert told(sparse, 8.0) == told(whole, 8.0)


def test_a_voice_that_is_two_people_in_turn_counts_for_each_in_its_part() -> None:
    grid, local = ActivityGrid(ActivityOptions()), window(9, (0.0, 5.0))
    parts = np.array([[1]] * 8 + [[2]] * (WINDOW_PARTS - 8), np.int16)
    grid.add(local, parts)
    assert told(grid, 5.0) == [(0.0, 2.0, "spk1"), (2.0, 5.0, "spk2")]
    grid.relabel(local, parts, numbers(2))
    assert told(grid, 5.0) == [(0.0, 5.0, "spk2")]


def test_a_part_of_a_voice_that_is_nobody_counts_for_nobody() -> None:
    grid = ActivityGrid(ActivityOptions())
    grid.add(window(9, (0.0, 5.0)), np.array([[INACTIVE]] * 8 + [[1]] * (WINDOW_PARTS - 8), np.int16))
    assert told(grid, 5.0) == [(2.0, 5.0, "spk1")]


def test_a_speaker_can_be_given_to_another_without_the_windows() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(24):
        grid.add(window(index, (1.0, 4.0), (6.0, 8.0)), numbers(1, 2))
    everything = Span(0, 24 * STEP)
    grid.turns(everything)
    grid.merge(2, 1)
    answer = grid.turns(everything, only_changed=True)
    assert answer == (Span(6 * 16_000, 24 * STEP), (Turn(Span(6 * 16_000, 8 * 16_000), "spk1"),))
    assert told(grid, 12) == [(1.0, 4.0, "spk1"), (6.0, 8.0, "spk1")]


def test_a_speaker_who_is_counted_nowhere_leaves_nothing_to_give() -> None:
    grid = ActivityGrid(ActivityOptions())
    grid.add(window(0, (0.2, 0.5)), numbers(1))
    span = Span(0, STEP)
    before = grid.turns(span)
    for number in (2, 7):
        grid.merge(number, 1)
    assert grid.turns(span, only_changed=True) is None
    assert grid.turns(span) == before


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=30, max_size=90),
    st.lists(st.integers(0, 80), max_size=4),
)
def test_fixing_what_is_settled_changes_neither_turns_nor_what_is_told(
    labels: list[tuple[int, int]], fixed: list[int]
) -> None:
    whole, lean = ActivityGrid(ActivityOptions()), ActivityGrid(ActivityOptions())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.diarization.activity.GROWTH_STEPS", 7)
        patch.setattr("pipelines.diarization.activity.CHUNK", 3)
        for index, pair in enumerate(labels):
            now = index / 2
            local = window(index, (now - 3.0, now - 1.2), (now - 2.0, now))
            for grid in (whole, lean):
                grid.add(local, numbers(*pair))
                if index % 13 == 0:
                    grid.turns(Span(0, grid.end * CELL))
            if index in fixed:
                lean.freeze(local.start)
        everything = Span(0, whole.end * CELL)
        assert whole.turns(everything, only_changed=True) == lean.turns(everything, only_changed=True)
        # of windows that are not fixed all can still be changed
        for grid in (whole, lean):
            grid.relabel(local, numbers(*pair), numbers(4, 3))
        assert whole.turns(everything, only_changed=True) == lean.turns(everything, only_changed=True)
        assert whole.turns(everything) == lean.turns(everything)


def test_a_speaker_of_long_ago_can_be_given_to_another() -> None:
    grid = ActivityGrid(ActivityOptions())
    for index in range(2 * GROWTH_STEPS):
        grid.add(window(index, (1.0, 4.0), (6.0, 8.0)), numbers(1, 2))
    everything = Span(0, 2 * GROWTH_STEPS * STEP)
    grid.turns(everything)
    grid.freeze(2 * GROWTH_STEPS * STEP - WINDOW)
    assert grid.turns(everything, only_changed=True) is None
    grid.merge(2, 1)
    answer = grid.turns(everything, only_changed=True)
    assert answer == (
        Span(6 * 16_000, 2 * GROWTH_STEPS * STEP),
        (Turn(Span(6 * 16_000, 8 * 16_000), "spk1"),),
    )
    assert told(grid, GROWTH_STEPS) == [(1.0, 4.0, "spk1"), (6.0, 8.0, "spk1")]


def test_speakers_who_come_and_are_merged_all_day_leave_no_rows_behind() -> None:
    grid = ActivityGrid(ActivityOptions())
    for number in range(2, 40):
        for index in range(10 * number, 10 * number + 10):
            now = index / 2
            grid.add(window(index, (now - 3.0, now - 1.0)), numbers(1 if index % 10 < 5 else number))
        everything = Span(0, grid.end * CELL)
        grid.turns(everything)
        grid.merge(number, 1)
        grid.turns(everything, only_changed=True)
    assert {speaker for _, _, speaker in told(grid, grid.end / 100)} == {"spk1"}
    assert len(grid._sums) <= 4
