"""Databases to store in: tests that use one of these fixtures run on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from meeting.storage import store as store_module
from meeting.storage.databases.database import Database
from meeting.storage.databases.sqlite import SqliteDatabase
from tests.databases.postgres_server import PostgresServer, database_at

DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


class Databases:
    """One database for each data folder, all of one kind."""

    def __init__(self, name: str, server: PostgresServer | None = None) -> None:
        self.name = name
        self._server = server
        self._made: dict[Path, str] = {}

    def url(self, folder: Path) -> str | None:
        """What `storage.database` is for the store of a data folder."""
        if self._server is None:
            return None
        if folder not in self._made:
            self._made[folder] = self._server.new_database()
        return self._made[folder]

    def at(self, path: Path) -> Database:
        """The database in the place of a file."""
        url = self.url(path.parent)
        return SqliteDatabase(path) if url is None else database_at(url)

    def drop(self) -> None:
        """Take all of them away from the server."""
        for url in self._made.values():
            assert self._server is not None
            self._server.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture(scope="module", params=DATABASES)
def every_database(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The databases of all stores that a test opens."""
    databases = Databases(request.param, request.getfixturevalue("postgres") if request.param != "sqlite" else None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store_module, "SqliteDatabase", databases.at)
        yield databases
    databases.drop()


@pytest.fixture
def sqlite_file(every_database: Databases) -> None:
    """Skips what is about the file itself where there is none."""
    if every_database.name != "sqlite":
        pytest.skip("is about SQLite's file")


@pytest.fixture
def database(every_database: Databases, tmp_path: Path) -> Database:
    """A database of the newest schema, in which nothing is kept."""
    made = every_database.at(tmp_path / "db")
    made.prepare()
    return made
