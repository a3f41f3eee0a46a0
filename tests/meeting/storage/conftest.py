"""Databases to store in: tests that use one of these fixtures run on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from meeting.storage import store as store_module
from meeting.storage.databases.database import Database
from tests.databases.postgres_server import PostgresServer, postgres_server, without_postgres

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this process."""
    missing = without_postgres()
    if missing:
        pytest.skip(missing)
    with postgres_server() as running:
        yield running


def postgres_database(url: str) -> Database:
    """The database at a URL."""
    from meeting.storage.databases.postgres import PostgresDatabase

    return PostgresDatabase(make_url(url).set(drivername="postgresql+psycopg"))


@pytest.fixture(scope="module", params=DATABASES)
def every_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of every store that a test opens, one for each data folder; its name."""
    name: str = request.param
    if name == "sqlite":
        yield name
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    made: dict[Path, str] = {}

    def database(path: Path) -> Database:
        if path.parent not in made:
            made[path.parent] = server.new_database()
        return postgres_database(made[path.parent])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store_module, "SqliteDatabase", database)
        yield name
    for url in made.values():
        server.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture
def database(every_database: str, tmp_path: Path) -> Database:
    """A database of the newest schema, in which nothing is kept."""
    made = store_module.SqliteDatabase(tmp_path / "db")
    made.prepare()
    return made
