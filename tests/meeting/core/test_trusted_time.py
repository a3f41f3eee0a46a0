"""Which time is believed: clocks that are set, servers that were off, and a clock that is wrong for good."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.trusted_time import DAY, TrustedTime, observe

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
NONE = timedelta(0)


def run(known: TrustedTime, hours: int) -> TrustedTime:
    """A server that runs on, with a look each hour."""
    for _ in range(hours):
        known = observe(known, known.clock + HOUR, HOUR)
    return known


def test_the_first_clock_of_all_is_believed() -> None:
    assert observe(None, NOON, NONE) == TrustedTime(NOON, NOON)


@pytest.mark.parametrize("off", [NONE, HOUR, timedelta(hours=-1), DAY, -DAY])
def test_a_server_that_was_off_for_a_day_at_most_believes_its_clock(off: timedelta) -> None:
    assert observe(TrustedTime(NOON, NOON), NOON + off, NONE) == TrustedTime(NOON + off, NOON + off)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=2), timedelta(days=-400), timedelta(days=-2)])
def test_a_clock_that_jumped_is_believed_after_a_day_and_age_is_counted_by_the_earlier_time_until_then(
    jump: timedelta,
) -> None:
    known = observe(TrustedTime(NOON, NOON), NOON + jump, NONE)
    for hours in range(24):
        assert known.clock_doubted
        assert known.earlier == min(NOON, NOON + jump) + hours * HOUR
        known = observe(known, known.clock + HOUR, HOUR)
    assert known == TrustedTime(NOON + jump + DAY, NOON + jump + DAY)


def test_a_clock_that_is_set_while_the_server_runs_is_not_believed_either() -> None:
    known = observe(run(TrustedTime(NOON, NOON), 5), NOON + timedelta(days=400), HOUR)
    assert known.clock_doubted
    assert known.earlier == NOON + 6 * HOUR
    assert not observe(known, NOON + 7 * HOUR, HOUR).clock_doubted


def test_a_day_of_several_starts_counts_together_unless_the_clock_jumps_again() -> None:
    known = observe(TrustedTime(NOON, NOON), NOON + timedelta(days=9), NONE)
    for _ in range(2):
        known = observe(run(known, 8), known.clock + 24 * HOUR, NONE)  # switched off over night
        assert known.clock_doubted
    assert not run(known, 8).clock_doubted
    again = observe(run(known, 7), known.clock + timedelta(days=30), NONE)
    assert run(again, 23).clock_doubted


@given(st.lists(st.tuples(st.integers(-(10**4), 10**4), st.integers(0, 23)), max_size=30))
def test_age_is_never_counted_far_beyond_what_was_run(looks: list[tuple[int, int]]) -> None:
    known, ran = TrustedTime(NOON, NOON), NONE
    for jump, hours in looks:
        ran += hours * HOUR
        if ran >= DAY:
            return
        known = observe(known, NOON + jump * HOUR, hours * HOUR)
        assert known.earlier <= min(known.clock, NOON + ran + DAY * len(looks))
