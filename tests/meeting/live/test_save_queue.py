"""What a meeting wants kept: in order, waiting while the disk refuses, bounded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest

from meeting.core.errors import OwnershipLost
from meeting.core.records import State
from meeting.live import save_queue
from meeting.live.save_queue import SaveQueue
from meeting.session.events import Effect, SaveState
from pipelines.errors import NotFound, StoreError


class FakeDisk:
    """Takes effects, or raises what it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs: Future[None] | None = None
        self.kept: list[int] = []
        self.news: list[str] = []

    def write(self, effect: Effect) -> Future[None]:
        """Keep the number of an effect."""
        done: Future[None] = Future()
        if self.error is not None:
            done.set_exception(self.error)
        else:
            assert isinstance(effect, SaveState)
            self.kept.append(effect.samples)
            if self.hangs is not None:
                return self.hangs
            done.set_result(None)
        return done


def effect(number: int) -> SaveState:
    return SaveState(State.LIVE, number, {})


def trying(body: Callable[[SaveQueue, FakeDisk], Awaitable[None]]) -> FakeDisk:
    disk = FakeDisk()

    async def run() -> None:
        kept = SaveQueue("m", disk.write, lambda text: disk.news.append("trouble"), lambda: disk.news.append("relief"))
        await asyncio.wait_for(body(kept, disk), 20)
        kept.close()

    asyncio.run(run())
    return disk


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(save_queue, "RETRY_SECONDS", 0.001)
    caplog.set_level(logging.CRITICAL)


def test_what_the_disk_takes_is_kept_at_once() -> None:
    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        await kept.save(effect(1))
        assert disk.kept == [1]
        assert await kept.settle()

    assert trying(body).news == []


def test_what_it_refuses_waits_and_later_things_wait_behind_it() -> None:
    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = StoreError("full")
        for number in range(4):
            await kept.save(effect(number))
        await asyncio.sleep(0.01)
        assert disk.kept == []
        disk.error = None
        await kept.save(effect(4))
        assert await kept.settle()
        await kept.save(effect(5))

    disk = trying(body)
    assert disk.kept == [0, 1, 2, 3, 4, 5]
    assert disk.news == ["trouble", "relief"]


def test_no_more_waits_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_queue, "MAX_WAITING", 2)

    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = StoreError("full")
        for number in range(5):
            await kept.save(effect(number))
        disk.error = None
        assert not await kept.settle()

    assert trying(body).kept == [0, 1]


@pytest.mark.parametrize("cause", [ValueError("no"), OverflowError("no")])
def test_what_can_never_be_kept_holds_up_nothing(cause: Exception) -> None:
    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = StoreError("does not fit")
        disk.error.__cause__ = cause
        await kept.save(effect(1))
        disk.error = None
        await kept.save(effect(2))
        assert await kept.settle()
        assert kept.gave_up

    disk = trying(body)
    assert (disk.kept, disk.news) == ([2], [])


def test_a_meeting_that_was_deleted_is_not_tried_again() -> None:
    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = NotFound("gone")
        await kept.save(effect(1))
        assert kept.gave_up

    assert trying(body).kept == []


def test_a_disk_that_refuses_is_left_alone_between_two_tries_and_for_good_once_the_meeting_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        tries.append(seconds)
        await sleep(0)

    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = StoreError("full")
        await kept.save(effect(1))
        monkeypatch.setattr("meeting.live.save_queue.asyncio.sleep", counted)
        while len(tries) < 3:
            await sleep(0)
        kept.close()
        await sleep(0)
        before = len(tries)
        for _ in range(20):
            await sleep(0)
        assert len(tries) == before
        assert set(tries) == {save_queue.RETRY_SECONDS}

    trying(body)


def test_a_write_that_does_not_end_is_told_of_and_what_comes_waits_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_queue, "SLOW_SECONDS", 0.001)

    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.hangs = Future()
        await kept.save(effect(1))
        assert disk.news == ["trouble"]
        hanging, disk.hangs = disk.hangs, None
        await kept.save(effect(2))
        assert (disk.kept, kept.idle) == ([1], False), "the first is under way, and is not asked for again"
        hanging.set_result(None)
        assert await kept.settle()
        assert disk.kept == [1, 2]

    assert trying(body).news == ["trouble", "relief"]


def test_a_write_that_does_not_end_and_then_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_queue, "SLOW_SECONDS", 0.001)

    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.hangs = Future()
        await kept.save(effect(1))
        hanging, disk.hangs = disk.hangs, None
        hanging.set_exception(StoreError("it was not stored"))
        assert await kept.settle()
        assert disk.kept == [1, 1]

    assert trying(body).news == ["trouble", "relief"]


def test_what_another_server_has_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def body(kept: SaveQueue, disk: FakeDisk) -> None:
        disk.error = StoreError("full")
        await kept.save(effect(1))
        await kept.save(effect(2))
        disk.error = OwnershipLost("another server has it")
        assert not await kept.settle()
        assert kept.idle
        await kept.save(effect(3))
        assert kept.overflowed

    assert trying(body).kept == []
