"""Leases and ownership on a real PostgreSQL: who has a meeting writes for it, and nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from meeting.config.settings import Storage
from meeting.core.continuity.ownership import Claimed, Owner
from meeting.core.errors import OwnershipLost
from meeting.core.records import Meeting, State
from meeting.storage.ownership.ownership_store import OwnershipStore, open_ownership_store
from meeting.storage.store import Store
from pipelines.errors import SettingsError, StoreError
from tests.databases.postgres_server import PostgresServer

A, B = "https://example.org/servers/a", "https://example.org/servers/b"
MEETING = "m" * 16


class Shared:
    """A database that two servers share; a lease lasts as long as `length` says, in seconds."""

    def __init__(self, postgres: PostgresServer, folder: Path, length: float = 60.0) -> None:
        self.storage = Storage(data_dir=folder, database=postgres.new_database())
        self.store = Store.configured(self.storage).open()
        self.leases = open_ownership_store(self.storage, length)

    def meeting(self, state: State = State.OPEN) -> None:
        self.store.create_meeting(Meeting(MEETING, "t", state, datetime.now(timezone.utc))).result()

    def claim(self, server_id: str) -> Claimed:
        found = self.leases.claim(MEETING, server_id)
        assert isinstance(found, Claimed)
        return found

    def fenced(self, claim: Claimed, lost: list[bool] | None = None) -> Store:
        found = [] if lost is None else lost
        return self.leases.fenced(self.store, claim, lambda: found.append(True), lambda: True)

    def expire(self, server_id: str) -> None:
        with self.leases._transaction() as connection:
            connection.exec_driver_sql(
                f"UPDATE servers SET expires = clock_timestamp() - interval '1 second' WHERE id = '{server_id}'"
            )


@pytest.fixture
def shared(postgres: PostgresServer, tmp_path: Path) -> Iterator[Shared]:
    made = Shared(postgres, tmp_path)
    with made.store:
        for id_, address in (("a", A), ("b", B)):
            made.leases.register(id_, address, 60.0)
        yield made
    made.leases.close()


def test_of_many_servers_that_claim_a_meeting_at_once_one_has_it(shared: Shared) -> None:
    ids = [f"s{number}" for number in range(8)]
    for id_ in ids:
        shared.leases.register(id_, f"https://example.org/servers/{id_}", 60.0)
    with ThreadPoolExecutor(len(ids)) as threads:
        found = list(threads.map(lambda id_: shared.leases.claim(MEETING, id_), ids))
    (claimed,) = [one for one in found if isinstance(one, Claimed)]
    assert {one.server_id for one in found if isinstance(one, Owner)} == {claimed.server_id}


def test_who_has_it_is_told_with_the_time_that_is_left(shared: Shared) -> None:
    claimed = shared.claim("a")
    owner = shared.leases.claim(MEETING, "b")
    assert isinstance(owner, Owner)
    assert (owner.server_id, owner.address) == ("a", A)
    assert 0 < owner.left <= 60
    assert shared.leases.owner(MEETING) == Owner("a", A, pytest.approx(owner.left, abs=30))
    assert shared.claim("a") == claimed
    shared.leases.release(MEETING, "a", claimed.fence + 1)
    assert shared.leases.owner(MEETING) is not None
    shared.leases.release(MEETING, "a", claimed.fence)
    assert shared.leases.owner(MEETING) is None
    again = shared.claim("b")
    assert again.former is None
    assert again.fence > claimed.fence


def test_a_server_whose_lease_has_run_out_can_neither_renew_nor_claim_nor_keep_a_meeting(shared: Shared) -> None:
    before = shared.claim("a")
    shared.leases.claim("another", "a")
    shared.expire("a")
    assert shared.leases.owner(MEETING) is None
    assert not shared.leases.renew("a", 60.0)
    with pytest.raises(StoreError):
        shared.leases.claim("n", "a")
    taken = shared.claim("b")
    assert (taken.former, taken.beside) == ("a", ("another",))
    assert taken.fence > before.fence
    assert shared.leases.renew("b", 60.0)


def test_a_renewal_that_is_on_its_way_wins_against_a_takeover(shared: Shared) -> None:
    shared.claim("a")
    shared.expire("a")
    engine, renewing = shared.leases._engine, threading.Event()

    def renew_late() -> None:
        # As one that was found in time and whose answer takes long: the row is locked until it is there.
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE servers SET expires = clock_timestamp() + interval '60 s' WHERE id = 'a'"
            )
            renewing.set()
            _until_somebody_waits(shared)

    thread = threading.Thread(target=renew_late)
    thread.start()
    assert renewing.wait(20)
    found = shared.leases.claim(MEETING, "b")
    thread.join(20)
    assert isinstance(found, Owner)
    assert found.server_id == "a"


def _until_somebody_waits(shared: Shared) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(2000):
        with shared.store.read() as session:
            if session.connection().exec_driver_sql(waiting).scalar():
                return
        time.sleep(0.005)
    raise AssertionError("nobody waits for the lock")


def test_another_process_at_the_same_address_ends_the_lease_of_the_one_before(shared: Shared) -> None:
    shared.claim("a")
    shared.leases.register("again", A, 60.0)
    assert not shared.leases.renew("a", 60.0)
    assert shared.claim("again").former == "a"


def test_writes_for_a_meeting_fail_once_another_server_has_it(shared: Shared) -> None:
    shared.meeting()
    lost: list[bool] = []
    before = shared.fenced(shared.claim("a"), lost)
    before.set_state(MEETING, State.LIVE).result()
    shared.expire("a")
    after = shared.fenced(shared.claim("b"))
    with pytest.raises(OwnershipLost):
        before.rename_meeting(MEETING, "written too late").result()
    assert lost == [True]
    after.rename_meeting(MEETING, "written by its server").result()
    assert shared.store.meeting(MEETING).title == "written by its server"


def test_nothing_is_asked_of_the_database_by_a_server_that_knows_that_its_lease_is_over(shared: Shared) -> None:
    shared.meeting()
    fenced = shared.leases.fenced(shared.store, shared.claim("a"), lambda: None, lambda: False)
    with pytest.raises(OwnershipLost):
        fenced.rename_meeting(MEETING, "too late").result()


@contextmanager
def stopped_in_the_middle_of_a_write(shared: Shared, claim: Claimed) -> Iterator[list[BaseException | None]]:
    """A server that was stopped between the check of its fence and the end of the transaction; how that ended."""
    checked, awake, ends = threading.Event(), threading.Event(), list[BaseException | None]()
    fenced = shared.fenced(claim)

    def work(session: Session) -> None:
        if not checked.is_set():
            checked.set()
            awake.wait(60)

    future = fenced.write(work)
    assert checked.wait(20)
    yield ends
    awake.set()
    ends.append(future.exception(60))


def test_a_takeover_waits_for_a_write_that_is_under_way(shared: Shared) -> None:
    shared.meeting()
    claim = shared.claim("a")
    shared.expire("a")
    with ThreadPoolExecutor(1) as thread:
        with stopped_in_the_middle_of_a_write(shared, claim) as ends:
            taking = thread.submit(shared.claim, "b")
            _until_somebody_waits(shared)
            assert not taking.done()
        assert ends == [None]
    assert taking.result(20).former == "a"


def test_a_server_that_is_stopped_in_the_middle_of_a_write_holds_no_takeover_up_for_longer_than_a_lease(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    shared = Shared(postgres, tmp_path, length=1.0)
    with shared.store:
        for id_, address in (("a", A), ("b", B)):
            shared.leases.register(id_, address, 60.0)
        shared.meeting()
        claim = shared.claim("a")
        shared.expire("a")
        with stopped_in_the_middle_of_a_write(shared, claim) as ends:
            taken = _claimed_in_the_end(shared.leases)
            assert taken.former == "a"
        (end,) = ends
        assert isinstance(end, OwnershipLost)
    shared.leases.close()


def _claimed_in_the_end(leases: OwnershipStore) -> Claimed:
    for _ in range(20):
        try:
            found = leases.claim(MEETING, "b")
        except StoreError:  # the wait for the row is bounded, too
            continue
        assert isinstance(found, Claimed)
        return found
    raise AssertionError("the row was never free")


def test_what_runs_without_a_server_is_found_and_what_is_over_is_not(shared: Shared) -> None:
    assert list(shared.leases.left()) == []
    shared.meeting(State.LIVE)
    assert [(one.subject, one.former) for one in shared.leases.left()] == [(MEETING, None)]
    claim = shared.claim("a")
    assert list(shared.leases.left()) == []
    shared.leases.retire("a")
    assert [(one.subject, one.former) for one in shared.leases.left()] == [(MEETING, "a")]
    shared.leases.claim("duty:jobs", "b")
    shared.leases.retire("b")
    assert [one.subject for one in shared.leases.left()] == [MEETING]
    shared.store.set_state(MEETING, State.ENDED).result()
    shared.leases.release(MEETING, "a", claim.fence)
    assert list(shared.leases.left()) == []


def test_a_database_that_is_away_is_told_without_what_its_driver_says(postgres: PostgresServer, tmp_path: Path) -> None:
    shared = Shared(postgres, tmp_path)
    shared.store.close()
    shared.leases.close()
    name = str(shared.storage.database).rpartition("/")[2]
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    with pytest.raises(StoreError, match="cannot be used") as told:
        shared.leases.renew("a", 60.0)
    assert name not in str(told.value)


def test_several_servers_need_a_postgresql() -> None:
    with pytest.raises(SettingsError):
        open_ownership_store(Storage(database="sqlite:///somewhere"), 10.0)
