"""All running meetings: who gets which room, and how they end together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeGuard

import pytest

import meeting.live.rooms as rooms_module
from meeting.cluster.ownership import Claim
from meeting.config.settings import Limits, Models
from meeting.core.editing.changes import SegmentChange
from meeting.core.editing.respelling import respell
from meeting.core.errors import Conflict
from meeting.core.messages import AudioFrame, AudioInfo, SegmentMessage, ServerMessage, SourceInfo
from meeting.core.records import Meeting, Source, State
from meeting.live.retention import delete_meeting
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.session.events import EndRequested, FrameReceived, HotwordsChanged, StopReceived
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.files.journal import Journal
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound, StoreError
from pipelines.types import Word
from tests.fakes.clients import FakeClient
from tests.fakes.server_fakes import FakeBackend, tone
from tests.meeting.live.test_room import START

A, B, CUT, SOURCE = ("a" * 16, "b" * 16, "c" * 16, "s" * 16)


def among(
    folder: Path,
    body: Callable[[Rooms], Awaitable[None]],
    limits: Limits | None = None,
    backend: FakeBackend | None = None,
) -> None:
    """Run `body` with two open meetings."""
    backend = backend or FakeBackend()

    async def run() -> None:
        engine = EngineLoader(backend, Models())
        engine.load()
        engine.wait()
        rooms = Rooms(Services(store, backend, engine), limits or Limits())
        try:
            await body(rooms)
        finally:
            await asyncio.wait_for(rooms.finish_all(), 20)

    with Store(folder) as store:
        for id_ in (A, B):
            store.create_meeting(Meeting(id_, "t", State.OPEN, datetime.now(timezone.utc))).result()
        asyncio.run(run())


async def entered(rooms: Rooms, meeting_id: str) -> Room:
    room = await rooms.enter(meeting_id)
    assert isinstance(room, Room)
    return room


async def go_live(rooms: Rooms, meeting_id: str) -> tuple[Room, FakeClient, int]:
    room, host = await entered(rooms, meeting_id), FakeClient()
    client = room.join(host)
    room.start_source(client, START)
    await host.until("session")
    return room, host, client


def cut_off(rooms: Rooms) -> None:
    """A meeting as a process leaves it that was killed after one second."""
    now = datetime.now(timezone.utc)
    rooms.store.create_meeting(Meeting(CUT, "cut off", State.OPEN, now)).result()
    source = Source(SOURCE, "Ann", "room", "pcm_s16le", 16000, 1)
    TranscriptStore(rooms.store).save_source(CUT, source).result()
    rooms.store.set_state(CUT, State.LIVE, started_at=now).result()
    with Journal(rooms.store.files.journal_path(CUT, SOURCE), AudioInfo()) as journal:
        journal.append(AudioFrame(0, 0, tone()))


def test_everyone_in_a_meeting_gets_the_same_room(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        found = await asyncio.gather(*(rooms.enter(A) for _ in range(5)), rooms.enter(B))
        assert len({id(room) for room in found}) == 2

    among(tmp_path, body)


def test_two_who_come_to_a_meeting_that_was_cut_off_get_the_same_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = threading.Event()
    restored = rooms_module._restored
    asked: list[str] = []

    def slow(rooms: Rooms, meeting_id: str, claim: Claim) -> Any:
        """For the second, the first one's room has taken the journal already."""
        asked.append(meeting_id)
        if len(asked) == 2:
            assert made.wait(20)
            return None
        return restored(rooms, meeting_id, claim)

    monkeypatch.setattr(rooms_module, "_restored", slow)

    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        both = [asyncio.create_task(rooms.enter(CUT)) for _ in range(2)]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        made.set()
        one, other = await asyncio.gather(*both)
        assert isinstance(one, Room)
        assert one is other

    among(tmp_path, body)


def test_terms_that_change_while_a_meeting_is_being_entered_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = threading.Event()
    restored = rooms_module._restored

    def slow(rooms: Rooms, meeting_id: str, claim: Claim) -> Any:
        """Once the meeting has been read, and its terms are others already."""
        assert changed.wait(20)
        return restored(rooms, meeting_id, claim)

    monkeypatch.setattr(rooms_module, "_restored", slow)
    backend = FakeBackend()

    async def body(rooms: Rooms) -> None:
        cut_off(rooms)
        entering = asyncio.create_task(rooms.enter(CUT))
        await asyncio.sleep(0.1)
        rooms.store.set_hotwords(CUT, ("Okapi",)).result()
        telling = asyncio.create_task(rooms.tell(CUT, HotwordsChanged(("Okapi",))))
        await asyncio.sleep(0)
        changed.set()
        await asyncio.gather(entering, telling)
        room = await entered(rooms, CUT)
        while not room.session._content.hotwords:
            await asyncio.sleep(0.01)
        assert room.session._content.hotwords == ("Okapi",)
        await rooms.tell("nowhere", HotwordsChanged(("Okapi",)))

    among(tmp_path, body, backend=backend)


def test_an_unknown_meeting_has_no_room(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        with pytest.raises(NotFound):
            await rooms.enter("nowhere")

    among(tmp_path, body)


def test_an_ended_meeting_leaves_memory_and_is_read_from_the_store(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        room, host, client = await go_live(rooms, A)
        assert (rooms.live, rooms.busy(A), rooms.busy(B)) == (1, True, False)
        room.post(StopReceived(client))
        await asyncio.wait_for(host.done.wait(), 20)
        await room.task
        await asyncio.sleep(0)
        assert (rooms.get(A), rooms.live, rooms.finished) == (None, 0, 1)
        assert await rooms.enter(A) is None

    among(tmp_path, body)


def test_an_open_meeting_leaves_memory_with_its_last_client(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        room = await entered(rooms, A)
        room.leave(room.join(FakeClient()))
        await asyncio.wait_for(room.task, 20)
        await asyncio.sleep(0)
        assert (rooms.get(A), rooms.finished) == (None, 0)
        assert isinstance(await rooms.enter(A), Room)

    among(tmp_path, body)


def test_no_more_meetings_go_live_than_allowed_even_at_once(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        hosts = [FakeClient(), FakeClient()]
        for meeting_id, host in zip((A, B), hosts, strict=True):
            room = await entered(rooms, meeting_id)
            room.start_source(room.join(host), START)
        await hosts[0].until("session")
        await asyncio.wait_for(hosts[1].done.wait(), 20)
        assert hosts[1].closed == (4429, "too_many")
        assert rooms.refusal() is not None

    among(tmp_path, body, Limits(meetings=1))


def test_two_who_start_at_once_in_a_new_meeting_take_one_place_between_them(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        room, clients = await entered(rooms, A), [FakeClient(), FakeClient()]
        for client, name in zip(clients, ("Ann", "Bob"), strict=True):
            room.start_source(room.join(client), replace(START, source=SourceInfo(name, "room")))
        for client in clients:
            await client.until("session")

    among(tmp_path, body, Limits(meetings=1))


def test_a_live_meeting_is_not_deleted_an_open_one_is(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        await go_live(rooms, A)
        assert not await delete_meeting(rooms, A)
        viewer = FakeClient()
        (await entered(rooms, B)).join(viewer)
        assert await delete_meeting(rooms, B)
        assert viewer.closed == (4404, "deleted")
        with pytest.raises(NotFound):
            await delete_meeting(rooms, "nowhere")
        assert rooms.store.meeting(A).state == State.LIVE

    among(tmp_path, body)


def files(rooms: Rooms) -> list[str]:
    """Names of all that is kept as sound."""
    return sorted(path.name for path in (rooms.store.data_dir / "audio").iterdir())


def test_a_source_that_comes_while_its_meeting_is_being_deleted_starts_nothing_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[asyncio.Task[Any]] = []
    delete = Store.delete_meeting

    async def come(rooms: Rooms) -> None:
        room, client = await entered(rooms, A), FakeClient()
        room.start_source(room.join(client), START)
        await client.until("session")

    async def body(rooms: Rooms) -> None:
        def between(store: Store, meeting_id: str) -> Any:
            came.append(asyncio.create_task(come(rooms)))
            monkeypatch.setattr(Store, "delete_meeting", late)
            late_delete.set_running_or_notify_cancel()
            asyncio.get_running_loop().call_later(0.1, lambda: delete(store, meeting_id).add_done_callback(pass_on))
            return late_delete

        def late(store: Store, meeting_id: str) -> Any:
            raise AssertionError("deleted twice")

        def pass_on(done: Any) -> None:
            late_delete.set_result(None)

        late_delete: Future[None] = Future()
        monkeypatch.setattr(Store, "delete_meeting", between)
        assert await delete_meeting(rooms, A)
        with pytest.raises(NotFound):
            await came[0]
        assert (rooms.get(A), rooms.live, files(rooms)) == (None, 0, [])

    among(tmp_path, body)


def test_who_had_read_of_a_meeting_before_it_was_deleted_gets_no_room_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, deleted = threading.Event(), threading.Event()
    look_up = Store.meeting

    def slow(store: Store, meeting_id: str) -> Meeting:
        found = look_up(store, meeting_id)
        if not read.is_set():
            read.set()
            assert deleted.wait(20)
        return found

    async def body(rooms: Rooms) -> None:
        monkeypatch.setattr(Store, "meeting", slow)
        entering = asyncio.create_task(rooms.enter(A))
        await asyncio.to_thread(read.wait, 20)
        assert await delete_meeting(rooms, A)
        deleted.set()
        with pytest.raises(NotFound):
            await entering
        assert rooms.get(A) is None

    among(tmp_path, body)


def test_what_a_thread_still_writes_for_a_deleted_meeting_is_waited_for_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class SlowDecoders(FakeBackend):
        """Whose first decoder takes its time."""

        def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> Any:
            reached.set()
            assert go_on.wait(20)
            return super().open_decoder(encoding, sample_rate, channels)

    async def body(rooms: Rooms) -> None:
        room, client = await entered(rooms, A), FakeClient()
        room.start_source(room.join(client), START)
        await asyncio.to_thread(reached.wait, 20)
        room.post(EndRequested(0))  # so that it may be deleted although a source is being made ready
        removing = asyncio.create_task(delete_meeting(rooms, A))
        await asyncio.wait_for(client.done.wait(), 20)
        await asyncio.sleep(0.05)
        assert not removing.done()
        coming = asyncio.create_task(rooms.enter(A))
        go_on.set()
        assert await removing
        with pytest.raises(NotFound):
            await coming
        assert files(rooms) == []
        assert client.closed == (4404, "deleted")

    among(tmp_path, body, backend=SlowDecoders())


@pytest.mark.slow
def test_no_file_outlives_its_meeting_however_a_source_and_its_deletion_meet(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        for i in range(200):
            id_ = f"m{i:03}"
            rooms.store.create_meeting(Meeting(id_, "t", State.OPEN, datetime.now(timezone.utc))).result()

            async def come(id_: str = id_, i: int = i) -> FakeClient | None:
                await asyncio.sleep(0.0005 * (i % 7))
                with suppress(NotFound):
                    place = await rooms.enter(id_)
                    if isinstance(place, Room):
                        client = FakeClient()
                        place.start_source(place.join(client), START)
                        return client
                return None

            async def remove(id_: str = id_, i: int = i) -> bool:
                await asyncio.sleep(0.0005 * (i % 5))
                return await delete_meeting(rooms, id_)

            client, removed = await asyncio.gather(come(), remove())
            if removed and client is not None:
                await asyncio.wait_for(client.done.wait(), 20)
            elif client is not None:  # it was live first: as long as it is it cannot be deleted
                await client.until("session")
                await rooms.end(id_)
                assert await delete_meeting(rooms, id_)
            assert rooms.get(id_) is None
        assert files(rooms) == []

    among(tmp_path, body)


def test_a_file_that_cannot_be_deleted_leaves_the_meeting_whole_and_open_to_the_next_try(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(rooms: Rooms) -> None:
        stubborn = rooms.store.files.journal_path(A, SOURCE)
        stubborn.mkdir()
        with pytest.raises(StoreError):
            await delete_meeting(rooms, A)
        assert isinstance(await rooms.enter(A), Room)
        stubborn.rmdir()
        assert await delete_meeting(rooms, A)

    among(tmp_path, body)


def test_a_meeting_that_runs_in_another_process_is_not_deleted_from_under_it(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        with Journal(rooms.store.files.journal_path(A, SOURCE), AudioInfo()):
            assert not await delete_meeting(rooms, A)
        assert await delete_meeting(rooms, A)

    among(tmp_path, body)


def test_a_meeting_whose_source_is_away_is_ended_and_then_deleted_at_once(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        room, host, client = await go_live(rooms, A)
        await room.frame(FrameReceived(client, AudioFrame(0, 0, tone())))
        await host.until("ack")
        room.leave(client)
        assert not await delete_meeting(rooms, A)
        assert await rooms.end(A) in ("ending", "ended")
        assert await delete_meeting(rooms, A)
        assert files(rooms) == []
        with pytest.raises(NotFound):
            await rooms.end(A)

    among(tmp_path, body)


def test_many_deletions_at_once_do_not_keep_others_from_coming_in(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        ids = [f"m{i}" for i in range(50)]
        for id_ in ids:
            rooms.store.create_meeting(Meeting(id_, "t", State.OPEN, datetime.now(timezone.utc))).result()
        removing = asyncio.gather(*(delete_meeting(rooms, id_) for id_ in ids))
        assert isinstance(await rooms.enter(A), Room)
        assert all(await removing)
        assert rooms._stale == set()

    among(tmp_path, body)


def test_what_was_received_is_kept_and_finished_when_a_host_ends_a_meeting(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        room, host, client = await go_live(rooms, A)
        await room.frame(FrameReceived(client, AudioFrame(0, 0, tone(2))))
        await host.until("ack")
        room.leave(client)
        await rooms.end(A)
        await asyncio.wait_for(room.task, 20)
        record = await asyncio.to_thread(TranscriptStore(rooms.store).record, A)
        assert (record.meeting.state, record.meeting.samples, len(record.segments)) == (State.ENDED, 32_000, 2)
        assert await rooms.end(A) == State.ENDED

    among(tmp_path, body)


def test_a_meeting_that_has_not_begun_has_no_end(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        for _ in range(3):
            with pytest.raises(Conflict, match="nothing to end"):
                await rooms.end(A)
        assert rooms.get(A) is None  # or it would stay, with nobody in it
        reader = FakeClient()
        (await entered(rooms, A)).join(reader)
        with pytest.raises(Conflict, match="nothing to end"):
            await rooms.end(A)
        assert reader.closed is None

    among(tmp_path, body)


def test_finishing_all_stores_what_is_live_and_lets_the_rest_go(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        _, host, _ = await go_live(rooms, A)
        viewer = FakeClient()
        (await entered(rooms, B)).join(viewer)
        await asyncio.wait_for(rooms.finish_all(), 20)
        assert host.kinds[-1] == "ended"
        assert (host.closed, viewer.closed) == ((1000, "ended"), (1001, "the server stops"))
        assert rooms.store.meeting(A).state == State.ENDED
        assert rooms.store.meeting(B).state == State.OPEN
        assert rooms.refusal() is not None

    among(tmp_path, body)


def test_without_a_limit_as_many_meetings_go_live_as_the_machine_carries(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        engine = await asyncio.to_thread(rooms.services.engine.wait)
        await go_live(rooms, A)
        assert rooms.refusal() is None
        engine.capacity = 1  # type: ignore[misc]
        assert rooms.refusal() == (
            "the server has as many live meetings as it can keep up with (1); try again when one has ended"
        )

    among(tmp_path, body)


def test_a_limit_that_was_set_counts_whatever_was_measured(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        engine = await asyncio.to_thread(rooms.services.engine.wait)
        engine.capacity = 1  # type: ignore[misc]
        await go_live(rooms, A)
        assert rooms.refusal() is None
        await go_live(rooms, B)
        assert "as it takes (2)" in str(rooms.refusal())

    among(tmp_path, body, Limits(meetings=2))


def test_the_words_of_an_edit_are_found_neither_on_the_loop_nor_in_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[str] = []

    def watched(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
        where.append(threading.current_thread().name)
        return respell(words, text)

    monkeypatch.setattr("meeting.core.editing.edits.respell", watched)

    async def body(rooms: Rooms) -> None:
        room, host, client = await go_live(rooms, A)
        room.post(FrameReceived(client, AudioFrame(0, 0, tone(1.0))))
        await host.until("speaker_revision")
        assert [one.text for one in await rooms.edit(A, SegmentChange("s0", 3, text="won")) if is_line(one)] == ["won"]
        room.post(StopReceived(client))
        await room.task
        assert [one.text for one in await rooms.edit(A, SegmentChange("s0", 4, text="too")) if is_line(one)] == ["too"]
        for refused in (SegmentChange("s0", 5, text="a " * 2001), SegmentChange("s0", 5, text=" ")):
            with pytest.raises(MeetingError):
                await rooms.edit(A, refused)

    among(tmp_path, body)
    assert len(where) == 4
    assert all(name.startswith("edits") for name in where)


def is_line(message: ServerMessage) -> TypeGuard[SegmentMessage]:
    return isinstance(message, SegmentMessage)
