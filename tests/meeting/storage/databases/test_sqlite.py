"""The SQLite file: its connections, its one writer, and the sentences its errors become."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from meeting.storage.databases import sqlite
from meeting.storage.databases import writer as writer_module
from meeting.storage.databases.sqlite import SqliteDatabase, connect
from meeting.storage.databases.writer import Writer
from pipelines.errors import StoreError
from tests.fakes.disks import files_of_at_most


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated database."""
    SqliteDatabase(tmp_path / "db").prepare()
    return tmp_path / "db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    """Its writer, closed at the end."""
    writer = Writer(SqliteDatabase(path))
    yield writer
    writer.close()


def note(title: str) -> Callable[[Session], None]:
    """Work that keeps a meeting named so."""

    def work(session: Session) -> None:
        session.execute(
            text(
                "INSERT INTO meetings (id, title, state, created_at, samples, models) "
                "VALUES (:id, :id, 'open', '2026-01-01 00:00:00.000000', 0, '{}')"
            ),
            {"id": title},
        )

    return work


def titles(path: Path) -> list[str]:
    """What is kept."""
    connection = sqlite3.connect(path)
    found = [title for (title,) in connection.execute("SELECT title FROM meetings ORDER BY rowid")]
    connection.close()
    return found


def test_the_writers_connection_has_every_guard_on(writer: Writer) -> None:
    seen: dict[str, object] = {}

    def look(session: Session) -> None:
        for name in ("journal_mode", "foreign_keys", "secure_delete", "busy_timeout"):
            seen[name] = session.execute(text(f"PRAGMA {name}")).scalar()

    writer.submit(look).result()
    assert seen == {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 5000}


def test_readers_cannot_write(path: Path) -> None:
    engine = SqliteDatabase(path).readers()
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM meetings"))
    engine.dispose()


def test_a_connection_that_is_in_use_when_its_engine_is_let_go_of_is_closed_behind_that(path: Path) -> None:
    engine = SqliteDatabase(path).readers()
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        engine.dispose()
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        driver.execute("SELECT 1")


def test_a_database_locked_by_another_program_fails_the_write_and_the_next_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    writer = Writer(SqliteDatabase(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="in use by another program"):
        writer.submit(note("locked")).result()
    other.execute("ROLLBACK")
    other.close()
    writer.submit(note("free")).result()
    writer.close()
    assert titles(path) == ["free"]


@pytest.mark.parametrize(
    ("thrown", "said"),
    [
        (sqlite3.OperationalError("database or disk is full"), "make room"),
        (sqlite3.OperationalError("database is locked"), "in use by another program"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "check the permissions"),
        (sqlite3.OperationalError("unable to open database file"), "check the permissions"),
        (sqlite3.DatabaseError("database disk image is malformed"), "damaged"),
        (OSError(28, "No space left on device", "/data/x"), "/data/x cannot be used: No space left on device"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "does not fit"),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), "does not fit"),
    ],
)
def test_what_the_database_throws_becomes_a_sentence(thrown: Exception, said: str) -> None:
    with pytest.raises(StoreError, match=said), SqliteDatabase(Path("db")).errors():
        raise thrown


def test_sentences_do_not_quote_what_was_to_be_stored(path: Path) -> None:
    engine = connect(path, "BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught, SqliteDatabase(path).errors(), engine.begin() as connection:
        connection.execute(text("INSERT INTO meetings (id) VALUES (:id)"), {"id": "a secret"})
    engine.dispose()
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_what_is_deleted_leaves_the_log_as_soon_as_no_reader_holds_it_back(path: Path, writer: Writer) -> None:
    writer.submit(note("Zyzzogeton")).result()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meetings").fetchone()
    writer.submit(lambda session: session.execute(text("DELETE FROM meetings")) and None, erase=True).result()
    log = path.with_name("db-wal")
    assert b"Zyzzogeton" in path.read_bytes() + log.read_bytes()
    reader.execute("COMMIT")
    writer.submit(note("later")).result()
    assert b"Zyzzogeton" not in path.read_bytes() + log.read_bytes()
    reader.close()


def test_a_log_that_a_reader_held_back_is_emptied_without_another_write(
    path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "ERASE_AGAIN", 0.05)
    writer.submit(note("Zyzzogeton")).result()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meetings").fetchone()
    writer.submit(lambda session: session.execute(text("DELETE FROM meetings")) and None, erase=True).result()
    log = path.with_name("db-wal")
    assert b"Zyzzogeton" in log.read_bytes()
    reader.close()
    while b"Zyzzogeton" in path.read_bytes() + log.read_bytes():
        threading.Event().wait(0.01)


def test_a_disk_that_is_full_when_the_log_is_emptied_fails_no_write_and_it_is_tried_again(
    path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "ERASE_AGAIN", 0.05)
    log = path.with_name("db-wal")

    def work(session: Session) -> None:
        session.execute(text("DELETE FROM meetings"))
        for n in range(9):
            note(f"{n}" * 2000)(session)

    writer.submit(note("Zyzzogeton")).result()
    with files_of_at_most(path.stat().st_size):  # the log, which is smaller, can be written
        writer.submit(work, erase=True).result()
        writer.submit(note("later")).result()
        assert b"Zyzzogeton" in log.read_bytes()
    assert titles(path)[-1] == "later"
    while log.stat().st_size:
        threading.Event().wait(0.01)
    assert b"Zyzzogeton" not in path.read_bytes()


def test_what_a_process_that_died_had_still_to_erase_leaves_the_log_with_the_first_write(path: Path) -> None:
    died = sqlite3.connect(path, isolation_level=None)  # that is still open: the last to leave empties the log
    died.execute("PRAGMA secure_delete=ON")
    columns = "id, title, state, created_at, samples, models"
    died.execute(f"INSERT INTO meetings ({columns}) VALUES ('Zyzzogeton', '', '', '', 0, '')")
    died.execute("DELETE FROM meetings")
    log = path.with_name("db-wal")
    assert b"Zyzzogeton" in log.read_bytes()
    writer = Writer(SqliteDatabase(path))
    writer.submit(note("later")).result()
    assert b"Zyzzogeton" not in path.read_bytes() + log.read_bytes()
    writer.close()
    died.close()


def test_a_process_that_ends_waits_only_shortly_for_others(writer: Writer) -> None:
    seen: list[object] = []
    writer.shorten_waits()
    writer.submit(lambda session: seen.append(session.execute(text("PRAGMA busy_timeout")).scalar())).result()
    assert seen == [500]
