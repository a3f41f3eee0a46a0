"""Meetings whose server is gone, and to which no client comes."""

from __future__ import annotations

import asyncio

import pytest

from meeting.cluster.takeover import Takeover
from meeting.core.continuity.ownership import Left
from meeting.core.errors import Elsewhere
from pipelines.errors import StoreError
from tests.meeting.cluster.memory_leases import Clock


class Server:
    """A server that looks for what others have left."""

    def __init__(self, left: list[str], unkept: tuple[str, ...] = ()) -> None:
        self.clock = Clock()
        self.left_behind = left
        self.gone_on: list[str] = []
        self.deleted: list[str] = []
        self.faster = False
        self.takeover = Takeover(10.0, self.left, lambda: unkept, self.go_on, self.delete, self.clock)

    async def left(self) -> list[Left]:
        return [Left(one, "gone") for one in self.left_behind]

    async def go_on(self, meeting_id: str) -> None:
        self.gone_on.append(meeting_id)
        if self.faster:
            raise Elsewhere("https://example.org")

    async def delete(self, meeting_id: str) -> None:
        self.deleted.append(meeting_id)


def test_what_nobody_has_come_to_is_gone_on_with_and_what_is_not_kept_deleted() -> None:
    async def body() -> None:
        server = Server(["m", "n"], unkept=("n",))
        await server.takeover.look()
        assert server.gone_on == server.deleted == []
        server.clock.now += 5.0
        await server.takeover.look()
        assert (server.gone_on, server.deleted) == (["m"], ["n"])

    asyncio.run(body())


def test_one_that_another_server_was_faster_with_does_not_keep_the_rest_waiting() -> None:
    async def body() -> None:
        server = Server(["m", "n"])
        server.faster = True
        await server.takeover.look()
        server.clock.now += 5.0
        await server.takeover.look()
        assert sorted(server.gone_on) == ["m", "n"]

    asyncio.run(body())


def test_a_database_that_does_not_answer_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("meeting.cluster.takeover.LOOK_SHARE", 0.0)
    asked: list[int] = []

    async def body() -> None:
        enough = asyncio.Event()

        async def left() -> list[Left]:
            asked.append(1)
            if len(asked) > 2:
                enough.set()
            raise StoreError("not now")

        server = Server([])
        server.takeover._left = left
        running = asyncio.create_task(server.takeover.run())
        await asyncio.wait_for(enough.wait(), 20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(body())
    assert "cannot be read: not now" in caplog.text
