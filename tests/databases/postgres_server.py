"""A PostgreSQL server of the tests' own: on a port of this machine alone, in a temporary folder, without sync."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from meeting.config.settings import Storage
from meeting.storage.databases.configured import database_of
from meeting.storage.databases.database import Database

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
USER = "postgres"
NAMES = count()


def bin_folder() -> Path | None:
    """Where PostgreSQL's programs are: Debian keeps them out of the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in folders), key=lambda path: int(path.parent.name), default=None)


@cache
def without_postgres() -> str | None:
    """Why tests with PostgreSQL cannot run; None when they can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed: run `make setup`"
    if bin_folder() is None:
        return "no PostgreSQL: install the package postgresql"
    if os.geteuid() == 0 and not _unprivileged():
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return None


class PostgresServer:
    """A server, which may be stopped and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self._data = folder / "postgres"
        self.port = port
        self._template = False

    def make(self) -> None:
        """Make its files; raises CalledProcessError with what initdb says."""
        arguments = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", str(self._data), *arguments)
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in {**SETTINGS, "port": str(self.port)}.items())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._data / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; "immediate" is as if it had crashed."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")

    def url(self, database: str) -> str:
        """What `storage.database` is for one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Have a statement done in no transaction; the rows that it gives."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, empty: bool = False) -> str:
        """Make a database, of the newest schema unless it is to be empty; its URL."""
        if not empty and not self._template:
            self.execute("CREATE DATABASE migrated")
            database_at(self.url("migrated")).prepare()
            self._template = True
        name = f"test{next(NAMES)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else 'migrated'}")
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        folder = bin_folder()
        assert folder is not None
        user = _unprivileged() if os.geteuid() == 0 else None
        log = self._data.with_name("output")
        with log.open("w") as output:
            done = subprocess.run(
                [folder / program, *arguments],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                user=user,
                group=user and pwd.getpwnam(user).pw_gid,
                cwd=folder,
                check=False,
            )
        assert done.returncode == 0, f"{program}: {log.read_text()}"


def database_at(url: str) -> Database:
    """The database at a URL."""
    found = database_of(Storage(database=url))
    assert found is not None
    return found


def _unprivileged() -> str | None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that runs, with a folder of its own outside of pytest's, which other users may not enter."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # Of root's own folders, as TMPDIR may be one, another user may enter none.
    folder = Path(tempfile.mkdtemp(prefix="meeting-postgres-", dir="/tmp" if os.geteuid() == 0 else None))
    if os.geteuid() == 0:
        shutil.chown(folder, _unprivileged())
    server = PostgresServer(folder, port)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
