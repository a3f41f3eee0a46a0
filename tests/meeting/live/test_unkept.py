"""Meetings that are not kept are deleted when they are over, and those of a process that died at the next start."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.messages import AudioInfo
from meeting.core.records import Meeting, State
from meeting.live import unkept
from meeting.live.rooms import Rooms
from meeting.live.unkept import UnkeptMeetings
from meeting.storage.files.journal import Journal
from meeting.storage.store import DATABASE, Store
from pipelines.errors import NotFound, StoreError
from tests.meeting.live.test_rooms import CUT, A, among, cut_off, go_live


def forget(rooms: Rooms, meeting_id: str) -> None:
    """Make a meeting one that is not kept."""
    with sqlite3.connect(rooms.store.data_dir / DATABASE) as database:
        database.execute("update meetings set kept = 0 where id = ?", (meeting_id,))
    database.close()


def test_what_a_process_that_died_left_of_it_is_deleted_and_not_heard_again(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        forget(rooms, CUT)
        assert len(rooms.store.files.of(CUT)) == 1
        await rooms.unfinished.recover()
        assert rooms.get(CUT) is None
        assert rooms.store.files.of(CUT) == []
        with pytest.raises(NotFound):
            rooms.store.meeting(CUT)
        assert [meeting.id for meeting in rooms.store.meetings()[0]] != []

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_one_that_was_never_held_goes_at_the_next_start(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        forget(rooms, A)
        await rooms.unfinished.recover()
        assert rooms.store.unkept() == []

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_one_that_another_process_holds_stays(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        forget(rooms, CUT)
        with Journal(rooms.store.files.journal_path(CUT, "s" * 16), AudioInfo()):
            await rooms.unkept.delete_left()
            assert rooms.store.meeting(CUT).state == State.LIVE
            assert rooms.store.unkept() == [CUT]
        await rooms.unfinished.recover()
        assert rooms.store.unkept() == []

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_one_whose_room_closes_is_deleted_and_another_stays(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        kept, _, _ = await go_live(rooms, A)
        await kept.end()
        await asyncio.wait([kept.task])
        meeting = Meeting("n" * 16, "t", State.OPEN, datetime.now(timezone.utc), kept=False)
        await asyncio.wrap_future(rooms.store.create_meeting(meeting))
        room, _, _ = await go_live(rooms, meeting.id)
        await room.end()
        await asyncio.wait([room.task])
        await rooms.unkept.settle(10)
        assert rooms.store.unkept() == []
        assert rooms.store.files.of(meeting.id) == []
        assert rooms.store.meeting(A).state == State.ENDED

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


class Stubborn:
    """A store that refuses to delete for so many times."""

    def __init__(self, store: Store, times: int) -> None:
        self.store = store
        self.times = times
        self.unkept = store.unkept

    def delete_meeting(self, meeting_id: str, deliver: bool) -> object:
        self.times -= 1
        if self.times >= 0:
            raise StoreError("not now")
        return self.store.delete_meeting(meeting_id, deliver)


def reserving(store: object) -> Callable[[str], AbstractAsyncContextManager[Store | None]]:
    """Nobody is in any meeting, which can be deleted from this store."""

    @asynccontextmanager
    async def reserved(meeting_id: str) -> AsyncIterator[Store | None]:
        yield store  # type: ignore[misc]

    return reserved


@pytest.mark.parametrize(("times", "left"), [(2, 0), (100, 1)])
def test_a_disk_that_refuses_is_asked_again_some_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, times: int, left: int
) -> None:
    caplog.set_level("CRITICAL")
    monkeypatch.setattr(unkept, "RETRY_SECONDS", 0.01)

    async def body(store: Store) -> None:
        meeting = Meeting("n" * 16, "t", State.OPEN, datetime.now(timezone.utc), kept=False)
        await asyncio.wrap_future(store.create_meeting(meeting))
        stubborn: object = Stubborn(store, times)
        found = UnkeptMeetings(stubborn, reserving(stubborn))  # type: ignore[arg-type]
        found.delete_soon(meeting.id, None)
        await found.settle(10)
        assert len(store.unkept()) == left

    with Store(tmp_path) as store:
        asyncio.run(body(store))


def test_one_that_an_earlier_process_left_and_the_disk_refuses_to_delete_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    monkeypatch.setattr(unkept, "RETRY_SECONDS", 0.01)

    async def body(store: Store) -> None:
        meeting = Meeting("n" * 16, "t", State.OPEN, datetime.now(timezone.utc), kept=False)
        await asyncio.wrap_future(store.create_meeting(meeting))
        stubborn: object = Stubborn(store, 2)
        left = UnkeptMeetings(stubborn, reserving(stubborn))  # type: ignore[arg-type]
        await left.delete_left()
        assert store.unkept() == [meeting.id]
        await left.settle(10)
        assert store.unkept() == []

    with Store(tmp_path) as store:
        asyncio.run(body(store))


def test_a_server_that_stops_does_not_wait_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")

    async def body(store: Store) -> None:
        stubborn: object = Stubborn(store, 100)
        found = UnkeptMeetings(stubborn, reserving(stubborn))  # type: ignore[arg-type]
        found.delete_soon("n" * 16, None)
        await asyncio.wait_for(found.settle(0.05), 5)

    with Store(tmp_path) as store:
        asyncio.run(body(store))
