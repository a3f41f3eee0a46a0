"""Leases of servers and what each of them has, in a PostgreSQL that all of them use.

Time is the database's own: servers ask for a lease of so many seconds, and compare nothing with their clocks. What has
run out is deleted before anything is taken over, so that a renewal that comes at the same time wins or finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from meeting.config.settings import Storage
from meeting.core.continuity.ownership import Claimed, Left, Owner
from meeting.core.errors import OwnershipLost
from meeting.storage.databases.configured import database_of
from meeting.storage.store import Store
from pipelines.errors import SettingsError, StoreError

TRIES = 3
"""How often a claim is tried that other servers try as well"""
LOST = "another server has this meeting now"

_REGISTER = text(
    "INSERT INTO servers (id, address, expires) "
    "VALUES (:id, :address, clock_timestamp() + make_interval(secs => :length))"
)
_RENEW = text(
    "UPDATE servers SET expires = clock_timestamp() + make_interval(secs => :length) "
    "WHERE id = :id AND expires > clock_timestamp()"
)
_FORMER = text("DELETE FROM servers WHERE address = :address OR expires < clock_timestamp() - interval '1 hour'")
_RETIRE = text("DELETE FROM servers WHERE id = :id")
_EXPIRE = text("DELETE FROM servers WHERE id = :id AND expires <= clock_timestamp()")
_OWNER = text(
    "SELECT o.server_id, o.fence, s.address, extract(epoch FROM s.expires - clock_timestamp()) AS seconds_left "
    "FROM ownerships o LEFT JOIN servers s ON s.id = o.server_id WHERE o.subject = :subject"
)
_BESIDE = text("SELECT subject FROM ownerships WHERE server_id = :former AND subject <> :subject")
# A fence is at least the time, so that it grows also where its row was deleted meanwhile.
_FENCE = "greatest(%s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
_RUNS = "EXISTS (SELECT FROM servers WHERE id = :id AND expires > clock_timestamp())"
_MAKE = text(
    "INSERT INTO ownerships (subject, server_id, fence) "
    f"SELECT CAST(:subject AS varchar), CAST(:id AS varchar), {_FENCE % 0} WHERE {_RUNS} "
    "ON CONFLICT DO NOTHING RETURNING fence"
)
_TAKE_OVER = text(
    f"UPDATE ownerships SET server_id = :id, fence = {_FENCE % 'fence + 1'} "
    f"WHERE subject = :subject AND server_id = :former AND fence = :fence AND {_RUNS} RETURNING fence"
)
_RELEASE = text("DELETE FROM ownerships WHERE subject = :subject AND server_id = :id AND fence = :fence")
_WITHOUT_SERVER = "NOT EXISTS (SELECT FROM servers s WHERE s.id = o.server_id AND s.expires > clock_timestamp())"
_LEFT = text(
    f"SELECT o.subject, o.server_id FROM ownerships o JOIN meetings m ON m.id = o.subject WHERE {_WITHOUT_SERVER} "
    "UNION ALL SELECT m.id, NULL FROM meetings m WHERE m.state IN ('live', 'ending') "
    "AND NOT EXISTS (SELECT FROM ownerships o WHERE o.subject = m.id)"
)
# The row is held until the transaction ends, so that a takeover waits for it; should this process be stopped in the
# middle of it, the database ends it.
_GUARD = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :most, true) FROM ownerships "
    "WHERE subject = :subject AND server_id = :id AND fence = :fence FOR SHARE"
)
_LOCK_WAIT = text("SELECT set_config('lock_timeout', :most, true)")


def open_ownership_store(settings: Storage, length: float) -> OwnershipStore:
    """What is kept in the PostgreSQL that is set; a lease lasts `length` seconds. Raises SettingsError."""
    database = database_of(settings)
    if database is None:
        raise SettingsError("several servers share a PostgreSQL: name it as storage.database")
    from meeting.storage.databases.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return OwnershipStore(database.agreement(), length)


class OwnershipStore:
    """Keeps leases and ownership; its methods wait for the database, may be called from any thread, raise StoreError.

    Each is one short transaction of an engine of its own, which nothing else holds up.
    """

    def __init__(self, engine: Engine, length: float) -> None:
        """`engine` gives connections that read what is committed; a lease lasts `length` seconds."""
        self._engine = engine
        self._milliseconds = str(round(length * 1000 / 2))

    # Leases

    def register(self, server_id: str, address: str, length: float) -> None:
        """Begin a lease of so many seconds; one of an earlier process at the same address ends."""
        with self._transaction() as connection:
            # Only one process at a time can be at this address: its lock in the data folder says so.
            connection.execute(_FORMER, {"address": address})
            connection.execute(_REGISTER, {"id": server_id, "address": address, "length": length})

    def renew(self, server_id: str, length: float) -> bool:
        """Have a lease last for so many seconds from now on; false where it has run out."""
        with self._transaction() as connection:
            return connection.execute(_RENEW, {"id": server_id, "length": length}).rowcount == 1

    def retire(self, server_id: str) -> None:
        """End a lease: what its server has not given back can be taken over at once."""
        with self._transaction() as connection:
            connection.execute(_RETIRE, {"id": server_id})

    # What servers have

    def claim(self, subject: str, server_id: str) -> Claimed | Owner:
        """Let a server have something, or who has it; raises StoreError where its own lease has run out, too."""
        for _ in range(TRIES):
            with self._transaction() as connection:
                found = self._claim(connection, subject, server_id)
            if found is not None:
                return found
        raise StoreError("other servers claim the same meeting: try again")

    def _claim(self, connection: Connection, subject: str, server_id: str) -> Claimed | Owner | None:
        """None where somebody was faster."""
        connection.execute(_LOCK_WAIT, {"most": self._milliseconds})
        row = connection.execute(_OWNER, {"subject": subject}).first()
        if row is None:
            fence = connection.execute(_MAKE, {"subject": subject, "id": server_id}).scalar()
            return None if fence is None else Claimed(subject, server_id, fence)
        if row.server_id == server_id:
            return Claimed(subject, server_id, row.fence)
        if row.address is not None:
            if row.seconds_left > 0:
                return Owner(row.server_id, row.address, float(row.seconds_left))
            # Waits for a renewal that is on its way; where that comes first, nothing is deleted.
            if connection.execute(_EXPIRE, {"id": row.server_id}).rowcount == 0:
                return None
        beside = tuple(connection.scalars(_BESIDE, {"former": row.server_id, "subject": subject}))
        taken = {"subject": subject, "id": server_id, "former": row.server_id, "fence": row.fence}
        fence = connection.execute(_TAKE_OVER, taken).scalar()
        return None if fence is None else Claimed(subject, server_id, fence, row.server_id, beside)

    def owner(self, subject: str) -> Owner | None:
        """Who has something, while that server's lease runs."""
        with self._transaction() as connection:
            row = connection.execute(_OWNER, {"subject": subject}).first()
        if row is None or row.address is None or row.seconds_left <= 0:
            return None
        return Owner(row.server_id, row.address, float(row.seconds_left))

    def release(self, subject: str, server_id: str, fence: int) -> None:
        """Let whoever comes next have something; does nothing where another server has it."""
        with self._transaction() as connection:
            connection.execute(_RELEASE, {"subject": subject, "id": server_id, "fence": fence})

    def left(self) -> Sequence[Left]:
        """Meetings that a server had which is gone, and those that run and that nobody has."""
        with self._transaction() as connection:
            return [Left(subject, former) for subject, former in connection.execute(_LEFT)]

    # What is written for them

    def fenced(self, store: Store, claim: Claimed, lost: Callable[[], None], held: Callable[[], bool]) -> Store:
        """The store, whose writes are done only while the claim lasts, and fail with OwnershipLost else.

        `lost` is called where the database says that it does not; `held` tells whether it can, without asking it.
        """
        asked = {"subject": claim.subject, "id": claim.server_id, "fence": claim.fence, "most": self._milliseconds}

        def check(session: Session) -> None:
            if held() and session.execute(_GUARD, asked).first() is not None:
                return
            lost()
            raise OwnershipLost(LOST)

        return store.checked(check)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # Nothing in these statements is secret, but a driver may tell more than that.
            raise StoreError(f"the database of all servers cannot be used ({type(error).__name__})") from error
