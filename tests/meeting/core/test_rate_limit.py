"""How fast something may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.rate_limit import BURST, RateLimiter


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
