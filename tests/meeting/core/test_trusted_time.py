"""Which time is believed: clocks that are set, servers that were off, and a clock that is wrong for good."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.trusted_time import DAY, Known, look

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
NONE = timedelta(0)


def run(known: Known, hours: int) -> Known:
    """A server that runs on, with a look each hour."""
    for _ in range(hours):
        known = look(known, known.clock + HOUR, HOUR)
    return known


def test_the_first_clock_of_all_is_believed() -> None:
    assert look(None, NOON, NONE) == Known(NOON, NOON)


@pytest.mark.parametrize("off", [NONE, HOUR, timedelta(hours=-1), DAY, -DAY])
def test_a_server_that_was_off_for_a_day_at_most_believes_its_clock(off: timedelta) -> None:
    assert look(Known(NOON, NOON), NOON + off, NONE) == Known(NOON + off, NOON + off)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=2), timedelta(days=-400), timedelta(days=-2)])
def test_a_clock_that_jumped_is_believed_after_a_day_and_age_is_counted_by_the_earlier_time_until_then(
    jump: timedelta,
) -> None:
    known = look(Known(NOON, NOON), NOON + jump, NONE)
    for hours in range(24):
        assert known.doubted
        assert known.latest == min(NOON, NOON + jump) + hours * HOUR
        known = look(known, known.clock + HOUR, HOUR)
    assert known == Known(NOON + jump + DAY, NOON + jump + DAY)


def test_a_clock_that_is_set_while_the_server_runs_is_not_believed_either() -> None:
    known = look(run(Known(NOON, NOON), 5), NOON + timedelta(days=400), HOUR)
    assert known.doubted
    assert known.latest == NOON + 6 * HOUR
    assert not look(known, NOON + 7 * HOUR, HOUR).doubted


def test_a_day_of_several_starts_counts_together_unless_the_clock_jumps_again() -> None:
    known = look(Known(NOON, NOON), NOON + timedelta(days=9), NONE)
    for _ in range(2):
        known = look(run(known, 8), known.clock + 24 * HOUR, NONE)  # switched off over night
        assert known.doubted
    assert not run(known, 8).doubted
    again = look(run(known, 7), known.clock + timedelta(days=30), NONE)
    assert run(again, 23).doubted


@given(st.lists(st.tuples(st.integers(-(10**4), 10**4), st.integers(0, 23)), max_size=30))
def test_age_is_never_counted_far_beyond_what_was_run(looks: list[tuple[int, int]]) -> None:
    known, ran = Known(NOON, NOON), NONE
    for jump, hours in looks:
        ran += hours * HOUR
        if ran >= DAY:
            return
        known = look(known, NOON + jump * HOUR, hours * HOUR)
        assert known.latest <= min(known.clock, NOON + ran + DAY * len(looks))
