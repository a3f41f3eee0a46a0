"""Servers that share a database: each meeting has one, and one that cannot renew its lease has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meeting.cluster.duties import JOBS
from meeting.cluster.ownership import Claim, LeaseFigures, holding
from meeting.cluster.shared_ownership import SharedOwnership
from meeting.core.errors import Elsewhere, Moving, OwnershipLost
from meeting.storage.store import Store
from pipelines.errors import StoreError
from tests.meeting.cluster.memory_leases import Clock, MemoryLeases

A, B = "https://example.org/servers/a", "https://example.org/servers/b"


class Servers:
    """Two servers on one database; their clocks are one, unless a test has one of them stand still."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.leases = MemoryLeases(clock=self.clock)
        self.a = SharedOwnership(store, self.leases, A, 10.0, self.clock)
        self.b = SharedOwnership(store, self.leases, B, 10.0, self.clock)
        self.keeping: list[asyncio.Task[None]] = []

    async def start(self, *servers: SharedOwnership) -> None:
        """Have them get a lease."""
        for server in servers or (self.a, self.b):
            self.keeping.append(asyncio.create_task(server.keep()))
            await until(server.held)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20) if hasattr(asyncio, "timeout") else _Unbounded():
        while not true():
            await asyncio.sleep(0.005)


class _Unbounded:
    async def __aenter__(self) -> None:
        """Python 3.10 has no timeout of this kind; pytest's own ends the test."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing."""


def among(folder: Path, body: Callable[[Servers], Awaitable[None]]) -> None:
    async def run(store: Store) -> None:
        servers = Servers(store)
        try:
            await body(servers)
        finally:
            for task in servers.keeping:
                task.cancel()
            await asyncio.gather(*servers.keeping, return_exceptions=True)
            for server in (servers.a, servers.b):
                await server.stop()

    with Store(folder) as store:
        asyncio.run(run(store))


def write(claim: Claim) -> None:
    claim.store.write(lambda session: None).result()


def test_one_server_has_a_meeting_and_the_other_sends_there(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start()
        claim = await servers.a.take("m")
        assert claim.former is None
        with pytest.raises(Elsewhere) as sent:
            await servers.b.take("m")
        assert sent.value.address == A
        with pytest.raises(Elsewhere):
            await servers.b.require("m")
        await servers.a.require("m")
        assert servers.a.holds("m")
        assert not servers.b.holds("m")
        await asyncio.to_thread(write, claim)

    among(tmp_path, body)


def test_what_was_given_back_by_all_who_used_it_is_free(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start()
        async with holding(servers.a, "m"):
            claim = await servers.a.take("m")
        with pytest.raises(Elsewhere):
            await servers.b.take("m")
        released = asyncio.Event()
        servers.a.give_back_after(claim, released.wait)
        await asyncio.sleep(0)
        with pytest.raises(Elsewhere):
            await servers.b.take("m")
        released.set()
        await servers.a.settle(20)
        taken = await servers.b.take("m")
        assert taken.former is None
        assert taken.fence > claim.fence

    among(tmp_path, body)


def test_what_a_server_had_whose_lease_has_run_out_goes_to_another_and_is_its_own_no_more(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        inherited: list[Claim] = []
        servers.b.inherit = inherited.append
        await servers.start(servers.a)
        claim, _ = await servers.a.take("m"), await servers.a.take("n")
        servers.keeping.pop().cancel()  # as if it had been stopped
        servers.clock.now += 10.0
        await servers.start(servers.b)
        taken = await servers.b.take("m")
        assert taken.former is not None
        assert taken.beside == ("n",)
        assert inherited == [taken]
        assert not claim.held()
        with pytest.raises(OwnershipLost):
            await asyncio.to_thread(write, claim)
        await asyncio.to_thread(write, taken)

    among(tmp_path, body)


def test_figures_count_meetings_and_what_was_taken_over_of_them_but_no_duties(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        assert servers.a.figures() == LeaseFigures(owned=0, takeovers=0, losses=0, age=None)
        await servers.start(servers.a)
        for subject in ("m", "n", JOBS):
            await servers.a.take(subject)
        assert servers.a.figures() == LeaseFigures(owned=2, takeovers=0, losses=0, age=0.0)
        servers.keeping.pop().cancel()  # as if it had been stopped
        servers.clock.now += 10.0
        await servers.start(servers.b)
        for subject in ("m", JOBS):
            await servers.b.take(subject)
        assert servers.b.figures() == LeaseFigures(owned=1, takeovers=1, losses=0, age=0.0)
        assert servers.a.figures().owned == 0

    among(tmp_path, body)


def test_a_write_that_finds_the_meeting_taken_over_makes_the_claim_void_before_its_lease_runs_out(
    tmp_path: Path,
) -> None:
    async def body(servers: Servers) -> None:
        await servers.start(servers.a)
        claim = await servers.a.take("m")
        servers.leases.owners["m"] = ("another", 99)
        assert claim.held()
        with pytest.raises(OwnershipLost):
            await asyncio.to_thread(write, claim)
        assert not claim.held()
        assert servers.a.held()

    among(tmp_path, body)


def test_what_could_not_be_made_its_own_is_inherited_again_and_not_taken_for_free(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start(servers.a)
        await servers.a.take("m")
        servers.keeping.pop().cancel()
        servers.clock.now += 10.0
        await servers.start(servers.b)
        tries: list[str | None] = []

        def refuse_once(claim: Claim) -> None:
            tries.append(claim.former)
            if len(tries) == 1:
                raise StoreError("the disk is full")

        servers.b.inherit = refuse_once
        with pytest.raises(StoreError):
            await servers.b.take("m")
        assert not servers.b.holds("m")
        assert (await servers.b.take("m")).former is not None
        assert len(set(tries)) == 1
        assert len(tries) == 2

    among(tmp_path, body)


def test_a_server_without_a_lease_takes_nothing(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        with pytest.raises(Moving):
            await servers.a.take("m")
        assert await servers.a.left() == ()

    among(tmp_path, body)


def test_a_server_that_cannot_renew_lets_go_of_everything_and_begins_anew(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        lost: list[bool] = []
        servers.a.on_lost = lambda: lost.append(servers.a.held())
        await servers.start(servers.a)
        claim = await servers.a.take("m")
        servers.leases.away = True
        servers.clock.now += 4.0
        await until(lambda: servers.leases.asked.count("renew") > 0)
        assert claim.held()
        servers.clock.now += 5.0
        assert not claim.held()
        await until(lambda: bool(lost))
        assert lost == [False]
        assert servers.a.figures() == LeaseFigures(owned=0, takeovers=0, losses=1, age=9.0)
        servers.leases.away = False
        await until(servers.a.held)
        assert not claim.held()
        again = await servers.a.take("m")
        assert again is not claim
        assert again.former is not None
        assert servers.a.figures() == LeaseFigures(owned=1, takeovers=1, losses=1, age=0.0)

    among(tmp_path, body)


def test_a_lease_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start(servers.a)
        for renewals in range(1, 4):
            servers.clock.now += 4.0
            await until(lambda renewals=renewals: servers.leases.asked.count("renew") >= renewals)  # type: ignore[misc]
        await until(lambda: servers.a.figures().age == 0.0)
        assert servers.a.held()
        servers.clock.now += 2.0
        assert servers.a.figures() == LeaseFigures(owned=0, takeovers=0, losses=0, age=2.0)

    among(tmp_path, body)


def test_a_clean_stop_ends_the_lease_at_once(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start()
        await servers.a.take("m")
        servers.keeping[0].cancel()
        await servers.a.stop()
        taken = await servers.b.take("m")
        assert taken.former is not None  # it was not given back: its threads may still have been at work

    among(tmp_path, body)


def test_a_database_that_does_not_take_back_what_is_given_leaves_it_here(tmp_path: Path) -> None:
    async def body(servers: Servers) -> None:
        await servers.start()
        claim = await servers.a.take("m")
        servers.leases.away = True
        await servers.a.give_back(claim)
        servers.leases.away = False
        with pytest.raises(Elsewhere):
            await servers.b.take("m")
        assert (await servers.a.take("m")).fence == claim.fence

    among(tmp_path, body)
