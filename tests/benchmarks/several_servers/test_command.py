"""The command that compares and loads several servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.several_servers import command
from pipelines.errors import MeetingError
from tests.benchmarks.several_servers.test_comparing import recording
from tests.cluster.machines import without_haproxy
from tests.databases.postgres_server import without_postgres


def test_recordings_need_no_references(tmp_path: Path) -> None:
    path = recording(tmp_path, "talk", 1)
    (tmp_path / "README.md").write_text("nothing to hear")
    assert command.recordings([tmp_path, tmp_path / "missing"]) == [path]


def test_a_folder_without_recordings_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(MeetingError, match="no recording in"):
        command.recordings([tmp_path])


def test_what_is_missing_on_the_machine_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "without_postgres", lambda: "no PostgreSQL")
    assert command.main(["compare"]) == 2
    assert "no PostgreSQL" in capsys.readouterr().err


@pytest.mark.cluster
@pytest.mark.skipif(bool(without_postgres() or without_haproxy()), reason="needs PostgreSQL and HAProxy")
def test_one_server_and_two_store_the_same(tmp_path: Path) -> None:
    out = tmp_path / "compared.json"
    assert command.main(["compare", "--models", "fake", "--json", str(out)]) == 0
    row, last = json.loads(out.read_text())["rows"]
    assert last["recording"] == "equal in all: 1 of 1"
    assert row["server"] in ("a", "b")
    assert int(row["lines"]) > 10


@pytest.mark.cluster
@pytest.mark.skipif(bool(without_postgres() or without_haproxy()), reason="needs PostgreSQL and HAProxy")
def test_servers_take_turns_and_what_they_write_is_counted(tmp_path: Path) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    out = tmp_path / "load.json"
    asked = ["load", "--models", "fake", "--servers", "2", "--meetings", "2", "--seconds", "3", "--json", str(out)]
    assert command.main(asked) == 0
    alone, two = json.loads(out.read_text())["rows"]
    assert (alone["servers"], alone["lost"], alone["writes"]) == ("1, SQLite", 0, None)
    assert (two["servers"], two["lost"], two["equal"]) == ("2", 0, "2/2")
    assert two["writes"] > 0


@pytest.mark.cluster
@pytest.mark.skipif(bool(without_postgres() or without_haproxy()), reason="needs PostgreSQL and HAProxy")
def test_a_meeting_whose_server_is_killed_is_taken_over_and_read_again(tmp_path: Path) -> None:
    out = tmp_path / "takeover.json"
    assert command.main(["takeover", "--models", "fake", "--minutes", "0.5", "--json", str(out)]) == 0
    (row,) = json.loads(out.read_text())["rows"]
    assert row["minutes"] == 0.5
    assert row["lines"] >= 29
    assert 0 < row["owned"] <= row["whole"]
    assert row["back"] <= row["whole"]
