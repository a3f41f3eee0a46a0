"""Engines of both databases: what they keep of a connection, and of what people said."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Engine, MetaData, QueuePool, Table, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from meeting.storage.databases.engines import engine_at


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """One of a file of SQLite's."""
    return engine_at(URL.create("sqlite", database=str(tmp_path / "db")), {"timeout": 1.0}, QueuePool)


def closed(driver: Any) -> bool:
    """Whether a connection of SQLite's is closed."""
    try:
        driver.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_a_connection_that_is_returned_stays_for_the_next(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
    with engine.connect() as connection:
        assert connection.connection.driver_connection is driver
    engine.dispose()
    assert closed(driver)


def test_one_that_is_returned_to_an_engine_that_was_let_go_of_is_closed(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        engine.dispose()
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert closed(driver)


def test_json_is_written_without_blanks_and_in_letters_as_they_are(engine: Engine) -> None:
    table = Table("kept", MetaData(), Column("value", JSON))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(value={"name": "Jürgen", "lines": [1, 2]}))
        written = connection.execute(text("SELECT value FROM kept")).scalar_one()
    assert written == '{"name":"Jürgen","lines":[1,2]}'
    engine.dispose()


def test_an_error_quotes_nothing_of_what_people_said(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(OperationalError) as failure:
        connection.execute(text("SELECT * FROM missing WHERE said = :said"), {"said": "a secret"})
    assert "a secret" not in str(failure.value)
    engine.dispose()
