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

from meeting.core.export import export
from meeting.core.messages import (
    EarlierMessage,
    Ended,
    GapMessage,
    SegmentMessage,
    SnapshotMessage,
    SpeakerMessage,
    encode,
    encode_with,
)
from meeting.core.records import State
from meeting.core.transcript import Place
from meeting.delivery.history import NEWEST, PART, message_of
from meeting.delivery.single_flight import SingleFlight, shared_task
from meeting.storage.store import Store
from meeting.storage.summary import Summary, lines_backwards, read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import seconds

KEPT = 16_000_000
"""Bytes of parts that are kept, of all meetings together"""
KEPT_FOR = 30.0
"""Seconds for which a part is kept that nobody has asked for since"""
LOOKING, READING, EXPORTING = 2, 2, 1
"""Outlines that are read at once, and parts, and meetings that are exported: a long one takes 100 MB meanwhile"""

CHUNK = 1 << 16
"""Bytes of a file that are handed on at once"""

Key = tuple[str, str, Place | None]
"""A meeting, what it was like, and the place before which a part ends"""


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines, as sent."""

    text: str
    place: Place | None
    """Where the part before it ends; None where there is none"""
    told: int
    """Lines in it and in those after it"""


@dataclass(frozen=True)
class File:
    """An export."""

    title: str
    """What the meeting is called"""
    data: bytes = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The data piece by piece, each to be asked for once the one before is on its way."""
        for at in range(0, len(self.data), CHUNK):
            yield self.data[at : at + CHUNK]
            await asyncio.sleep(0)  # what the system takes at once must not hold the loop up


class Archive:
    """Reads meetings that are over for many at once; lives on the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: OrderedDict[Key, asyncio.Task[Part]] = OrderedDict()
        self._used: dict[Key, float] = {}
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._look = SingleFlight[str, Summary](lambda meeting_id: read_summary(store, meeting_id), LOOKING)
        self._export = SingleFlight[tuple[str, str], File](lambda asked: self._make(*asked), EXPORTING)
        self._files: WeakValueDictionary[tuple[str, str], File] = WeakValueDictionary()
        self._reading = asyncio.Semaphore(READING)
        self._turn = asyncio.Lock()

    async def messages(self, meeting_id: str) -> AsyncIterator[str]:
        """The text frames that a reader is told, each to be asked for once the one before is on its way.

        Raises NotFound, and StoreError where the meeting cannot be read.
        """
        known = await self.summary(meeting_id)
        place, told = None, 0
        while True:
            part = await self._part((meeting_id, repr(known), place), known, told)
            async with self._turn:  # many readers do not hold the loop up at once
                await asyncio.sleep(0)
            yield part.text
            place, told = part.place, part.told
            if place is None:
                break
        yield encode(Ended(known.meeting.segments))

    async def summary(self, meeting_id: str) -> Summary:
        """A meeting without its lines, no older than this call; read once for all who ask at once. Raises NotFound."""
        return await self._look(meeting_id)

    async def file(self, meeting_id: str, kind: str) -> File:
        """A meeting in one of the formats of its exports, no older than this call; made once for all who ask at once.

        Raises NotFound and StoreError.
        """
        return await self._export((meeting_id, kind))

    def _make(self, meeting_id: str, kind: str) -> File:
        known = read_summary(self._store, meeting_id)
        # Who takes it slowly holds it for long: it is to be the same one for all.
        key = (repr(known), kind)
        made = self._files.get(key) if known.meeting.state == State.ENDED else None
        if made is None:
            record = TranscriptStore(self._store).record(meeting_id)
            made = self._files[key] = File(record.meeting.title, export(record, kind).encode())
        return made

    async def _part(self, key: Key, known: Summary, told: int) -> Part:
        task = self._parts.get(key)
        if task is None:
            task = self._parts[key] = shared_task(self._read(key, known, told))
        self._parts.move_to_end(key)
        self._used[key] = asyncio.get_running_loop().time()
        return await asyncio.shield(task)

    async def _read(self, key: Key, known: Summary, told: int) -> Part:
        try:
            async with self._reading:
                part = await asyncio.to_thread(read_part, self._store, known, key[2], told)
        except BaseException:
            del self._parts[key], self._used[key]
            raise
        self._size += sys.getsizeof(part.text)
        self._let_go()
        return part

    def _let_go(self) -> None:
        """Keep no more than may be kept, for no longer than it may."""
        loop = asyncio.get_running_loop()
        old = loop.time() - KEPT_FOR
        for key, task in list(self._parts.items()):
            if self._size <= KEPT and self._used[key] > old:
                break
            if task.done():
                self._size -= sys.getsizeof(task.result().text)
                del self._parts[key], self._used[key]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(KEPT_FOR, self._let_go) if self._parts else None


def read_part(store: Store, known: Summary, place: Place | None, told: int) -> Part:
    """The lines before a place; with None the newest ones, within a snapshot. Raises NotFound and StoreError."""
    most = NEWEST if place is None else PART
    with closing(lines_backwards(store, known.meeting.id, place, known.speakers)) as lines:
        texts, first = message_of(((at, encode(SegmentMessage.of(segment))) for at, segment in lines), most)
        more = next(lines, None) is not None
    told += len(texts)
    left = max(1, known.meeting.segments - told) if more else 0
    message = EarlierMessage((), left) if place is not None else _snapshot(known, left)
    return Part(encode_with(message, texts), first if more else None, told)


def _snapshot(known: Summary, earlier: int) -> SnapshotMessage:
    meeting = known.meeting
    return SnapshotMessage(
        (),
        tuple(SpeakerMessage.of(speaker) for speaker in known.speakers),
        meeting.state,
        meeting.title,
        seconds(meeting.samples),
        meeting.models,
        tuple(GapMessage.of(gap) for gap in known.gaps),
        earlier,
    )
