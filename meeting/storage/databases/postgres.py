"""PostgreSQL below the store: how it is migrated and read, and what its errors are called."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import IsolationLevel
from sqlalchemy import Connection, Engine, NullPool, QueuePool, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import TimeoutError as PoolTimeout

from meeting.storage.databases.database import Database, WriteConnection, explain_any
from meeting.storage.databases.engines import engine_at
from meeting.storage.databases.migrations import migrate
from meeting.storage.databases.postgres_writing import PLACE, UNREACHABLE, PostgresWriteConnection
from meeting.storage.search.tsvector import TsvectorIndex
from pipelines.errors import NotFound, StoreError

CHOOSE_ANOTHER = "name another one as storage.database"

CONNECT_SECONDS = 5
"""How long a connection may take to be made"""
LOST_SECONDS = 15
"""After how long without an answer of the network a connection counts as lost"""
NETWORK = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "meeting",
    "keepalives_idle": LOST_SECONDS // 3,
    "keepalives_interval": LOST_SECONDS // 3,
    "keepalives_count": 2,
    "tcp_user_timeout": LOST_SECONDS * 1000,
}
"""What libpq is told about connections"""
OLDEST = 13
"""The first version whose functions are enough"""
MIGRATION_LOCK = 0x6D656574696E67
"""Key of the advisory lock that is held while the schema is changed"""


class PostgresDatabase(Database):
    """A database of a PostgreSQL server, which several servers of ours may use at once."""

    driver_error = psycopg.Error

    def __init__(self, url: URL) -> None:
        self._url = url
        self.index = TsvectorIndex()
        self._away = False

    @property
    def answers(self) -> bool:
        """False from the first question that it did not answer until a connection is made again."""
        return not self._away

    def examine(self) -> str:
        """The version of the server."""
        with self.errors():
            engine = self._connect(IsolationLevel.READ_COMMITTED, NullPool, read_only=True)
            try:
                with engine.begin() as connection:
                    _check(connection)
                    version = connection.exec_driver_sql("SELECT current_setting('server_version')").scalar_one()
            finally:
                engine.dispose()
        return f"PostgreSQL {version}"

    def prepare(self) -> None:
        """Bring the database, which must be there, to the newest schema; of several that start at once one does."""
        with self.errors():
            engine = self._connect(IsolationLevel.READ_COMMITTED, NullPool)
            try:
                with engine.begin() as connection:
                    _check(connection)
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
                    migrate(connection, CHOOSE_ANOTHER)
            finally:
                engine.dispose()

    def readers(self) -> Engine:
        """Connections of a pool; one that was lost while nobody used it is made again unseen."""
        return self._connect(IsolationLevel.REPEATABLE_READ, QueuePool, read_only=True)

    def agreement(self) -> Engine:
        """Connections on which servers agree who has what: they see, and lock, what another has just committed."""
        return self._connect(IsolationLevel.READ_COMMITTED, QueuePool)

    def write_connection(self) -> WriteConnection:
        """The connection that waits for a server that is away, and finds out what became of a commit."""
        return PostgresWriteConnection(self._connect(IsolationLevel.SERIALIZABLE, NullPool), self._lost)

    def explain(self, cause: BaseException) -> StoreError:
        """A sentence without what PostgreSQL says, which may quote rows, and without where it is."""
        if isinstance(cause, PoolTimeout):
            return StoreError(f"{PLACE} does not keep up with what is asked of it: try again later")
        if not isinstance(cause, psycopg.Error):
            return explain_any(PLACE, cause)
        state = cause.sqlstate or ""
        if state == "23503":
            return NotFound("there is no such meeting")
        if state in ("53100", "53200"):
            return StoreError(f"the disk or the memory of {PLACE} is full: make room and try again")
        if state == "55P03":
            return StoreError(f"{PLACE} is in use by another program: try again later")
        if state in ("42501", "25006"):
            return StoreError(f"{PLACE} cannot be written: make the user of storage.database its owner")
        if isinstance(cause, psycopg.OperationalError) and not state.startswith(("40", "57014")):
            self._away = True
            return StoreError(_unreachable(str(cause).lower()))
        if state.startswith(("22", "54")) or isinstance(cause, psycopg.DataError):
            return StoreError(f"a value does not fit into {PLACE}, or what it holds there is damaged")
        return StoreError(f"{PLACE} cannot be used: it answers with {type(cause).__name__}")

    def plain_cause(self, error: BaseException, cause: BaseException) -> BaseException:
        """An error with the same meaning for whoever tries again, in which no row is quoted."""
        if not isinstance(cause, psycopg.Error):
            return error
        said = f"{type(cause).__name__} ({cause.sqlstate or 'no connection'})"
        never = isinstance(cause, psycopg.DataError) or (cause.sqlstate or "").startswith(("22", "54"))
        return ValueError(said) if never else ConnectionError(said)

    def _connect(
        self, isolation: IsolationLevel, pool: type[NullPool] | type[QueuePool], read_only: bool = False
    ) -> Engine:
        """Connections, all transactions of which are isolated so."""
        # the writer looks itself whether its connection is there: it must know what was lost
        engine = engine_at(self._url, NETWORK, pool, pre_ping=pool is QueuePool)

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _: object) -> None:
            # Told by each BEGIN: no question of its own, and no matter what the server's own setting is.
            connection.isolation_level = isolation
            connection.read_only = read_only
            self._away = False

        return engine

    def _lost(self) -> None:
        self._away = True


def _unreachable(said: str) -> str:
    if "authentication failed" in said or "no password supplied" in said or "pg_hba.conf" in said:
        return f"{PLACE} lets this program not in: check its user and its password"
    if "does not exist" in said:
        return f"{PLACE} does not exist: make it with createdb, or check the name and the user"
    return UNREACHABLE


def _check(connection: Connection) -> None:
    """See that the server can do what is needed of it; raises StoreError."""
    asked = (
        "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'), "
        "EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu')"
    )
    version, encoding, icu = connection.exec_driver_sql(asked).one()
    if version < OLDEST:
        raise StoreError(f"{PLACE} is of PostgreSQL {version}: {OLDEST} or newer is needed")
    if encoding != "UTF8":
        raise StoreError(
            f"{PLACE} is encoded as {encoding}: make one with createdb --encoding UTF8 --template template0"
        )
    if not icu:
        raise StoreError(f"{PLACE} is of a PostgreSQL without ICU, by which words are told apart: take one that has it")
