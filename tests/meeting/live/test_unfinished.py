"""Meetings that were left unfinished are gone on with, at the start and whenever it may succeed."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import pytest

from meeting.core.messages import AudioFrame
from meeting.core.records import Resume, State
from meeting.live import unfinished
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.session.events import FrameReceived, StopReceived
from meeting.storage.recovery_store import RecoveryStore
from pipelines.errors import StoreError
from tests.fakes.server_fakes import tone
from tests.meeting.live.test_room import FullDisk
from tests.meeting.live.test_rooms import CUT, A, among, cut_off, go_live


def test_what_was_cut_off_is_rebuilt_before_all_counts_as_recovered(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        assert not rooms.unfinished.recovered
        await rooms.unfinished.recover()
        room = rooms.get(CUT)
        assert isinstance(room, Room)
        while not rooms.unfinished.recovered:
            assert room.session.state == State.LIVE
            await asyncio.sleep(0.01)
        assert not room.session.recovering

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_a_data_folder_that_cannot_be_read_is_looked_at_again_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    refused: list[object] = []

    def refuse_twice(store: object) -> None:
        if len(refused) < 2:
            refused.append(store)
            raise StoreError("not now")

    monkeypatch.setattr(unfinished, "claim_journals", refuse_twice)
    monkeypatch.setattr(unfinished, "LOOK_AGAIN_SECONDS", 0.01)

    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        await rooms.unfinished.recover()
        assert len(refused) == 2
        assert rooms.get(CUT) is not None

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_what_the_database_refuses_to_go_on_with_at_the_start_is_gone_on_with_once_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    monkeypatch.setattr(unfinished, "RETRY_SECONDS", 0.01)
    save, refused = RecoveryStore.save_resume, []

    def refuse_twice(store: RecoveryStore, meeting_id: str, resume: Resume) -> Future[None]:
        if len(refused) == 2:
            return save(store, meeting_id, resume)
        refused.append(resume)
        done: Future[None] = Future()
        done.set_exception(StoreError("the database is in use by another program"))
        return done

    monkeypatch.setattr(RecoveryStore, "save_resume", refuse_twice)

    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        await rooms.unfinished.recover()
        assert len(refused) == 1
        assert rooms.get(CUT) is None
        while rooms.get(CUT) is None:
            await asyncio.sleep(0.01)
        assert len(refused) == 2

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))


def test_a_server_that_stops_goes_on_with_nothing(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        rooms.unfinished.stop()
        await rooms.unfinished.recover()
        assert rooms.get(CUT) is None
        assert rooms.store.meeting(CUT).state == State.LIVE

    among(tmp_path, body)


@pytest.mark.slow
def test_a_meeting_that_could_not_be_finished_is_finished_once_the_disk_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    disk = FullDisk(monkeypatch)
    monkeypatch.setattr("meeting.live.save_queue.MAX_WAITING", 2)
    monkeypatch.setattr("meeting.live.unfinished.RETRY_SECONDS", 0.01)

    async def body(rooms: Rooms) -> None:
        room, host, client = await go_live(rooms, A)
        for seq in range(2):
            await room.frame(FrameReceived(client, AudioFrame(seq, 0, tone())))
        room.post(StopReceived(client))
        await host.until("error")
        await asyncio.sleep(0.1)
        disk.full = False
        await asyncio.wait_for(room.task, 20)
        assert room.unfinished
        while rooms.store.meeting(A).state != State.ENDED:
            await asyncio.sleep(0.01)
        assert rooms.store.meeting(A).segments == 2

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60))
