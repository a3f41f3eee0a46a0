"""A database that is not there yet is a copy of one migrated file, unless a test is about migrating."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from meeting.storage.databases import sqlite
from meeting.storage.databases.sqlite import SqliteDatabase
from pipelines.errors import StoreError
from tests.databases import copied_file
from tests.databases.copied_file import migrated_bytes

Migrations = list[Path]


@pytest.fixture
def migrations(monkeypatch: pytest.MonkeyPatch) -> Migrations:
    """The files that are migrated, or looked at by the program, from now on."""
    migrated_bytes()
    seen: Migrations = []

    def prepare(database: SqliteDatabase) -> None:
        seen.append(database.path)
        real(database)

    real = copied_file._migrate
    monkeypatch.setattr(copied_file, "_migrate", prepare)
    return seen


def test_a_file_that_is_not_there_is_a_copy_for_its_owner_only(tmp_path: Path, migrations: Migrations) -> None:
    SqliteDatabase(tmp_path / "db").prepare()
    assert migrations == []
    assert (tmp_path / "db").read_bytes() == migrated_bytes()
    assert stat.S_IMODE((tmp_path / "db").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "db"]


def test_a_file_that_is_there_is_left_to_the_program(tmp_path: Path, migrations: Migrations) -> None:
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("CREATE TABLE bookmarks (address)")
    connection.close()
    with pytest.raises(StoreError, match="belongs to another program"):
        SqliteDatabase(tmp_path / "db").prepare()
    assert migrations == [tmp_path / "db"]


def test_a_place_where_no_file_can_be_made_is_left_to_the_program(tmp_path: Path, migrations: Migrations) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteDatabase(tmp_path / "none" / "db").prepare()
    assert migrations == [tmp_path / "none" / "db"]


def test_of_threads_that_come_at_once_each_finds_a_whole_file(tmp_path: Path) -> None:
    found: list[int] = []

    def count() -> None:
        SqliteDatabase(tmp_path / "db").prepare()
        with sqlite3.connect(tmp_path / "db") as connection:
            found.append(connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0])
        connection.close()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 8


@pytest.mark.usefixtures("new_databases_are_migrated")
def test_a_test_of_migrating_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sqlite, "migrate", lambda connection, choose: asked.append(choose))
    SqliteDatabase(tmp_path / "db").prepare()
    assert asked == [sqlite.CHOOSE_ANOTHER]
