"""Meetings on servers by chance."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.core.placement import drawn_refused, refused_share, servers_when_hashed


@pytest.mark.parametrize(("mean", "limit"), [(7.0, 14), (12.0, 14), (20.0, 14), (3.0, 5)])
def test_the_share_that_meets_a_full_server_is_that_of_many_draws(
    mean: float, limit: int, random: np.random.Generator
) -> None:
    servers = 40_000
    drawn = drawn_refused(int(mean * servers), servers, limit, random)
    assert refused_share(mean, limit) == pytest.approx(drawn, abs=0.003)


def test_as_few_servers_are_taken_as_refuse_no_more_than_allowed() -> None:
    servers = servers_when_hashed(1000, 14, 0.001)
    assert refused_share(1000 / servers, 14) <= 0.001 < refused_share(1000 / (servers - 1), 14)


def test_what_fits_one_server_has_one() -> None:
    assert servers_when_hashed(14, 14, 0.001) == 1
    assert servers_when_hashed(15, 14, 0.001) > 2


def test_draws_without_room_are_refused() -> None:
    assert drawn_refused(100, 1, 60, np.random.default_rng(1)) == pytest.approx(0.4)
