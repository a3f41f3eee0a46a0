"""Stored meetings for many who want them at once: what is over, newest lines first and part by part; files of any.

Each part and file is made in a thread, once for all who ask at the same time; parts are kept for a little while.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from meeting.core.export import export_file
from meeting.core.messages import (
    EarlierMessage,
    Ended,
    GapMessage,
    SegmentMessage,
    SnapshotMessage,
    SourceMessage,
    SpeakerMessage,
    encode,
    encode_with_lines,
)
from meeting.core.records import State
from meeting.core.transcript import Place
from meeting.delivery.history import PART_BYTES, SNAPSHOT_BYTES, take_lines
from meeting.delivery.single_flight import SingleFlight, shared_task
from meeting.storage.store import Store
from meeting.storage.summary import Summary, lines_backwards, read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import seconds

CACHE_BYTES = 16_000_000
"""Size of the parts that are kept for whoever asks next, of all meetings together"""
CACHE_SECONDS = 30.0
"""For which a part is kept that nobody has asked for since"""
SUMMARIES_AT_ONCE, PARTS_AT_ONCE, EXPORTS_AT_ONCE = 2, 2, 1
"""Threads for each kind of reading: an export of a long meeting takes 100 MB meanwhile"""

CHUNK_BYTES = 1 << 16
"""Bytes of a file that are handed on at once"""

Key = tuple[str, str, Place | None]
"""A meeting, its summary when it was read, and the place before which a part ends: what a part depends on"""


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines, as sent."""

    text: str
    place: Place | None
    """Where the part before it ends; None where there is none"""
    sent: int
    """Lines in it and in those after it"""


@dataclass(frozen=True)
class ExportFile:
    """An export."""

    title: str
    """What the meeting is called"""
    data: bytes = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The data piece by piece, each to be asked for once the one before is on its way."""
        for at in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[at : at + CHUNK_BYTES]
            await asyncio.sleep(0)  # what the system takes at once must not hold the loop up


class Archive:
    """Reads meetings that are over for many at once; lives on the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: OrderedDict[Key, asyncio.Task[Part]] = OrderedDict()
        self._last_used: dict[Key, float] = {}
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._summaries = SingleFlight[str, Summary](
            lambda meeting_id: read_summary(store, meeting_id), SUMMARIES_AT_ONCE
        )
        self._exports = SingleFlight[tuple[str, str], ExportFile](lambda asked: self._export(*asked), EXPORTS_AT_ONCE)
        self._files: WeakValueDictionary[tuple[str, str], ExportFile] = WeakValueDictionary()
        self._reading = asyncio.Semaphore(PARTS_AT_ONCE)
        self._turn = asyncio.Lock()

    async def messages(self, meeting_id: str) -> AsyncIterator[str]:
        """The text frames that a reader is sent, each to be asked for once the one before is on its way.

        Raises NotFound, and StoreError where the meeting cannot be read.
        """
        summary = await self.summary(meeting_id)
        place, sent = None, 0
        while True:
            part = await self._part((meeting_id, repr(summary), place), summary, sent)
            async with self._turn:  # many readers do not hold the loop up at once
                await asyncio.sleep(0)
            yield part.text
            place, sent = part.place, part.sent
            if place is None:
                break
        yield encode(Ended(summary.meeting.segments))

    async def summary(self, meeting_id: str) -> Summary:
        """A meeting without its lines, no older than this call; read once for all who ask at once. Raises NotFound."""
        return await self._summaries(meeting_id)

    async def file(self, meeting_id: str, kind: str) -> ExportFile:
        """A meeting in one of the formats of its exports, no older than this call; made once for all who ask at once.

        Raises NotFound and StoreError.
        """
        return await self._exports((meeting_id, kind))

    def _export(self, meeting_id: str, kind: str) -> ExportFile:
        summary = read_summary(self._store, meeting_id)
        # Who takes it slowly holds it for long: it is to be the same one for all.
        key = (repr(summary), kind)
        made = self._files.get(key) if summary.meeting.state == State.ENDED else None
        if made is None:
            record = TranscriptStore(self._store).record(meeting_id)
            made = self._files[key] = ExportFile(record.meeting.title, export_file(record, kind))
        return made

    async def _part(self, key: Key, summary: Summary, sent: int) -> Part:
        task = self._parts.get(key)
        if task is None:
            task = self._parts[key] = shared_task(self._read(key, summary, sent))
        self._parts.move_to_end(key)
        self._last_used[key] = asyncio.get_running_loop().time()
        return await asyncio.shield(task)

    async def _read(self, key: Key, summary: Summary, sent: int) -> Part:
        try:
            async with self._reading:
                part = await asyncio.to_thread(read_part, self._store, summary, key[2], sent)
        except BaseException:
            del self._parts[key], self._last_used[key]
            raise
        self._size += sys.getsizeof(part.text)
        self._evict()
        return part

    def _evict(self) -> None:
        """Keep no more parts than may be kept, the ones last used, and for no longer than they may."""
        loop = asyncio.get_running_loop()
        old = loop.time() - CACHE_SECONDS
        # In the order of their last use: where one may stay, all that follow may.
        for key, task in list(self._parts.items()):
            if self._size <= CACHE_BYTES and self._last_used[key] > old:
                break
            if task.done():
                self._size -= sys.getsizeof(task.result().text)
                del self._parts[key], self._last_used[key]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(CACHE_SECONDS, self._evict) if self._parts else None


def read_part(store: Store, summary: Summary, place: Place | None, sent: int) -> Part:
    """The lines before a place; with None the newest ones, within a snapshot. Raises NotFound and StoreError."""
    most = SNAPSHOT_BYTES if place is None else PART_BYTES
    with closing(lines_backwards(store, summary.meeting.id, place, summary.speakers)) as lines:
        texts, first = take_lines(((at, encode(SegmentMessage.of(segment))) for at, segment in lines), most)
        more = next(lines, None) is not None
    sent += len(texts)
    # An edit may have changed how many there are since the summary: where one follows, it is not said to be the last.
    left = max(1, summary.meeting.segments - sent) if more else 0
    message = EarlierMessage((), left) if place is not None else _snapshot(summary, left)
    return Part(encode_with_lines(message, texts), first if more else None, sent)


def _snapshot(summary: Summary, earlier: int) -> SnapshotMessage:
    meeting = summary.meeting
    return SnapshotMessage(
        (),
        tuple(SpeakerMessage.of(speaker) for speaker in summary.speakers),
        meeting.state,
        meeting.title,
        seconds(meeting.samples),
        meeting.models,
        tuple(GapMessage.of(gap) for gap in summary.gaps),
        earlier,
        tuple(SourceMessage.of(source) for source in summary.sources),
    )
