"""The SQLite file below the store: how it is made, migrated, read, and written by one connection."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, QueuePool, event
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from meeting.storage.databases.database import SHORT_WAIT, Database, Erase, Result, WriteConnection, explain_any
from meeting.storage.databases.engines import engine_at
from meeting.storage.databases.migrations import migrate
from meeting.storage.databases.statements import committed
from meeting.storage.search.fts5 import Fts5Index
from pipelines.errors import NotFound, StoreError

BUSY_SECONDS = 5.0
"""How long a connection waits for another process's transaction"""

ERASE_SECONDS = 0.25
"""How long the writer waits for readers before it leaves the emptying of the log for later"""

CHOOSE_ANOTHER = "choose another folder as storage.data_dir"


class SqliteDatabase(Database):
    """One SQLite file, which other programs on this machine may use at the same time."""

    driver_error = sqlite3.Error

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = Fts5Index()

    def examine(self) -> str:
        """The version of the library."""
        return f"SQLite {sqlite3.sqlite_version}"

    def prepare(self) -> None:
        """Make the file if there is none, for its owner only, and bring it to the newest schema."""
        with self.errors():
            # Never touch a file that is there: closing it would drop the locks of this process's other connections.
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            # Foreign keys stay off here: a later migration may have to rebuild a table, which would cascade.
            # Immediate: of two programs that start at once the second waits, and then finds that nothing is left to do.
            engine = connect(self.path, "BEGIN IMMEDIATE")
            try:
                with engine.begin() as connection:
                    changed = migrate(connection, CHOOSE_ANOTHER)
                    if changed and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                        raise StoreError("the database is damaged (rows without their meeting): restore a copy of it")
            finally:
                engine.dispose()
            _enable_wal(self.path)

    def readers(self) -> Engine:
        """Connections of a pool."""
        return connect(self.path, "BEGIN", "PRAGMA foreign_keys=ON", "PRAGMA query_only=ON")

    def write_connection(self) -> WriteConnection:
        """The connection that overwrites what it deletes."""
        return SqliteWriteConnection(self.path)

    def explain(self, cause: BaseException) -> StoreError:
        """A sentence about the file."""
        said = str(cause).lower()
        if "foreign key" in said:
            return NotFound("there is no such meeting")
        if "not a database" in said or "malformed" in said:
            return StoreError(
                f"{self.path} is damaged or no database: restore a copy of it, or move it away to start anew"
            )
        if "locked" in said or "busy" in said:
            return StoreError(f"{self.path} is in use by another program: stop that one, or try again later")
        if "full" in said:
            return StoreError(f"the disk that holds {self.path} is full: make room and try again")
        if "readonly" in said or "unable to open" in said:
            return StoreError(f"{self.path} cannot be written: check the permissions of it and of its folder")
        return explain_any(str(self.path), cause)


def _enable_wal(path: Path) -> None:
    """Let readers and the writer work side by side; the file remembers it."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        # This change does not wait for others by itself, whatever the timeout.
        for left in reversed(range(100)):
            try:
                connection.execute("PRAGMA journal_mode=WAL").close()
                return
            except sqlite3.OperationalError:
                if not left:
                    raise
                time.sleep(BUSY_SECONDS / 100)
    finally:
        connection.close()


def connect(path: Path, begin: str, *pragmas: str) -> Engine:
    """Connections to the file, each transaction of which starts with `begin`."""
    single = begin != "BEGIN"  # whoever writes holds one connection, which nobody else takes from a pool
    url = URL.create("sqlite", database=str(path))
    engine = engine_at(url, {"timeout": BUSY_SECONDS}, NullPool if single else QueuePool)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own kind
        connection.create_function("casefold", 1, str.casefold, deterministic=True)  # SQLite's own know ASCII only
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteWriteConnection(WriteConnection):
    """The connection that writes to the file; it overwrites what is deleted, in the log once nobody reads that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = connect(path, "BEGIN IMMEDIATE", "PRAGMA foreign_keys=ON", "PRAGMA secure_delete=ON")
        self._connection: Connection | None = None
        self._busy_seconds = BUSY_SECONDS

    def transact(self, work: Callable[[Session], Result], erase: Erase) -> tuple[Result, bool]:
        """One transaction, which waits for those of other programs."""
        self._connection = self._connection or self._engine.connect()
        self._wait_at_most(self._busy_seconds)
        with Session(self._connection) as session:
            with session.begin():
                result = work(session)
                erase = erase(session) if callable(erase) else erase
            committed(session)
        return result, erase

    def traces_left(self) -> bool:
        """Whether the log holds something: a process may have died before it emptied it."""
        with suppress(OSError):  # it is not there, or another process has just removed it
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size > 0
        return False

    def erase(self) -> bool:
        """Empty the log, which has the pages from before; false where a reader holds it back."""
        driver = self._wait_at_most(ERASE_SECONDS)  # other writes are waiting for this thread
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def shorten_waits(self) -> None:
        """Wait less for other programs."""
        self._busy_seconds = min(BUSY_SECONDS, SHORT_WAIT)

    def close(self) -> None:
        """Let go of the file; the last to do so empties the log."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _wait_at_most(self, seconds: float) -> sqlite3.Connection:
        assert self._connection is not None
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
        return driver
