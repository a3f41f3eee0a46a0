"""The clock of leases."""

from __future__ import annotations

import time

import pytest

from meeting.cluster import steady_clock


def test_it_runs_through_a_suspension_where_the_system_tells_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(time, "clock_gettime", lambda clock: asked.append(clock) or 7.0)
    assert steady_clock.steady_seconds() == 7.0
    assert asked == [getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)]


def test_it_never_goes_back() -> None:
    seen = [steady_clock.steady_seconds() for _ in range(100)]
    assert seen == sorted(seen)
