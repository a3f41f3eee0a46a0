"""The connection that writes to PostgreSQL, and what it does when the server goes away in the middle of it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from meeting.storage.databases.database import SHORT_WAIT, Erase, Result, WriteConnection
from meeting.storage.databases.statements import committed
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

AWAY_SECONDS = 5.0
"""How long a write waits for a server that has just gone away; once it is known to be, writes fail after one try"""
AGAIN_SECONDS = 0.5
"""For how long nobody tries again to reach one that is known to be away: a try may take seconds, and many wait"""
RETRY_SECONDS = 0.1
"""Between two tries to reach it"""
MOST_CONFLICTS = 50
"""How often work is done again because another server's transaction came in between"""
STUCK_SECONDS = 2.0
"""How long a lost connection's transaction may be under way before its process is ended"""
SETTINGS = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'"
"""A transaction waits so long for another's row, and one whose program is gone does not hold rows for ever"""

PLACE = "the database that storage.database names"
UNREACHABLE = f"{PLACE} cannot be reached: see that PostgreSQL is running"
UNKNOWN = "the database does not answer, and whether the last change is stored is not known yet"


class PostgresWriteConnection(WriteConnection):
    """Does every piece of work exactly once, also where the connection is lost while it is committed."""

    def __init__(self, engine: Engine, on_lost: Callable[[], None]) -> None:
        """`on_lost` is called when the server has gone away."""
        self._engine = engine
        self._on_lost = on_lost
        self._connection: Connection | None = None
        self._away = False
        self._tried = 0.0
        """When it was last found to be away"""
        self._undecided = False
        self._hurry = threading.Event()

    def transact(self, work: Callable[[Session], Result], erase: Erase) -> tuple[Result, bool]:
        """One transaction, as if no other server had written anything meanwhile; waits for the server, shortly."""
        conflicts, until = 0, time.monotonic() + (SHORT_WAIT if self._hurry.is_set() else AWAY_SECONDS)
        while True:
            connection = self._reach(until)
            try:
                return self._attempt(connection, work, erase)
            except DBAPIError as error:
                if _lost(error):  # before it was committed: nothing of it was done
                    self._drop()
                elif _conflict(error) and conflicts < MOST_CONFLICTS:
                    conflicts += 1
                    time.sleep(random.uniform(0, 0.002 * conflicts))
                else:
                    raise

    def _attempt(self, connection: Connection, work: Callable[[Session], Result], erase: Erase) -> tuple[Result, bool]:
        with Session(connection) as session:
            try:
                session.begin()
                result = work(session)
                erase = erase(session) if callable(erase) else erase
                session.flush()
                number = session.scalar(text("SELECT pg_current_xact_id_if_assigned()::text"))
                self._commit(session, number)
            except BaseException:
                with suppress(SQLAlchemyError):  # a commit that is refused leaves the connection in its transaction
                    connection.rollback()
                raise
        committed(session)
        return result, erase

    def _commit(self, session: Session, number: str | None) -> None:
        """Commit what a transaction of this number does, None where that is nothing; raises where it is not done."""
        try:
            session.commit()
        except DBAPIError as error:
            if not _lost(error) or number is None or not self._was_committed(number):
                raise

    def _was_committed(self, number: str) -> bool:
        """Whether a transaction is on disk, whose answer was lost; waits as long as that takes, since what comes

        again would be done twice otherwise. Raises StoreError where it is never known.
        """
        log.warning("the database was lost while something was stored: once it is back it is asked whether it was")
        self._undecided, since = True, time.monotonic()
        self._on_lost()
        try:
            while True:
                self._drop()
                with suppress(SQLAlchemyError):
                    status = self._status(number, time.monotonic() - since > STUCK_SECONDS)
                    if status != "in progress":
                        return status == "committed"
                if self._hurry.wait(RETRY_SECONDS) and time.monotonic() - since > SHORT_WAIT:
                    raise StoreError(UNKNOWN)
        finally:
            self._undecided = False

    def _status(self, number: str, end: bool) -> str | None:
        """What became of a transaction; None where the server knows of none, as one that has taken another's place."""
        connection = self._connected()
        try:
            status: str | None = connection.scalar(
                text("SELECT pg_xact_status(CAST(:number AS xid8))"), {"number": number}
            )
            if status == "in progress" and end:
                ended = (
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE backend_xid = CAST(:number AS xid8)::xid"
                )
                connection.execute(text(ended), {"number": number})
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.DataError):  # a number that has not been given yet
                return None
            raise
        finally:
            with suppress(SQLAlchemyError):
                connection.rollback()
        return status

    def _reach(self, until: float) -> Connection:
        """The connection, made where there is none; raises once the time is over, or at once if it was away before."""
        while True:
            if self._away and time.monotonic() < self._tried + AGAIN_SECONDS:
                raise StoreError(UNREACHABLE)
            try:
                return self._connected()
            except DBAPIError:
                self._drop()
                if self._away or time.monotonic() > until:
                    self._away, self._tried = True, time.monotonic()
                    raise
                time.sleep(RETRY_SECONDS)

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            connection.exec_driver_sql(SETTINGS)
            connection.commit()
            self._connection, self._away = connection, False
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()

    def problem(self) -> StoreError | None:
        """That it is not known yet what became of the last commit."""
        return StoreError(UNKNOWN) if self._undecided else None

    def traces_left(self) -> bool:
        """PostgreSQL clears away by itself what was deleted."""
        return False

    def erase(self) -> bool:
        """PostgreSQL does that by itself, in its own time."""
        return True

    def shorten_waits(self) -> None:
        """Wait for a server that is away no longer than `SHORT_WAIT`."""
        self._hurry.set()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None
        self._engine.dispose()


def _lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, or leads to a server that takes no writes any more."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error.orig, psycopg.OperationalError) and state is None:
        return True
    return (state or "").startswith(("08", "57P", "25006"))


def _conflict(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in ("40001", "40P01")
