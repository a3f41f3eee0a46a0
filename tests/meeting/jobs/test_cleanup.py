"""What jobs leave goes in the end, whatever refuses at first."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meeting.jobs import cleanup
from meeting.jobs.cleanup import Cleanup
from meeting.live.rooms import Rooms
from meeting.storage.queue.job_store import JobStore
from pipelines.errors import NotFound, StoreError
from tests.fakes.stored import kept
from tests.meeting.live.test_rooms import among

JOB: Any = SimpleNamespace(id="j1", meeting=SimpleNamespace(id="m1"))


def done(error: Exception | None = None) -> Future[None]:
    """A write that is over."""
    future: Future[None] = Future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


def test_what_the_disk_and_the_database_refuse_is_tried_again_until_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cleanup, "RETRY_SECONDS", 0.0)
    asked: list[str] = []
    refusals = {"settled": 1, "file": 2, "row": 1}

    def ask(what: str) -> None:
        asked.append(what)
        if refusals[what]:
            refusals[what] -= 1
            raise StoreError("the disk is full")

    def write(what: str) -> Future[None]:
        try:
            ask(what)
        except StoreError as error:
            return done(error)
        return done()

    def no_meeting(meeting_id: str) -> None:
        raise NotFound("there is none")

    rooms: Any = SimpleNamespace(store=SimpleNamespace(meeting=no_meeting))
    store: Any = SimpleNamespace(settled=lambda: write("settled"), remove=lambda job_id: write("row"))
    files: Any = SimpleNamespace(remove=lambda job_id: ask("file"))
    asyncio.run(Cleanup(rooms, store, files).everything(JOB))
    first = ["settled", "settled", "file", "settled", "file"]
    assert asked == [*first, "settled", "file", "row", "settled", "file", "row"]
    assert caplog.text.count("the disk is full") == 4


def test_a_meeting_that_does_not_go_is_told_and_one_that_does_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(rooms: Rooms) -> None:
        kept(rooms.store)
        files: Any = None
        cleaning = Cleanup(rooms, JobStore(rooms.store), files)

        async def refused(meeting_id: str, room: object) -> None:
            return

        with monkeypatch.context() as patch:
            patch.setattr(rooms.unkept, "delete_soon", lambda *which: asyncio.create_task(refused(*which)))
            with pytest.raises(StoreError, match="cannot be deleted"):
                await cleaning.meeting(JOB)
        await cleaning.meeting(JOB)
        with pytest.raises(NotFound):
            rooms.store.meeting("m1")
        await cleaning.meeting(JOB)

    among(tmp_path, body)
