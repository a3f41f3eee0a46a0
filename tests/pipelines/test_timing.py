"""How long work takes, and on how many cores."""

from __future__ import annotations

from pipelines.timing import available_cores, best_of


def test_the_fastest_try_counts() -> None:
    clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    runs: list[int] = []
    assert best_of(lambda: runs.append(1), clock=lambda: next(clock)) == 1.0
    assert len(runs) == 3


def test_this_process_may_use_a_core() -> None:
    assert available_cores() >= 1
