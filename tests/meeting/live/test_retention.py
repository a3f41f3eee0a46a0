"""Meetings that go: by hand, by age, and without a trace."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from meeting.cluster.ownership import SingleServer
from meeting.core.errors import ObjectStoreError
from meeting.core.records import Meeting, State
from meeting.core.trusted_time import TrustedTime
from meeting.live.retention import (
    CLOCK_FILE,
    delete_meeting,
    delete_old_meetings,
    delete_regularly,
    load_time,
    save_time,
)
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word
from tests.fakes.access_fakes import locked
from tests.fakes.server_fakes import config, serving, tone
from tests.meeting.storage.objects.fake_objects import FakeObjects

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
SECRET = "Zyzzogeton"


class FakeRooms:
    """A store, and which meetings are live."""

    def __init__(self, store: Store, live: tuple[str, ...] = ()) -> None:
        self.store = store
        self.live = live
        self.ownership = SingleServer(store)
        self.told: list[str] = []

    def on_deleted(self, meeting_id: str) -> None:
        """Take it down."""
        self.told.append(meeting_id)

    @asynccontextmanager
    async def reserved_for_deletion(self, meeting_id: str) -> AsyncIterator[Store | None]:
        """None for a live one."""
        yield None if meeting_id in self.live else self.store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def keep(store: Store, id_: str, state: str, created: int, ended: int | None) -> None:
    """A meeting made and ended so many days ago."""
    end = None if ended is None else NOW - timedelta(days=ended)
    store.create_meeting(Meeting(id_, id_, state, NOW - timedelta(days=created), ended_at=end)).result()


def clean(store: Store, days: float, *live: str) -> list[str]:
    """What is left after a delete_old_meetings."""
    rooms: object = FakeRooms(store, live)
    assert isinstance(rooms, FakeRooms)
    asyncio.run(delete_old_meetings(rooms, days, NOW))  # type: ignore[arg-type]
    return sorted(meeting.id for meeting in store.meetings()[0])


def test_what_ended_long_ago_goes_and_what_ended_lately_stays(store: Store) -> None:
    keep(store, "old", "ended", 40, 31)
    keep(store, "long-made-lately-ended", "ended", 40, 29)
    keep(store, "never-held", "open", 31, None)
    keep(store, "new", "open", 1, None)
    keep(store, "live", "live", 50, None)
    keep(store, "ending", "ending", 50, None)
    assert clean(store, 30) == ["ending", "live", "long-made-lately-ended", "new"]


def test_whoever_wants_to_know_is_told_of_each_meeting_that_is_deleted(store: Store) -> None:
    keep(store, "one", "ended", 2, 1)
    keep(store, "two", "live", 2, None)
    rooms: Any = FakeRooms(store, ("two",))
    for id_ in ("one", "two"):
        asyncio.run(delete_meeting(rooms, id_))
    assert rooms.told == ["one"]


def test_what_is_live_stays_whatever_its_age(store: Store) -> None:
    keep(store, "resumed", "open", 50, None)
    assert clean(store, 30, "resumed") == ["resumed"]


def test_nothing_goes_where_all_is_kept(store: Store) -> None:
    keep(store, "old", "ended", 4000, 4000)
    asyncio.run(delete_regularly(FakeRooms(store), None))  # type: ignore[arg-type]
    assert len(store.meetings()[0]) == 1


def test_a_database_that_cannot_be_read_does_not_end_the_sweeping(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(moment: datetime) -> list[str]:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(store, "older_than", broken)

    async def scene() -> None:
        task = asyncio.create_task(delete_regularly(FakeRooms(store), 1.0))  # type: ignore[arg-type]
        while "the disk is gone" not in caplog.text:
            await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()

    asyncio.run(scene())


def test_a_file_that_cannot_be_deleted_keeps_its_own_meeting_only_and_is_tried_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number, id_ in enumerate(("first", "stuck", "third")):
        keep(store, id_, "ended", 50, 40 - number)
    (store.files.audio_path("stuck", "src")).mkdir()
    assert clean(store, 30) == ["stuck"]
    (told,) = [line for line in caplog.messages if "could not be deleted" in line]
    assert "stuck" in told
    store.files.audio_path("stuck", "src").rmdir()
    assert clean(store, 30) == []


def test_a_database_that_refuses_ends_the_sweep_at_the_first_meeting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, "one", "ended", 50, 40)
    keep(store, "two", "ended", 50, 40)
    tried = []

    def refuse(meeting_id: str) -> Future[None]:
        tried.append(meeting_id)
        future: Future[None] = Future()
        error = StoreError("in use by another program")
        error.__cause__ = sqlite3.OperationalError("database is locked")
        future.set_exception(error)
        return future

    monkeypatch.setattr(store, "delete_meeting", refuse)
    with pytest.raises(StoreError):
        clean(store, 30)
    assert len(tried) == 1


def with_objects(store: Store, *meetings: str) -> FakeObjects:
    """An object store with something of each of these."""
    objects = FakeObjects()
    objects.now = lambda: NOW - timedelta(days=30)
    objects.held = {f"audio/{id_}/src/x.flac": b"x" for id_ in meetings}
    store.objects = AudioObjects(objects, store.files, store.data_dir / "sound", 1e6)
    return objects


def test_objects_that_cannot_be_removed_keep_their_own_meeting_only(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number, id_ in enumerate(("first", "stuck", "third")):
        keep(store, id_, "ended", 50, 40 - number)
    objects = with_objects(store, "first", "stuck", "third")
    gone = objects.remove

    def refuse(names: Sequence[str]) -> None:
        if any("stuck" in name for name in names):
            raise ObjectStoreError("the object store cannot be used (ClientError)") from RuntimeError()
        gone(names)

    monkeypatch.setattr(objects, "remove", refuse)
    assert clean(store, 30) == ["stuck"]
    (told,) = [line for line in caplog.messages if "could not be deleted" in line]
    assert "stuck (the object store cannot be used (ClientError))" in told


@pytest.mark.parametrize("days", [None, 30.0])
def test_what_is_left_in_the_object_store_goes_also_where_meetings_are_kept_for_ever(
    store: Store, days: float | None
) -> None:
    keep(store, "here", "ended", 1, 1)
    objects = with_objects(store, "here", "gone")
    Clock(NOW).serve(store, 2, days)
    assert list(objects.held) == ["audio/here/src/x.flac"]


def test_a_fault_of_one_kind_keeps_the_other_from_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(moment: datetime) -> list[str]:
        raise StoreError("the disk is gone")

    keep(store, "here", "ended", 1, 1)
    objects = with_objects(store, "gone")
    with monkeypatch.context() as patched:
        patched.setattr(store, "older_than", broken)
        Clock(NOW).serve(store, 2)
    assert objects.held == {}
    objects.away = True
    Clock(NOW).serve(store, 2)
    assert "what is left in the object store could not be looked for" in caplog.text


def test_a_starting_server_removes_what_is_too_old(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        long_ago = datetime.now(timezone.utc) - timedelta(days=10)
        store.create_meeting(Meeting("old", "old", State.ENDED, long_ago, ended_at=long_ago)).result()
        store.create_meeting(Meeting("new", "new", State.OPEN, datetime.now(timezone.utc))).result()
    settings = config(tmp_path)
    with serving(replace(settings, storage=replace(settings.storage, retention_days=7))) as served:
        while len(found := served.http.get("/api/meetings").json()["meetings"]) > 1:
            pass
        assert [meeting["id"] for meeting in found] == ["new"]


class Clock:
    """A time of day that may be set, and a steady clock; waiting passes both."""

    def __init__(self, day: datetime) -> None:
        self.day = day
        self.ran = 0.0

    async def wait(self, seconds: float) -> None:
        """Let time pass; ends the sweeping once it has run long enough."""
        self.ran += seconds
        self.day += timedelta(seconds=seconds)
        if self.ran >= self.until:
            raise asyncio.CancelledError

    def serve(self, store: Store, hours: float, days: float | None = 30) -> list[str]:
        """What is left once a server has run for so many hours."""
        self.ran, self.until = 0.0, hours * 3600

        async def run() -> None:
            with suppress(asyncio.CancelledError):
                await delete_regularly(FakeRooms(store), days, lambda: self.day, lambda: self.ran, self.wait)  # type: ignore[arg-type]

        asyncio.run(run())
        return sorted(meeting.id for meeting in store.meetings()[0])


def test_a_clock_far_ahead_at_a_start_deletes_nothing_that_is_young(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, "today", "ended", 0, 0)
    keep(store, "old", "ended", 45, 40)
    wrong = Clock(NOW + timedelta(days=400))
    assert wrong.serve(store, 20) == ["today"]
    (told,) = [line for line in caplog.messages if "400.0 days ahead" in line]
    assert "set it right" in told
    assert Clock(NOW + timedelta(days=1)).serve(store, 48) == ["today"]
    assert Clock(NOW + timedelta(days=400)).serve(store, 20) == ["today"]


def test_a_clock_that_is_set_ahead_while_the_server_runs_deletes_nothing_either(store: Store) -> None:
    keep(store, "today", "ended", 0, 0)
    clock = Clock(NOW)
    assert clock.serve(store, 2) == ["today"]
    clock.day += timedelta(days=400)
    assert clock.serve(store, 20) == ["today"]


def test_a_server_that_was_off_for_long_deletes_once_it_has_run_for_a_day(store: Store) -> None:
    keep(store, "one", "ended", 0, 0)
    assert Clock(NOW).serve(store, 5) == ["one"]
    later = Clock(NOW + timedelta(days=60))
    assert later.serve(store, 12) == ["one"]
    later.day += timedelta(hours=12)
    assert later.serve(store, 24) == []


def test_a_clock_set_back_keeps_more_and_comes_right_by_itself(store: Store) -> None:
    keep(store, "one", "ended", 20, 20)
    keep(store, "two", "ended", 0, 0)
    assert Clock(NOW).serve(store, 5) == ["one", "two"]
    assert Clock(NOW - timedelta(days=3000)).serve(store, 5, days=19) == ["one", "two"]
    assert Clock(NOW + timedelta(hours=6)).serve(store, 1, days=19) == ["two"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"day": 1}', '{"day": "x", "clock": "y", "agreed": 1}'])
def test_what_was_kept_of_the_time_and_is_damaged_is_taken_from_the_meetings(store: Store, text: str) -> None:
    keep(store, "one", "ended", 1, 0)
    (store.data_dir / CLOCK_FILE).write_text(text)
    assert load_time(store) == TrustedTime(NOW, NOW)
    assert Clock(NOW + timedelta(days=400)).serve(store, 5) == ["one"]


def test_what_is_known_of_the_time_is_kept_for_the_owner_alone(store: Store) -> None:
    known = TrustedTime(NOW, NOW + timedelta(days=2), timedelta(hours=3))
    save_time(store.data_dir / CLOCK_FILE, known)
    assert load_time(store) == known
    assert (store.data_dir / CLOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_files_of_no_known_meeting_go_once_they_are_too_old_and_no_sooner(store: Store) -> None:
    keep(store, "here", "ended", 2, 1)
    ours, young, old = (store.files.audio_path(id_, "src") for id_ in ("here", "young", "old"))
    for path, days in ((ours, 50), (young, 29), (old, 31)):
        path.write_bytes(b"sound")
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment))
    assert clean(store, 30) == ["here"]
    assert sorted(path.name for path in ours.parent.iterdir()) == [ours.name, young.name]


def test_a_folder_of_files_that_is_not_there_for_a_while_does_not_end_the_sweeping(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        looks = 0
        over = asyncio.Event()

        async def wait(seconds: float) -> None:
            nonlocal looks
            looks += 1
            store.files.make_folder()
            if looks == 3:
                over.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(delete_regularly(FakeRooms(store), 1.0, wait=wait))  # type: ignore[arg-type]
        await asyncio.wait([task, asyncio.create_task(over.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert not task.done()
        task.cancel()

    store.files.folder.rmdir()
    asyncio.run(scene())
    assert "files of no known meeting cannot be looked for" in caplog.text


def test_files_of_no_known_meeting_that_cannot_be_looked_for_keep_no_meeting_from_being_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    keep(store, "old", "ended", 50, 40)

    def refuse(folder: Path) -> Iterator[Path]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert clean(store, 30) == []


def everything(folder: Path) -> bytes:
    """All bytes and all names below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"".join(path.name.encode() + path.read_bytes() for path in files)


@pytest.mark.slow
def test_a_deleted_meeting_leaves_no_trace_on_disk(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        kept, gone = server.held("Kept"), server.held(f"Title {SECRET}")
        store: Store = server.serving.app.state.rooms.store
        span = Span(0, SAMPLE_RATE)
        for i in range(300):  # enough to spill over many pages
            words = tuple(Word(f"{SECRET}{j}", span) for j in range(20))
            TranscriptStore(store).save_segments(
                gone.id, [Segment(f"x{i}", 1, True, "a", span, "spk1", words)]
            ).result()
        TranscriptStore(store).save_speakers(gone.id, [Speaker("spk1", f"Ann {SECRET}")]).result()
        before = everything(tmp_path)
        assert before.count(SECRET.encode()) > 1000
        assert gone.id.encode() in before
        assert list((tmp_path / "audio").glob(f"{gone.id}.*"))
        assert server.call("DELETE", f"/api/meetings/{gone.id}", gone.host).status_code == 204
        after = everything(tmp_path)
        assert SECRET.encode() not in after
        assert gone.id.encode() not in after
        assert not list((tmp_path / "audio").glob(f"{gone.id}.*"))
        assert kept.id.encode() in after
        for token in (gone.host, gone.view):
            assert server.call("GET", f"/api/meetings/{gone.id}", token).status_code == 401
        assert server.call("GET", f"/api/meetings/{kept.id}/transcript", kept.view).status_code == 200


def test_a_live_meeting_is_stopped_before_it_is_deleted(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        meeting = server.create()
        with server.connect(meeting.id, meeting.speak) as source:
            source.start()
            source.frame(0, tone())
            source.until("ack")
            answer = server.call("DELETE", f"/api/meetings/{meeting.id}", meeting.host)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "live")


def test_a_meeting_whose_source_is_gone_is_ended_and_deleted_by_its_host_at_once(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        meeting = server.create()
        with server.connect(meeting.id, meeting.speak) as source:
            source.start()
            source.frame(0, tone())
            source.until("ack")
        path = f"/api/meetings/{meeting.id}"
        assert server.call("DELETE", path, meeting.host).status_code == 409
        for token in (meeting.view, meeting.speak):
            assert server.call("POST", f"{path}/end", token).status_code == 403
        answer = server.call("POST", f"{path}/end", meeting.host)
        assert answer.status_code == 200
        assert answer.json()["state"] in ("ending", "ended")
        assert server.call("DELETE", path, meeting.host).status_code == 204
        assert not list((tmp_path / "audio").iterdir())


def test_a_meeting_that_has_not_begun_has_no_end_and_one_that_is_over_keeps_its_own(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        open_, over = server.create(), server.held()
        answer = server.call("POST", f"/api/meetings/{open_.id}/end", open_.host)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_live")
        assert server.call("POST", f"/api/meetings/{over.id}/end", over.host).json() == {
            "id": over.id,
            "state": "ended",
        }
        assert server.call("POST", "/api/meetings/nowhere/end").status_code == 404


def test_what_is_kept_is_for_the_owners_eyes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with locked(folder) as server:
        server.held()
        with server.connect((meeting := server.create()).id, meeting.speak) as source:
            source.start()
            source.frame(0, tone())
            source.until("ack")
            modes = {path: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} | {0o700} == {0o700}
    assert {path.suffix for path in modes} >= {".flac", ".journal", ".sqlite3"}
    wrong = {path.name: oct(mode) for path, mode in modes.items() if path.is_file() and mode != 0o600}
    assert not wrong
