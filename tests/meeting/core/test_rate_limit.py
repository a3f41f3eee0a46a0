"""How fast something may come, and how often it may be tried."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.rate_limit import BURST, RateLimiter, asked_wait, growing_wait

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


def test_a_source_at_its_pace_never_waits() -> None:
    limiter = RateLimiter(1000)
    assert [limiter.delay(100, second / 10) for second in range(200)] == [0.0] * 200


def test_what_waited_while_the_line_was_down_may_come_at_once_and_then_waits() -> None:
    limiter = RateLimiter(1000)
    assert limiter.delay(round(1000 * BURST), 0.0) == 0.0
    assert limiter.delay(500, 0.0) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 3)), max_size=40))
def test_whoever_waits_as_told_never_exceeds_the_rate(sent: list[tuple[int, float]]) -> None:
    limiter, now, total = RateLimiter(1000), 0.0, 0
    for size, pause in sent:
        now += pause + limiter.delay(size, now + pause)
        total += size
        assert total <= 1000 * (BURST + now) + 1e-3


def test_waits_grow_up_to_the_longest_however_often_it_was_tried() -> None:
    assert [growing_wait(tries, 2.0, 3.0, 50.0, 1.0) for tries in (1, 2, 3, 4, 10**6)] == [2, 6, 18, 50, 50]


def test_chance_takes_up_to_half_of_a_wait() -> None:
    assert [growing_wait(2, 2.0, 3.0, 50.0, chance) for chance in (0.0, 0.5, 1.0)] == [3.0, 4.5, 6.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 04 May 2026 12:01:30 GMT", 90),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("Mon, 04 May 2026 14:01:30 +0200", 90),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float) -> None:
    assert asked_wait(header, NOON) == seconds


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5", "9" * 5000, "²", "Mon, 99 May 2026 12:00:00 GMT"])
def test_a_retry_after_that_says_nothing_asks_for_nothing(header: str) -> None:
    assert asked_wait(header, NOON) is None
