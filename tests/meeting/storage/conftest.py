"""Databases to store in: tests that use one of these fixtures run on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.storage.databases.database import Database
from meeting.storage.databases.sqlite import SqliteDatabase

DATABASES = ("sqlite",)


@pytest.fixture(scope="module", params=DATABASES)
def every_database(request: pytest.FixtureRequest) -> str:
    """The database of every store that a test opens; its name."""
    name: str = request.param
    return name


@pytest.fixture
def database(every_database: str, tmp_path: Path) -> Database:
    """A database of the newest schema, in which nothing is kept."""
    made = SqliteDatabase(tmp_path / "db")
    made.prepare()
    return made
