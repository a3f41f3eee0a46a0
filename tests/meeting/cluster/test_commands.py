"""Commands beside servers that share a database: neither takes what the other has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meeting.cluster import commands
from meeting.cluster.commands import command_ownership, taken
from meeting.cluster.ownership import Ownership, SingleServer
from meeting.cluster.rules import AT_WORK, COMMAND
from meeting.cluster.shared_ownership import SharedOwnership
from meeting.config.settings import Config, Storage
from meeting.core.errors import Conflict, Moving
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.store import Store
from pipelines.errors import StoreError
from tests.meeting.cluster.memory_leases import MemoryLeases

SERVER = "https://example.org/servers/a"
ON_POSTGRES = Storage(database="postgresql://db.example.org/meetings")


def in_memory(monkeypatch: pytest.MonkeyPatch) -> MemoryLeases:
    """What commands with `ON_POSTGRES` share with servers from now on."""
    leases = MemoryLeases()

    def shared(config: Config, store: Store, recovery_queue: RecoveryQueue, address: str) -> SharedOwnership:
        return SharedOwnership(store, leases, address, 10.0, leases.clock)

    monkeypatch.setattr(commands, "shared_ownership", shared)
    return leases


def at_a_server(monkeypatch: pytest.MonkeyPatch, meeting_id: str) -> MemoryLeases:
    """The same where a server, "a", has a meeting."""
    leases = in_memory(monkeypatch)
    leases.register("a", SERVER, 10.0)
    leases.claim(meeting_id, "a")
    return leases


def as_command(folder: Path, body: Callable[[Ownership, Store], Awaitable[None]], at: Storage = ON_POSTGRES) -> None:
    async def run(store: Store) -> None:
        async with command_ownership(Config(storage=at), store) as ownership:
            await body(ownership, store)

    with Store(folder) as store:
        asyncio.run(run(store))


def test_a_command_beside_a_file_has_everything(tmp_path: Path) -> None:
    async def body(ownership: Ownership, store: Store) -> None:
        assert isinstance(ownership, SingleServer)
        async with taken(ownership, "m") as claim:
            assert claim.store is store

    as_command(tmp_path, body, Storage(data_dir=tmp_path))


def test_what_a_command_has_no_server_takes_and_nothing_is_left_of_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = in_memory(monkeypatch)

    async def body(ownership: Ownership, store: Store) -> None:
        server = SharedOwnership(store, leases, SERVER, 10.0, leases.clock)
        keeping = asyncio.create_task(server.keep())
        async with taken(ownership, "m") as claim:
            claim.store.write(lambda session: None).result()
            while not server.held():
                await asyncio.sleep(0.01)
            with pytest.raises(Moving, match=re.escape(AT_WORK)):
                await server.take("m")
            with pytest.raises(Moving, match=re.escape(AT_WORK)):
                await server.require("m")
        await server.give_back(await server.take("m"))
        keeping.cancel()
        await asyncio.wait({keeping})
        await server.stop()

    as_command(tmp_path, body)
    assert (leases.servers, leases.owners) == ({}, {})


def test_two_commands_have_leases_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = in_memory(monkeypatch)

    async def body(first: Ownership, store: Store) -> None:
        async with command_ownership(Config(storage=ON_POSTGRES), store) as second, taken(first, "m"):
            assert first.held()
            addresses = [address for address, _ in leases.servers.values()]
            assert len(set(addresses)) == 2
            assert all(address.startswith(COMMAND) for address in addresses)
            with pytest.raises(Conflict, match=re.escape(AT_WORK)):
                async with taken(second, "m"):
                    raise AssertionError("both have it")

    as_command(tmp_path, body)


def test_what_a_server_has_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_server(monkeypatch, "m")

    async def body(ownership: Ownership, store: Store) -> None:
        with pytest.raises(Conflict, match=re.escape(f"the server {SERVER} has this meeting now: try again once")):
            async with taken(ownership, "m"):
                raise AssertionError("both have it")

    as_command(tmp_path, body)


def test_what_a_server_has_is_waited_for_where_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = at_a_server(monkeypatch, "m")

    async def body(ownership: Ownership, store: Store) -> None:
        tries = leases.asked.count("claim")
        waiting = asyncio.create_task(_enter(ownership))
        while leases.asked.count("claim") < tries + 2:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        leases.release("m", "a", leases.owners["m"][1])
        await waiting

    async def _enter(ownership: Ownership) -> None:
        async with taken(ownership, "m", patience=60):
            assert ownership.holds("m")

    as_command(tmp_path, body)


def test_a_command_without_a_lease_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory(monkeypatch).away = True
    monkeypatch.setattr(commands, "LEASE_PATIENCE", 0.1)

    async def body(ownership: Ownership, store: Store) -> None:
        raise AssertionError("it began")

    with pytest.raises(StoreError, match="gives no lease"):
        as_command(tmp_path, body)
