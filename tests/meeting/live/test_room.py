"""The driver of one meeting: order of effects, saving before telling, time-outs and trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from meeting.config.settings import Limits, Models
from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import ErrorCode
from meeting.core.ids import new_id
from meeting.core.messages import AudioFrame, AudioInfo, ErrorMessage, SourceInfo, Start
from meeting.core.records import Meeting, State
from meeting.live.room import Room
from meeting.session.events import FrameReceived, OutputReceived, SourceFinished, StopReceived, TitleChanged
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.edit_store import EditStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound, StoreError
from pipelines.types import SAMPLE_RATE, Segment, Span, Word
from tests.fakes.clients import FakeClient
from tests.fakes.server_fakes import FakeBackend, tone

START = Start(1, AudioInfo(), SourceInfo("Ann"))


Body = Callable[[Room, Store], Awaitable[None]]


def in_room(folder: Path, body: Body, backend: FakeBackend | None = None, limits: Limits | None = None) -> Meeting:
    """Run `body` in a new meeting's room; the meeting as stored afterwards."""
    meeting = Meeting(new_id(), "Monday", State.OPEN, datetime.now(timezone.utc))
    made = backend or FakeBackend()

    async def run() -> None:
        engine = EngineLoader(made, Models())
        engine.load()
        engine.wait()
        gone = asyncio.Event()
        services = Services(store, made, engine)
        room = Room(meeting, services, limits or Limits(), lambda live: None, lambda room: gone.set())
        room.start()
        await body(room, store)
        room.task.cancel()
        await asyncio.wait_for(gone.wait(), 20)

    with Store(folder) as store:
        store.create_meeting(meeting).result()
        asyncio.run(run())
        return store.meeting(meeting.id)


async def send(room: Room, client: int, *payloads: bytes) -> None:
    for seq, payload in enumerate(payloads):
        await room.frame(FrameReceived(client, AudioFrame(seq, 0, payload)))


def test_a_meeting_runs_from_start_to_end(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        host, viewer = FakeClient(), FakeClient(store, room.id)
        client = room.join(host)
        room.join(viewer)
        room.start_source(client, START)
        await send(room, client, tone(), tone())
        room.post(StopReceived(client))
        await asyncio.wait_for(room.task, 20)
        assert host.closed == viewer.closed == (1000, "ended")
        assert host.kinds[0] == viewer.kinds[0] == "snapshot"
        assert host.kinds[-1] == viewer.kinds[-1] == "ended"
        assert viewer.stored == [1, 2]  # saved before told
        assert not store.files.journal_path(room.id, host.told[2].source_id).exists()  # type: ignore[union-attr]

    meeting = in_room(tmp_path, body)
    assert (meeting.state, meeting.segments, meeting.samples) == ("ended", 2, 32000)
    assert meeting.started_at is not None
    assert meeting.ended_at is not None


def test_a_change_asked_for_is_answered_refused_or_left_to_the_store_once_the_room_is_closed(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        client = room.join(FakeClient())
        with pytest.raises(NotFound):
            await room.edit(SpeakerChange("spk1", True, "Ann"))
        asked = asyncio.create_task(room.edit(SpeakerChange("spk1", True, "Ann")))
        room.leave(client)
        await asyncio.wait_for(room.task, 20)
        with suppress(NotFound):  # where it came in time
            assert await asked is None
        assert await room.edit(SpeakerChange("spk1", True, "Ann")) is None

    in_room(tmp_path, body)


def test_whoever_joins_in_the_midst_of_news_gets_the_snapshot_first(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        client = room.join(FakeClient())
        room.start_source(client, START)
        room.post(TitleChanged("news"))
        late = FakeClient()
        room.join(late)
        room.post(TitleChanged("more news"))
        await late.until("state")
        assert late.kinds[0] == "snapshot"

    in_room(tmp_path, body)


def test_a_source_that_stays_away_ends_the_meeting_complete(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await send(room, client, tone())
        await host.until("ack")
        room.leave(client)
        await asyncio.wait_for(room.task, 20)

    meeting = in_room(tmp_path, body, limits=replace(Limits(), resume_window=0.05))
    assert (meeting.state, meeting.segments) == ("ended", 1)


class FullDisk:
    """A store that refuses segments while the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        save = TranscriptStore.save_segments

        def refusing(store: TranscriptStore, *given: Any) -> Future[None]:
            if not self.full:
                return save(store, *given)
            future: Future[None] = Future()
            future.set_exception(StoreError(f"the disk that holds {store._store.data_dir}/meetings.sqlite3 is full"))
            return future

        monkeypatch.setattr(TranscriptStore, "save_segments", refusing)
        monkeypatch.setattr("meeting.live.save_queue.RETRY_SECONDS", 0.01)


def test_what_cannot_be_saved_waits_and_is_saved_in_order_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    disk = FullDisk(monkeypatch)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await send(room, client, tone(), tone())
        room.post(StopReceived(client))
        await host.until("error")
        assert store.meeting(room.id).segments == 0
        (trouble,) = [one for one in host.told if isinstance(one, ErrorMessage)]
        assert "the disk that holds meetings.sqlite3 is full" in trouble.message
        assert list((store.data_dir / "audio").glob("*.journal"))
        disk.full = False
        await asyncio.wait_for(room.task, 20)
        assert host.kinds[-1] == "ended"
        codes = [one.code for one in host.told if isinstance(one, ErrorMessage)]
        assert codes == [ErrorCode.STORAGE, ErrorCode.STORAGE_OK], "told before the end, behind which nobody listens"
        assert not list((store.data_dir / "audio").glob("*.journal"))

    meeting = in_room(tmp_path, body)
    assert (meeting.state, meeting.segments) == ("ended", 2)
    with Store(tmp_path) as store:
        assert {segment.speaker for segment in TranscriptStore(store).record(meeting.id).segments} == {"spk1"}


def test_a_meeting_whose_end_cannot_be_saved_is_not_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    FullDisk(monkeypatch)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await send(room, client, tone())
        room.post(StopReceived(client))
        await host.until("error")
        await asyncio.sleep(0.1)
        assert "ended" not in host.kinds

    assert in_room(tmp_path, body).state != "ended"  # and the next process rebuilds it from its frames
    assert list((tmp_path / "audio").glob("*.journal"))


def test_a_disk_that_refuses_is_told_although_the_meeting_has_its_end_to_save_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The line and the end behind it come at once, so that nothing is heard between them."""
    caplog.set_level(logging.CRITICAL)
    FullDisk(monkeypatch)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await host.until("session")
        (source_id,) = room.sources
        span = Span(0, SAMPLE_RATE)
        line = Segment("s0", 1, True, source_id, span, None, (Word("one", span),))
        for event in (OutputReceived(source_id, line), StopReceived(client), SourceFinished(source_id, SAMPLE_RATE)):
            room.post(event)
        await host.until("error")
        assert "ended" not in host.kinds

    assert in_room(tmp_path, body).state != "ended"


def test_more_unsaved_than_may_wait_leaves_the_meeting_to_be_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    disk = FullDisk(monkeypatch)
    monkeypatch.setattr("meeting.live.save_queue.MAX_WAITING", 2)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await send(room, client, tone(), tone())
        room.post(StopReceived(client))
        await host.until("error")
        await asyncio.sleep(0.1)
        disk.full = False
        await asyncio.wait_for(room.task, 20)
        assert room.unfinished
        assert host.closed == (1001, "closed")
        assert [one.code for one in host.told if isinstance(one, ErrorMessage)] == [ErrorCode.STORAGE]

    assert in_room(tmp_path, body).state != "ended"


def test_whoever_asked_for_a_change_is_answered_also_when_the_meeting_is_let_go_of(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        room.join(FakeClient())
        asked = asyncio.create_task(room.edit(SpeakerChange("spk1", True, "Ann")))
        await asyncio.sleep(0)
        room.task.cancel()
        assert await asyncio.wait_for(asked, 20) is None

    in_room(tmp_path, body)


async def speaking(room: Room) -> tuple[FakeClient, int]:
    """A host by whom somebody was heard, and the number of that client."""
    host = FakeClient()
    client = room.join(host)
    room.start_source(client, START)
    await send(room, client, tone())
    await host.until("speaker_revision")
    return host, client


def test_while_the_disk_refuses_what_is_heard_nothing_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def body(room: Room, store: Store) -> None:
        host, client = await speaking(room)
        disk = FullDisk(monkeypatch)
        await room.frame(FrameReceived(client, AudioFrame(1, 0, tone())))
        await host.until("error")
        with pytest.raises(StoreError, match="nothing can be changed now"):
            await room.edit(SpeakerChange("spk1", True, "Ann"))
        assert [one.name for one in room.session.transcript.speakers] == [None]
        disk.full = False
        while not any(isinstance(one, ErrorMessage) and one.code == ErrorCode.STORAGE_OK for one in host.told):
            await asyncio.sleep(0.01)
        assert await room.edit(SpeakerChange("spk1", True, "Ann")) is not None

    in_room(tmp_path, body)


class RefusedEdits:
    """A store that refuses changes by hand while `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        save = EditStore.save

        def refusing(store: EditStore, *given: Any) -> Future[None]:
            if not self.full:
                return save(store, *given)
            future: Future[None] = Future()
            future.set_exception(StoreError("the disk is full"))
            return future

        monkeypatch.setattr(EditStore, "save", refusing)
        monkeypatch.setattr("meeting.live.save_queue.RETRY_SECONDS", 0.01)


def test_a_change_that_the_disk_refuses_is_answered_once_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def body(room: Room, store: Store) -> None:
        host, _ = await speaking(room)
        disk = RefusedEdits(monkeypatch)
        asked = asyncio.create_task(room.edit(SpeakerChange("spk1", True, "Ann")))
        await host.until("error")
        await asyncio.sleep(0.1)
        assert not asked.done()
        disk.full = False
        assert await asyncio.wait_for(asked, 20) is not None
        assert [one.name for one in TranscriptStore(store).record(room.id).speakers] == ["Ann"]

    in_room(tmp_path, body)


def test_a_change_that_was_never_stored_is_left_to_whoever_has_the_meeting_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def body(room: Room, store: Store) -> None:
        host, _ = await speaking(room)
        RefusedEdits(monkeypatch)
        asked = asyncio.create_task(room.edit(SpeakerChange("spk1", True, "Ann")))
        await host.until("error")
        room.task.cancel()
        assert await asyncio.wait_for(asked, 20) is None

    in_room(tmp_path, body)


def test_frames_as_received_stay_where_something_could_not_be_stored_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    def save_segments(store: Store, meeting_id: str, segments: Any) -> Future[None]:
        error, refused = StoreError("a value does not fit"), Future[None]()
        error.__cause__ = ValueError("a value")
        refused.set_exception(error)
        return refused

    monkeypatch.setattr(TranscriptStore, "save_segments", save_segments)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await send(room, client, tone())
        room.post(StopReceived(client))
        await asyncio.wait_for(room.task, 20)

    assert in_room(tmp_path, body).state == State.ENDED
    assert list((tmp_path / "audio").glob("*.journal"))


def test_a_mistake_in_the_rules_closes_everyone_and_frees_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await host.until("session")

        def broken(*_: object) -> None:
            raise RuntimeError("a mistake")

        monkeypatch.setattr(room.session, "handle", broken)
        room.post(StopReceived(client))
        await asyncio.wait_for(host.done.wait(), 20)
        assert host.closed == (1011, "internal error")
        assert isinstance(room.task.exception(), RuntimeError)

    in_room(tmp_path, body)


def test_frames_that_nobody_wants_do_not_fill_the_gate(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        room.join(FakeClient())  # keeps the room open when the other one is turned out
        client = room.join(FakeClient())
        for _ in range(3):
            await asyncio.wait_for(room.frame(FrameReceived(client, AudioFrame(0, 0, bytes(5 << 20)))), 20)

    in_room(tmp_path, body)


def test_what_a_client_says_waits_while_too_much_waits_for_the_meeting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(room: Room, store: Store) -> None:
        monkeypatch.setattr(room._flow, "_max_outputs", 2)
        room.join(FakeClient())
        for number in range(20):
            room.post(TitleChanged(str(number)))
        await room.ready()
        assert room.session.title != "Monday"

    in_room(tmp_path, body)


def test_what_others_send_does_not_use_up_what_the_source_may(tmp_path: Path) -> None:
    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        source = room.join(host)
        room.start_source(source, START)
        await host.until("session")
        for _ in range(20):
            await room.frame(FrameReceived(room.join(FakeClient()), AudioFrame(0, 0, bytes(1 << 20))))
        await asyncio.wait_for(send(room, source, bytes(3200)), 20)  # or it would wait for minutes
        await host.until("ack")

    in_room(tmp_path, body, limits=Limits(source_bytes=1 << 14))


@pytest.mark.parametrize("jump", [timedelta(hours=-3), timedelta(days=400)])
def test_a_clock_that_is_set_while_a_meeting_runs_does_not_change_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    class Set(datetime):
        """The time of day as somebody has set it."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + jump

    async def body(room: Room, store: Store) -> None:
        host = FakeClient()
        client = room.join(host)
        room.start_source(client, START)
        await host.until("session")
        monkeypatch.setattr("meeting.live.meeting_writer.datetime", Set)
        await send(room, client, bytes(32_000))
        room.post(StopReceived(client))
        await host.until("ended")

    stored = in_room(tmp_path, body)
    assert stored.state == State.ENDED
    assert stored.started_at is not None
    assert stored.ended_at is not None
    assert timedelta(0) <= stored.ended_at - stored.started_at < timedelta(hours=1)
