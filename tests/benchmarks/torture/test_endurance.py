"""What the soaks of `benchmarks/torture/endurance.py` call flat."""

from __future__ import annotations

import pytest

from benchmarks.torture.endurance import _halves


@pytest.mark.parametrize(
    ("lags", "halves"),
    [
        ([0.0, 30.0, 58.0, 58.0, 58.0, 60.0, 60.0, 60.0], (58.0, 60.0)),
        ([1.0, 1.0, 1.0, 1.0, 5.0, 9.0, 13.0, 17.0], (1.0, 13.0)),
        ([0.5], (0.5, 0.5)),
        ([0.5, 3.0], (0.5, 3.0)),
    ],
)
def test_the_lag_of_the_halves_leaves_out_the_time_in_which_queues_fill(
    lags: list[float], halves: tuple[float, float]
) -> None:
    assert _halves(lags) == halves
