"""What meetings on several servers cost, from two looks at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.server import Server
from benchmarks.several_servers.loading import COLUMNS, Place, Spent, figures
from tests.benchmarks.load.test_command import told


def test_cpu_is_by_the_minute_of_a_meeting_and_has_its_three_parts() -> None:
    before, after = Spent(0.0, 10.0, 1.0, 0.5), Spent(60.0, 22.0, 2.0, 1.0)
    assert after.per_minute_of_meeting(before, 120.0) == {
        "servers_cpu": 6.0,
        "postgres_cpu": 0.5,
        "balancer_cpu": 0.25,
        "cpu": 6.75,
    }


def test_a_row_has_all_figures_and_counts_what_the_database_wrote() -> None:
    pytest.importorskip("whisper_normalizer", reason="the extra eval is not installed")
    one = told()
    one.events("stats")[0]["left_out"] = "rare_partials"
    row = figures([one], Spent(0.0, 1.0, 1.0, 1.0, 100, 5000), Spent(20.0, 2.0, 1.5, 1.1, 140, 45000), {})
    assert set(COLUMNS.values()) - {"servers", "meetings"} <= set(row)
    assert (row["writes"], row["written"]) == (2.0, 2.0)
    assert (row["left_out"], row["dropped_partials"], row["lost"]) == ("rare_partials", 3, 0)
    assert row["servers_cpu"] == pytest.approx(3.0)


def test_a_server_with_its_own_file_has_no_figures_of_a_database() -> None:
    pytest.importorskip("whisper_normalizer", reason="the extra eval is not installed")
    one = told()
    one.events("stats")[0]["left_out"] = "none"
    row = figures([one], Spent(0.0, 1.0), Spent(20.0, 2.0), {})
    assert row["writes"] is row["written"] is None


def test_a_place_whose_servers_do_not_run_has_spent_nothing(tmp_path: Path) -> None:
    assert Place("1, SQLite", [Server(tmp_path)]).spent().servers == 0
