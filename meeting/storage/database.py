"""The SQLite file below the store: how it is made, migrated, read, and written by one thread."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event, inspect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from meeting.config.package_files import MIGRATIONS
from pipelines.errors import DatabaseTooNew, MeetingError, NotFound, StoreError

Result = TypeVar("Result")

BUSY_SECONDS = 5.0
"""How long a connection waits for another process's transaction"""

SHORT_BUSY_SECONDS = 0.5
"""The same once the process ends: what cannot be written then is left to the next start"""

ERASE_SECONDS = 0.25
"""How long the writer waits for readers before it leaves the emptying of the log for later"""
ERASE_AGAIN = 2.0
"""Seconds after which it tries again, if no write comes before"""

WAITING_WRITES = 4096
"""Writes that may wait; beyond it the disk is not keeping up and new ones fail at once"""


def prepare(path: Path) -> None:
    """Make the file if there is none, for its owner only, and bring it to the newest schema.

    Raises DatabaseTooNew, or StoreError where it cannot be used.
    """
    with database_errors(path):
        # Never touch a file that is there: closing it would drop the locks of this process's other connections.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        # Foreign keys stay off here: a later migration may have to rebuild a table, which would cascade.
        # Immediate: of two programs that start at once the second waits, and then finds that nothing is left to do.
        engine = connect(path, "BEGIN IMMEDIATE")
        try:
            with engine.begin() as connection:
                migrate(connection)
        finally:
            engine.dispose()
        _enable_wal(path)


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


def readers(path: Path) -> Engine:
    """Connections that see one state of the database for as long as their transaction lasts."""
    return connect(path, "BEGIN", "PRAGMA foreign_keys=ON", "PRAGMA query_only=ON")


def migrate(connection: Connection) -> None:
    """Bring a database to the newest schema, within the connection's transaction.

    Raises DatabaseTooNew for one written by a later version, StoreError for one that is not ours.
    """
    # Alembic takes a tenth of a second to import, which commands without a database should not pay.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if not (MIGRATIONS / "env.py").is_file():
        raise StoreError(f"the folder {MIGRATIONS} is missing: install the program again, or take a whole checkout")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - known:
        raise DatabaseTooNew(
            "the database was written by a later version of this program: "
            "update the program, or choose another folder as storage.data_dir"
        )
    if not found and inspect(connection).get_table_names():
        raise StoreError("the database belongs to another program: choose another folder as storage.data_dir")
    if found == set(scripts.get_heads()):
        return
    command.upgrade(config, "head")
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError("the database is damaged (rows without their meeting): restore a copy of it")


def connect(path: Path, begin: str, *pragmas: str) -> Engine:
    """Connections to the file, each transaction of which starts with `begin`."""
    single = begin != "BEGIN"  # whoever writes holds one connection, which nobody else takes from a pool
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS},
        poolclass=NullPool if single else QueuePool,
        json_serializer=partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
        hide_parameters=True,  # they are what people said
    )

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


Erase = bool | Callable[[Session], bool]
"""Whether no trace may be left of what a transaction deletes; a function is asked at its end"""


class Writer:
    """The one thread and the one connection that write; each piece of work is a short transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = connect(path, "BEGIN IMMEDIATE", "PRAGMA foreign_keys=ON", "PRAGMA secure_delete=ON")
        self._connection: Connection | None = None
        self._erase_pending = _holds_something(path.with_name(f"{path.name}-wal"))
        """Whether the log may still hold what was to be erased: a process before this one may have died before that"""
        self._erase_timer: threading.Timer | None = None
        self._busy_seconds = BUSY_SECONDS
        self._free_places = threading.BoundedSemaphore(WAITING_WRITES)
        self._executor = ThreadPoolExecutor(1, "store-writer")

    def submit(self, work: Callable[[Session], Result], erase: Erase = False) -> Future[Result]:
        """Ask for a transaction, whose work's result it gives once on disk; never waits.

        `erase` leaves no trace of deleted rows in the log file either.
        """
        done: Future[Result] = Future()
        # Running from the start: a task cancelled while it waits for the future must not cancel the write.
        done.set_running_or_notify_cancel()
        if not self._free_places.acquire(blocking=False):
            done.set_exception(StoreError("the disk does not keep up with what is to be stored"))
            return done
        try:
            job = self._executor.submit(self._transact, work, erase)
        except RuntimeError:
            self._free_places.release()
            done.set_exception(StoreError("the database is closed"))
        else:
            job.add_done_callback(lambda job: self._finished(job, done))
        return done

    def shorten_waits(self) -> None:
        """Wait less for other processes from now on."""
        self._busy_seconds = min(BUSY_SECONDS, SHORT_BUSY_SECONDS)

    def close(self) -> None:
        """Do all that was asked for, then end the thread."""
        if self._erase_timer is not None:
            self._erase_timer.cancel()
        self._executor.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _transact(self, work: Callable[[Session], Result], erase: Erase) -> Result:
        with database_errors(self._path):
            self._connection = self._connection or self._engine.connect()
            self._wait_at_most(self._busy_seconds)
            with Session(self._connection) as session, session.begin():
                result = work(session)
                erase = erase(session) if callable(erase) else erase
        # What was deleted is overwritten in the database (secure_delete), but the log has the pages from before.
        self._erase_pending = self._erase_pending or erase
        self._empty_log()
        return result

    def _empty_log(self) -> None:
        """Empty the log if need be; a reader that holds it back may be the last to use it for days.

        A disk that is full holds it back, too. That fails no write: all that was asked for is on disk by then.
        """
        if self._erase_pending:
            with suppress(StoreError), database_errors(self._path):
                self._erase_pending = not self._log_emptied()
        if self._erase_pending and (self._erase_timer is None or not self._erase_timer.is_alive()):
            self._erase_timer = threading.Timer(ERASE_AGAIN, self._empty_log_again)
            self._erase_timer.daemon = True
            self._erase_timer.start()

    def _empty_log_again(self) -> None:
        def work() -> None:
            self._erase_timer = None
            self._empty_log()

        with suppress(RuntimeError):  # closed meanwhile: the last to leave empties the log
            self._executor.submit(work)

    def _log_emptied(self) -> bool:
        driver = self._wait_at_most(ERASE_SECONDS)  # other writes are waiting for this thread
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def _wait_at_most(self, seconds: float) -> sqlite3.Connection:
        assert self._connection is not None
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
        return driver

    def _finished(self, job: Future[Result], done: Future[Result]) -> None:
        self._free_places.release()
        error = job.exception()
        if error is None:
            done.set_result(job.result())
        else:
            done.set_exception(error)


def _holds_something(path: Path) -> bool:
    with suppress(OSError):  # it is not there, or another process has just removed it
        return path.stat().st_size > 0
    return False


def upsert(session: Session, table: Any, rows: Sequence[dict[str, Any]], newer: bool = False) -> None:
    """Insert rows of the same columns, or overwrite those with the same key; `newer`: only where `rev` has grown."""
    if not rows:
        return
    statement = insert(table)
    keys = [column.name for column in inspect(table).primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    where = statement.excluded.rev > table.rev if newer else None
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where), rows)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns whatever the database or the disk throws into a StoreError with a sentence about `path`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError, OverflowError) as error:
        cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
        if isinstance(cause, MeetingError):
            raise cause from error
        raise _explanation(path, cause) from error


def _explanation(path: Path, cause: BaseException) -> StoreError:
    said = str(cause).lower()
    if "foreign key" in said:
        return NotFound("there is no such meeting")
    if "not a database" in said or "malformed" in said:
        return StoreError(f"{path} is damaged or no database: restore a copy of it, or move it away to start anew")
    if "locked" in said or "busy" in said:
        return StoreError(f"{path} is in use by another program: stop that one, or try again later")
    if "full" in said:
        return StoreError(f"the disk that holds {path} is full: make room and try again")
    if "readonly" in said or "unable to open" in said:
        return StoreError(f"{path} cannot be written: check the permissions of it and of its folder")
    if isinstance(cause, OSError):
        return StoreError(f"{cause.filename or path} cannot be used: {cause.strerror or cause}")
    if isinstance(cause, (ValueError, OverflowError, TypeError)):
        return StoreError(f"a value does not fit into {path}, or what it holds there is damaged")
    return StoreError(f"{path} cannot be used: {cause}")
