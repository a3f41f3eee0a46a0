"""A disk without room: no further meeting goes live, and those that are live are told, as when there is room again."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from meeting.core.messages import SourceInfo
from meeting.live import disk_watch
from meeting.live.disk_watch import DiskWatch, free_bytes
from meeting.live.rooms import Rooms
from tests.fakes.clients import FakeClient
from tests.meeting.live.test_room import START
from tests.meeting.live.test_rooms import A, B, among, entered, go_live


def test_a_disk_is_full_below_what_a_meeting_needs(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, 7, lambda event: None, lambda folder: 7_000_000)
    assert watch.full_reason() is None
    watch.free = lambda folder: 6_999_999
    assert watch.full_reason() == "the server's disk is almost full: 6 MB are free, a meeting needs 7 MB"
    assert free_bytes(tmp_path) > 0
    assert "cannot tell" in str(DiskWatch(tmp_path / "nowhere", 7, lambda event: None).full_reason())


def test_a_disk_that_is_almost_full_takes_no_further_meeting_and_live_ones_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_watch, "CHECK_SECONDS", 0.01)
    free = [10**12]

    async def body(rooms: Rooms) -> None:
        rooms.disk.free = lambda _: free[0]
        _, host, _ = await go_live(rooms, A)
        watching = asyncio.create_task(rooms.disk.run())
        free[0] = 7_000_000
        await host.until("error")
        other = FakeClient()
        room = await entered(rooms, B)
        room.start_source(room.join(other), START)
        await asyncio.wait_for(other.done.wait(), 20)
        assert other.closed == (4429, "too_many")
        assert "7 MB are free" in other.told[-1].message  # type: ignore[union-attr]
        free[0] = 10**12
        while getattr(host.told[-1], "code", "") != "storage_ok":
            await asyncio.sleep(0.01)
        watching.cancel()

    among(tmp_path, body)


def test_a_disk_that_cannot_be_asked_once_is_watched_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_watch, "CHECK_SECONDS", 0.01)
    asked = []

    def free(folder: Path) -> int:
        asked.append(1)
        if len(asked) == 1:
            raise OSError(5, "Input/output error")
        return 7_000_000

    async def body(rooms: Rooms) -> None:
        _, host, _ = await go_live(rooms, A)
        rooms.disk.free = free
        watching = asyncio.create_task(rooms.disk.run())
        await host.until("error")
        watching.cancel()

    among(tmp_path, body)


def test_a_disk_that_hangs_holds_up_nobody_who_asks_whether_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_watch, "CHECK_SECONDS", 0.01)
    asked, hanging, over = [], threading.Event(), threading.Event()

    def free(folder: Path) -> int:
        asked.append(threading.current_thread())
        if len(asked) == 3:
            hanging.set()
            over.wait(60)
        return 8_000_000

    async def body() -> None:
        watch = DiskWatch(tmp_path, 7, lambda event: None, free)
        watching = asyncio.create_task(watch.run())
        await asyncio.to_thread(hanging.wait, 60)
        assert watch.full_reason() is None
        assert watch.last_free() == 8_000_000
        assert len(asked) == 3
        assert threading.main_thread() not in asked[1:]
        over.set()
        watching.cancel()

    asyncio.run(body())


def test_a_meeting_goes_on_while_its_disk_does_not_say_how_much_room_it_has_and_takes_no_further_source(
    tmp_path: Path,
) -> None:
    def refuse(folder: Path) -> int:
        raise OSError(116, "Stale file handle")

    async def body(rooms: Rooms) -> None:
        room, host, _ = await go_live(rooms, A)
        rooms.disk.free = refuse
        other = FakeClient()
        room.start_source(room.join(other), replace(START, source=SourceInfo("Bob", "room")))
        await asyncio.wait_for(other.done.wait(), 20)
        assert other.closed == (4429, "too_many")
        assert "cannot tell how much room" in other.told[-1].message  # type: ignore[union-attr]
        assert not room.task.done()
        assert host.closed is None

    among(tmp_path, body)
