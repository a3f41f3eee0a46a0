"""Meetings that are over, read by many at once: one text for all, read once, and never older than was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.export import export, to_json
from meeting.core.messages import SegmentMessage, encode
from meeting.core.records import Gap, Meeting, Record, State
from meeting.delivery import archive
from meeting.delivery.archive import Archive
from meeting.storage.edit_store import EditStore
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word

A, B = "a" * 16, "b" * 16
NOW = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)
LINES = 40


def line(number: int) -> Segment:
    span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
    # ids do not sort as times do, and some lines begin together
    words = tuple(Word(f"word{i}", span, 0.5) for i in range(5))
    start = Span(number // 3 * 3 * SAMPLE_RATE, span.end)
    return Segment(
        f"s{(number * 7) % LINES}", 1, True, "src", start, f"spk{number % 2 + 1}", words, overlap=number == 3
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(archive, "SNAPSHOT_BYTES", 4000)
    monkeypatch.setattr(archive, "PART_BYTES", 2000)
    with Store(tmp_path) as opened:
        opened.create_meeting(Meeting(A, "t", State.OPEN, NOW)).result()
        opened.create_meeting(Meeting(B, "short", State.OPEN, NOW)).result()
        TranscriptStore(opened).save_speakers(
            A, [Speaker("spk1"), Speaker("spk2", color=1), Speaker("spk3", None, 2, "spk1")]
        ).result()
        TranscriptStore(opened).save_segments(A, [line(number) for number in range(LINES)]).result()
        RecoveryStore(opened).save_gap(A, Gap("src", Span(0, SAMPLE_RATE), "lost")).result()
        opened.set_state(A, State.ENDED, samples=LINES * SAMPLE_RATE, models={"speech": "fake"}).result()
        opened.set_state(B, State.ENDED).result()
        yield opened


async def read(kept: Archive, meeting_id: str = A) -> list[str]:
    return [text async for text in kept.messages(meeting_id)]


def lines(frames: list[str]) -> list[dict[str, Any]]:
    """All lines in order of time, of messages that come newest first."""
    bodies = [json.loads(text) for text in frames]
    parts = [body["segments"] for body in bodies if body["type"] in ("snapshot", "earlier")]
    return [segment for part in reversed(parts) for segment in part]


def said(record: Record) -> list[dict[str, Any]]:
    """All lines of a record, as sent."""
    return [json.loads(encode(SegmentMessage.of(segment))) for segment in record.segments]


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(body())  # type: ignore[arg-type]


def counting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """The calls of a function of the module."""
    calls: list[Any] = []
    real = getattr(archive, name)
    monkeypatch.setattr(archive, name, lambda *given: calls.append(given) or real(*given))
    return calls


def test_a_long_meeting_is_told_newest_first_in_parts_and_whole(store: Store) -> None:
    async def body() -> None:
        frames = await read(Archive(store))
        first, *parts, last = [json.loads(text) for text in frames]
        record = TranscriptStore(store).record(A)
        assert lines(frames) == said(record)
        assert (first["state"], first["audio"], first["title"], first["models"]) == (
            "ended",
            40.0,
            "t",
            {"speech": "fake"},
        )
        assert [voice["id"] for voice in first["speakers"]] == ["spk1", "spk2", "spk3"]
        assert [gap["reason"] for gap in first["gaps"]] == ["lost"]
        assert len(parts) > 3
        sent = len(first["segments"])
        assert first["earlier"] == LINES - sent
        for part in parts:
            sent += len(part["segments"])
            assert part["left"] == LINES - sent
        assert last == {"type": "ended", "segments": LINES}

    run(body)


def test_a_meeting_without_lines_is_a_snapshot_and_an_end(store: Store) -> None:
    async def body() -> None:
        first, last = [json.loads(text) for text in await read(Archive(store), B)]
        assert (first["segments"], first["earlier"], last["type"]) == ([], 0, "ended")

    run(body)


def test_a_hundred_who_come_at_once_are_told_the_same_objects_that_were_read_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, parts = counting(monkeypatch, "read_summary"), counting(monkeypatch, "read_part")

    async def body() -> None:
        kept = Archive(store)
        all_frames = await asyncio.gather(*(read(kept) for _ in range(100)))
        assert all(frames == all_frames[0] for frames in all_frames)
        assert all(a is b for frames in all_frames for a, b in zip(frames[:-1], all_frames[0][:-1], strict=True))
        assert len(looks) == 1
        assert len(parts) == len(all_frames[0]) - 1

    run(body)


def test_who_asks_while_a_look_is_under_way_waits_for_the_next_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = counting(monkeypatch, "read_summary")

    async def body() -> None:
        kept = Archive(store)
        first = asyncio.create_task(kept.summary(A))
        while not looks:
            await asyncio.sleep(0)
        later = [asyncio.create_task(kept.summary(A)) for _ in range(5)]
        await asyncio.gather(first, *later)
        assert len(looks) == 2
        assert not kept._summaries

    run(body)


def test_whoever_comes_after_a_change_is_told_of_it(store: Store) -> None:
    async def body() -> None:
        kept, edit_store = Archive(store), EditStore(store)
        before = await read(kept)
        await asyncio.to_thread(edit_store.change, A, SegmentChange("s0", 1, False, None, "changed"))
        await asyncio.to_thread(edit_store.change, A, SpeakerChange("spk2", merge_into="spk1"))
        after = await read(kept)
        assert after != before
        record = TranscriptStore(store).record(A)
        assert {segment.speaker for segment in record.segments} == {"spk1"}
        assert lines(after) == said(record)
        assert '"changed"' in to_json(record, "x")

    run(body)


def test_a_meeting_that_is_deleted_while_it_is_read_is_not_told_as_if_it_were_whole(store: Store) -> None:
    async def body() -> None:
        frames = Archive(store).messages(A)
        await frames.__anext__()
        await asyncio.wrap_future(store.delete_meeting(A))
        with pytest.raises(NotFound):
            async for _ in frames:
                pass
        with pytest.raises(NotFound):
            await read(Archive(store))

    run(body)


def test_no_more_is_kept_than_may_be_and_nothing_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "CACHE_BYTES", 5000)
    monkeypatch.setattr(archive, "CACHE_SECONDS", 0.05)

    async def body() -> None:
        kept = Archive(store)
        frames = await read(kept)
        assert kept._size <= 5000
        assert len(kept._parts) < len(frames) - 1
        while kept._parts:
            await asyncio.sleep(0.01)
        assert kept._size == 0
        assert not kept._last_used

    run(body)


def test_after_a_fault_the_next_reader_tries_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real, faults = archive.read_part, [OSError("once")]

    def faulty(*given: Any) -> archive.Part:
        if faults:
            raise faults.pop()
        return real(*given)

    monkeypatch.setattr(archive, "read_part", faulty)

    async def body() -> None:
        kept = Archive(store)
        with pytest.raises(OSError, match="once"):
            await read(kept)
        assert len(lines(await read(kept))) == LINES

    run(body)


def test_a_file_is_made_once_for_all_who_ask_at_once_and_anew_for_who_asks_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counting(monkeypatch, "export_file")

    async def body() -> None:
        kept = Archive(store)
        files = await asyncio.gather(*(kept.file(A, "txt") for _ in range(50)))
        assert all(file is files[0] for file in files)
        assert len(made) == 1
        assert files[0].data.decode() == export(TranscriptStore(store).record(A), "txt")
        assert b"".join([chunk async for chunk in files[0].chunks()]) == files[0].data
        assert await kept.file(A, "txt") is files[0]  # while somebody still takes it
        await asyncio.to_thread(EditStore(store).change, A, SegmentChange("s0", 1, False, None, "changed"))
        assert b"changed" in (await kept.file(A, "txt")).data
        assert len(made) == 2
        with pytest.raises(NotFound):
            await kept.file("nowhere", "txt")

    run(body)


def test_what_is_said_meanwhile_is_in_the_next_file_of_a_live_meeting(store: Store) -> None:
    async def body() -> None:
        kept = Archive(store)
        await asyncio.wrap_future(store.set_state(A, State.LIVE))
        first = await kept.file(A, "rttm")
        revised = TurnsRevised(Span(0, SAMPLE_RATE), (Turn(Span(0, SAMPLE_RATE), "spk1"),))
        await asyncio.wrap_future(TranscriptStore(store).save_turns(A, "src", revised))
        assert (await kept.file(A, "rttm")).data != first.data

    run(body)
