"""The in-process client of a meeting: the same rules as the socket, and nothing left of what is not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from meeting.compat.live_stream import LiveStream, StreamMessage, StreamRequest, _Inbox, open_stream
from meeting.config.settings import Limits
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import (
    Ack,
    AudioInfo,
    Ended,
    ErrorMessage,
    SegmentMessage,
    SnapshotMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    StatsMessage,
)
from meeting.core.records import State
from meeting.delivery.outbox import Closing
from meeting.live.rooms import Rooms
from meeting.storage.store import Store
from pipelines.errors import NotFound, StoreError
from tests.fakes.server_fakes import FakeBackend, tone
from tests.meeting.live.test_rooms import among

PCM = AudioInfo("pcm_s16le", 16000, 1)
NOT_KEPT = StreamRequest(PCM)
KEPT = StreamRequest(PCM, title="A call", keep=True)


def run(folder: Path, body: Callable[[Rooms], Awaitable[None]], limits: Limits | None = None) -> None:
    among(folder, lambda rooms: asyncio.wait_for(body(rooms), 60), limits)


async def gone(rooms: Rooms, meeting_id: str) -> None:
    """Wait until nothing of a meeting is left: no row, no file, no room."""
    for _ in range(500):
        with suppress(NotFound):
            rooms.store.meeting(meeting_id)
            await asyncio.sleep(0.01)
            continue
        break
    with pytest.raises(NotFound):
        rooms.store.meeting(meeting_id)
    assert rooms.store.files.of(meeting_id) == []
    assert rooms.get(meeting_id) is None


async def read(stream: LiveStream) -> list[StreamMessage]:
    return [message async for message in stream.messages()]


def lines(messages: list[StreamMessage]) -> list[SegmentMessage]:
    return [message for message in messages if isinstance(message, SegmentMessage) and message.final]


def test_a_stream_tells_final_lines_their_speakers_and_its_end(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT) as stream:
            assert stream.models == {"speech": "fake", "why": "a test"}
            await stream.send(tone(2.5))
            stream.stop()
            messages = await read(stream)
        assert [line.text for line in lines(messages)] == ["one"] * 3
        revisions = [one for one in messages if isinstance(one, SpeakerRevisionMessage)]
        assert [one.changes[0].after for one in revisions] == ["spk1"] * 3
        assert SpeakerMessage("spk1", None, 0, None) in messages
        assert isinstance(messages[-1], Ended)
        assert [message.audio for message in messages if isinstance(message, Ack)][-1] == 2.5

    run(tmp_path, body)


def test_what_is_not_kept_leaves_nothing_and_is_not_listed_meanwhile(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT) as stream:
            await stream.send(tone(1.5))
            assert not rooms.store.meeting(stream.meeting_id).kept
            assert stream.meeting_id not in [meeting.id for meeting in rooms.store.meetings()[0]]
            stream.stop()
            await read(stream)
        await gone(rooms, stream.meeting_id)

    run(tmp_path, body)


def test_what_is_kept_looks_like_any_other(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, KEPT) as stream:
            await stream.send(tone(1.5))
            assert [m.title for m in rooms.store.meetings()[0] if m.state == State.LIVE] == ["A call"]
            stream.stop()
            await read(stream)
        meeting = rooms.store.meeting(stream.meeting_id)
        assert (meeting.state, meeting.segments, meeting.samples) == (State.ENDED, 2, 24000)
        assert [path.suffix for path in rooms.store.files.of(stream.meeting_id)] == [".flac"]

    run(tmp_path, body)


def test_without_labels_nobody_is_named(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, StreamRequest(PCM, diarize=False)) as stream:
            await stream.send(tone(1.5))
            stream.stop()
            messages = await read(stream)
        assert not any(isinstance(one, SpeakerMessage | SpeakerRevisionMessage) for one in messages)
        assert {line.speaker for line in lines(messages)} == {None}

    run(tmp_path, body)


def test_terms_language_and_pause_reach_the_models(tmp_path: Path) -> None:
    backend = FakeBackend()

    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, StreamRequest(PCM, hotwords=("Zebra",), language="en", pause=0.7)) as stream:
            await stream.send(tone())
            stream.stop()
            await read(stream)
        assert (backend.pipelines[0].hotwords, backend.pipelines[0].pause) == (("Zebra",), 0.7)

    among(tmp_path, lambda rooms: asyncio.wait_for(body(rooms), 60), backend=backend)


def test_leaving_in_the_middle_deletes_what_is_not_kept_without_hearing_the_rest(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        with suppress(ZeroDivisionError):
            async with open_stream(rooms, NOT_KEPT) as stream:
                await stream.send(tone(30))
                raise ZeroDivisionError
        await gone(rooms, stream.meeting_id)
        assert rooms.live == 0

    run(tmp_path, body)


def test_leaving_in_the_middle_finishes_what_is_kept(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        with suppress(ZeroDivisionError):
            async with open_stream(rooms, KEPT) as stream:
                await stream.send(tone(2))
                raise ZeroDivisionError
        while rooms.store.meeting(stream.meeting_id).state != State.ENDED:
            await asyncio.sleep(0.01)
        assert rooms.store.meeting(stream.meeting_id).samples == 32000

    run(tmp_path, body)


def test_a_cancelled_client_leaves_nothing(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        inside, ids = asyncio.Event(), []

        async def hold() -> None:
            async with open_stream(rooms, NOT_KEPT) as stream:
                ids.append(stream.meeting_id)
                inside.set()
                await read(stream)

        task = asyncio.create_task(hold())
        await inside.wait()
        task.cancel()
        await asyncio.wait([task])
        await gone(rooms, ids[0])

    run(tmp_path, body)


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_refused_is_told_and_leaves_nothing(tmp_path: Path, keep: bool) -> None:
    async def body(rooms: Rooms) -> None:
        before = len(rooms.store.meetings()[0])
        with pytest.raises(ProtocolError, match="encoding") as refused:
            async with open_stream(rooms, StreamRequest(AudioInfo("nonsense", 16000, 1), keep=keep)):
                pass
        assert refused.value.close == CloseCode.BAD_MESSAGE
        await rooms.unkept.settle(10)
        assert len(rooms.store.meetings()[0]) == before
        assert rooms.store.unkept() == []

    run(tmp_path, body)


@pytest.mark.parametrize(
    "request_", [StreamRequest(PCM, language="klingon"), StreamRequest(AudioInfo("pcm_s16le", 1, 1))]
)
def test_what_makes_no_sense_is_refused_before_a_meeting_is_made(tmp_path: Path, request_: StreamRequest) -> None:
    async def body(rooms: Rooms) -> None:
        with pytest.raises(ProtocolError):
            async with open_stream(rooms, request_):
                pass
        assert rooms.store.unkept() == []

    run(tmp_path, body)


def test_a_full_server_refuses_one_more(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT):
            with pytest.raises(ProtocolError, match="as many live meetings") as refused:
                async with open_stream(rooms, NOT_KEPT):
                    pass
            assert (refused.value.code, refused.value.close) == (ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
            assert len(rooms.store.unkept()) == 1

    run(tmp_path, body, Limits(meetings=1))


def test_a_full_disk_refuses(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        rooms.disk.full_reason = lambda: "the disk is full"  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="full"):
            async with open_stream(rooms, NOT_KEPT):
                pass

    run(tmp_path, body)


def test_a_server_that_stops_tells_the_end_and_leaves_nothing(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT) as stream:
            await stream.send(tone(1.5))
            stopping = asyncio.create_task(rooms.finish_all())
            messages = await read(stream)
            assert isinstance(messages[-1], Ended)
        await stopping
        assert rooms.store.files.of(stream.meeting_id) == []
        assert rooms.store.unkept() == []

    run(tmp_path, body)


def test_a_meeting_deleted_by_somebody_else_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT) as stream:
            rooms.unkept.delete_soon(stream.meeting_id, rooms.get(stream.meeting_id))
            last = (await read(stream))[-1]
            assert isinstance(last, ErrorMessage | Ended)
            await stream.send(tone())  # goes nowhere
        await gone(rooms, stream.meeting_id)

    run(tmp_path, body)


def test_audio_is_taken_while_the_models_are_loaded(tmp_path: Path) -> None:
    gate = Event()

    async def body(store: Store) -> None:
        from meeting.config.settings import Models
        from meeting.sources.engine_loader import EngineLoader, Services

        backend = FakeBackend(gate=gate)
        engine = EngineLoader(backend, Models())
        engine.load()
        rooms = Rooms(Services(store, backend, engine), Limits())
        async with open_stream(rooms, NOT_KEPT) as stream:
            assert stream.models == {}
            await stream.send(tone(1.0))
            stream.stop()
            gate.set()
            messages = await read(stream)
        assert [one.code for one in messages if isinstance(one, ErrorMessage)] == [ErrorCode.LOADING]
        assert [line.text for line in lines(messages)] == ["one"]
        await rooms.finish_all()

    with Store(tmp_path) as store:
        asyncio.run(asyncio.wait_for(body(store), 60))


def test_a_sender_is_made_to_wait_rather_than_queued(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        async with open_stream(rooms, NOT_KEPT) as stream:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.send(tone(30)), 1)

    run(tmp_path, body, Limits(source_bytes=1 << 14))


def segment(number: int, rev: int = 1, final: bool = False, text: str = "one") -> SegmentMessage:
    return SegmentMessage(f"s{number}", rev, final, "a", 0.0, 1.0, None, text, 0, ())


async def all_of(inbox: _Inbox) -> list[object]:
    inbox.close(CloseCode.NORMAL, "ended")
    found: list[object] = []
    while not isinstance(item := await inbox.get(), Closing):
        found.append(item)
    return found


def test_of_partial_lines_and_acknowledgements_the_newest_waits_and_of_final_ones_all() -> None:
    async def body() -> None:
        inbox = _Inbox()
        for rev in (1, 2, 3):
            inbox.put(segment(1, rev), "x")
            inbox.put(Ack(rev, float(rev)), "x")
        inbox.put(StatsMessage(0.1, 0, 0, 0, 0, "none"), "x")
        inbox.put(SnapshotMessage((), (), "live", "", 0.0, {}), "x")
        for rev in (4, 5):
            inbox.put(segment(1, rev, final=True), "x")
        assert await all_of(inbox) == [Ack(3, 3.0), segment(1, 4, True), segment(1, 5, True)]

    asyncio.run(body())


@pytest.mark.parametrize(("messages", "size"), [(3, 1000), (1000, 200)])
def test_a_reader_that_does_not_keep_up_is_closed(messages: int, size: int) -> None:
    async def body() -> None:
        inbox = _Inbox(messages, size)
        for number in range(5):
            inbox.put(segment(number, final=True), "x")
        closing = await inbox.get()
        assert isinstance(closing, Closing)
        assert closing.code == CloseCode.TRY_AGAIN_LATER
        inbox.put(segment(9), "x")
        assert isinstance(await inbox.get(), Closing)

    asyncio.run(body())
