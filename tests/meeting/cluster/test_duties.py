"""What one server does for all is done by one at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meeting.cluster import duties
from meeting.cluster.duties import JOBS, while_holding
from meeting.cluster.ownership import Claim, SingleServer
from meeting.storage.store import Store
from tests.meeting.cluster.test_shared_ownership import Servers, among, until


def test_a_single_server_does_it_until_it_is_over(tmp_path: Path) -> None:
    async def body() -> None:
        done: list[str] = []

        async def work(claim: Claim) -> None:
            done.append(claim.subject)

        await while_holding(SingleServer(Store(tmp_path)), JOBS, work)
        assert done == [JOBS]

    asyncio.run(body())


def test_another_server_goes_on_once_the_first_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "TRY_AGAIN", 0.01)
    monkeypatch.setattr(duties, "LOOK_SECONDS", 0.01)

    async def body(servers: Servers) -> None:
        doing: dict[str, bool] = {}

        def named(name: str) -> asyncio.Task[None]:
            async def work(claim: Claim) -> None:
                doing[name] = True
                try:
                    await asyncio.Event().wait()
                finally:
                    doing[name] = False

            server = {"a": servers.a, "b": servers.b}[name]
            return asyncio.create_task(while_holding(server, JOBS, work))

        await servers.start(servers.a)
        first = named("a")
        await until(lambda: doing.get("a", False))
        await servers.start(servers.b)
        second = named("b")
        await asyncio.sleep(0.1)
        assert doing == {"a": True}
        servers.keeping[0].cancel()
        servers.leases.servers = {id_: one for id_, one in servers.leases.servers.items() if "servers/b" in one[0]}
        lease = servers.a._lease
        assert lease is not None
        servers.a._lease = None
        await until(lambda: doing.get("b", False))
        await until(lambda: not doing["a"])
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert not doing["b"]

    among(tmp_path, body)


def test_a_fault_in_it_is_told_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(duties, "TRY_AGAIN", 0.01)

    async def body(servers: Servers) -> None:
        await servers.start(servers.a)
        tries: list[int] = []

        async def work(claim: Claim) -> None:
            tries.append(1)
            raise ValueError("a fault")

        task = asyncio.create_task(while_holding(servers.a, JOBS, work))
        await until(lambda: len(tries) > 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    among(tmp_path, body)
    assert "duty:jobs: stopped by ValueError" in caplog.text
