"""What a meeting wants kept is stored, and the meeting is told of trouble and when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from meeting.core.records import State
from meeting.live import save_queue
from meeting.live.meeting_saver import MeetingSaver
from meeting.session.events import (
    Event,
    SaveSegment,
    SaveState,
    SourceFailed,
    SourceStored,
    StorageFailing,
    StorageWorking,
)
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from tests.fakes.stored import kept, line

END = SaveState(State.ENDED, 16000, {})


class Disk:
    """Refuses lines as long as `error` says why."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        save = TranscriptStore.save_segments

        def refusing(store: TranscriptStore, *given: Any) -> Future[None]:
            if self.error is None:
                return save(store, *given)
            future: Future[None] = Future()
            future.set_exception(self.error)
            return future

        monkeypatch.setattr(TranscriptStore, "save_segments", refusing)
        monkeypatch.setattr(save_queue, "RETRY_SECONDS", 0.01)


Body = Callable[[MeetingSaver, list[Event], Disk], Awaitable[None]]


def saving(folder: Path, monkeypatch: pytest.MonkeyPatch, body: Body) -> tuple[State, int]:
    """Run a body; the state and the number of lines that are stored afterwards."""

    async def run(store: Store) -> None:
        posted: list[Event] = []
        saver = MeetingSaver(store, kept(store), None, posted.append, posted.append)
        await asyncio.wait_for(body(saver, posted, Disk(monkeypatch)), 20)
        saver.close()

    with Store(folder) as store:
        asyncio.run(run(store))
        meeting = store.meeting("m1")
        return meeting.state, meeting.segments


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_what_is_stored_is_confirmed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(saver: MeetingSaver, posted: list[Event], disk: Disk) -> None:
        await saver.save(SaveSegment(line("s1")))
        assert saver.confirm("a") == SourceStored("a")
        assert await saver.save_end(END)
        assert saver.complete
        assert posted == []

    assert saving(tmp_path, monkeypatch, body) == (State.ENDED, 1)


def test_what_waits_for_the_disk_is_confirmed_once_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(saver: MeetingSaver, posted: list[Event], disk: Disk) -> None:
        disk.error = StoreError(f"the disk that holds {tmp_path}/meetings.sqlite3 is full")
        await saver.save(SaveSegment(line("s1")))
        assert saver.confirm("a") is None
        (trouble,) = posted
        assert isinstance(trouble, StorageFailing)
        assert "meetings.sqlite3 is full" in trouble.message
        assert str(tmp_path) not in trouble.message
        disk.error = None
        assert await saver.save_end(END)
        assert posted[1:] == [StorageWorking("text"), SourceStored("a")]

    assert saving(tmp_path, monkeypatch, body) == (State.ENDED, 1)


def test_more_than_may_wait_leaves_the_end_unsaved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_queue, "MAX_WAITING", 1)

    async def body(saver: MeetingSaver, posted: list[Event], disk: Disk) -> None:
        disk.error = StoreError("full")
        for number in range(3):
            await saver.save(SaveSegment(line(f"s{number}")))
        assert saver.confirm("a") is None
        disk.error = None
        assert not await saver.save_end(END)
        assert saver.overflowed
        assert isinstance(posted[-1], SourceFailed)

    assert saving(tmp_path, monkeypatch, body)[0] != State.ENDED


def test_what_can_never_be_stored_is_told_to_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(saver: MeetingSaver, posted: list[Event], disk: Disk) -> None:
        disk.error = StoreError("does not fit")
        disk.error.__cause__ = ValueError("no")
        await saver.save(SaveSegment(line("s1")))
        assert isinstance(saver.confirm("a"), SourceFailed)
        assert await saver.save_end(END)
        assert not saver.complete

    assert saving(tmp_path, monkeypatch, body) == (State.ENDED, 0)
