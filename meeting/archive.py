"""Meetings that are over, for whoever comes to read them: the newest lines at once, the earlier ones part by part.

Each part is read and encoded in a thread, once for all who want it, and kept for a little while.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from meeting.history import LINES, NEWEST, PART
from meeting.messages import (
    EarlierMessage,
    Ended,
    SegmentMessage,
    SnapshotMessage,
    SpeakerMessage,
    encode,
    encode_with,
)
from meeting.outline import Outline, lines_backwards, outline
from meeting.outputs import gap_message
from meeting.store import Store
from meeting.transcript import Place
from pipelines.types import seconds

KEPT = 16_000_000
"""Bytes of parts that are kept, of all meetings together"""
KEPT_FOR = 30.0
"""Seconds for which a part is kept that nobody has asked for since"""
READING = 2
"""Parts that are read at once"""

T = TypeVar("T")
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


class Archive:
    """Reads meetings that are over for many at once; lives on the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: OrderedDict[Key, asyncio.Task[Part]] = OrderedDict()
        self._used: dict[Key, float] = {}
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looking: dict[str, asyncio.Task[Outline]] = {}
        self._asked: dict[str, asyncio.Task[Outline]] = {}
        self._reading = asyncio.Semaphore(READING)
        self._turn = asyncio.Lock()

    async def messages(self, meeting_id: str) -> AsyncIterator[str]:
        """The text frames that a reader is told, each to be asked for once the one before is on its way.

        Raises NotFound, and StoreError where the meeting cannot be read.
        """
        known = await self.outline(meeting_id)
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

    async def outline(self, meeting_id: str) -> Outline:
        """A meeting's outline, no older than this call; those who ask at once are told of one look. Raises NotFound."""
        asked = self._asked.get(meeting_id)
        if asked is None:
            asked = self._asked[meeting_id] = _shared(self._look(meeting_id))
        return await asyncio.shield(asked)

    async def _look(self, meeting_id: str) -> Outline:
        # A look that is under way may have begun before what the caller knows of.
        if meeting_id in self._looking:
            await asyncio.wait({self._looking[meeting_id]})
        self._looking[meeting_id] = self._asked.pop(meeting_id)
        try:
            return await asyncio.to_thread(outline, self._store, meeting_id)
        finally:
            del self._looking[meeting_id]

    async def _part(self, key: Key, known: Outline, told: int) -> Part:
        task = self._parts.get(key)
        if task is None:
            task = self._parts[key] = _shared(self._read(key, known, told))
        self._parts.move_to_end(key)
        self._used[key] = asyncio.get_running_loop().time()
        return await asyncio.shield(task)

    async def _read(self, key: Key, known: Outline, told: int) -> Part:
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


def _shared(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task for several to wait for, who may all be gone when it fails."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    return task


def read_part(store: Store, known: Outline, place: Place | None, told: int) -> Part:
    """The lines before a place; with None the newest ones, within a snapshot. Raises NotFound and StoreError."""
    most = NEWEST if place is None else PART
    texts: list[str] = []
    first, size, more = place, 0, False
    with closing(lines_backwards(store, known.meeting.id, place, known.speakers)) as lines:
        for at, segment in lines:
            if size >= most or len(texts) == LINES:
                more = True
                break
            texts.append(encode(SegmentMessage.of(segment)))
            first = at
            size += sys.getsizeof(texts[-1])
    told += len(texts)
    left = max(1, known.meeting.segments - told) if more else 0
    message = EarlierMessage((), left) if place is not None else _snapshot(known, left)
    return Part(encode_with(message, reversed(texts)), first if more else None, told)


def _snapshot(known: Outline, earlier: int) -> SnapshotMessage:
    meeting = known.meeting
    return SnapshotMessage(
        (),
        tuple(SpeakerMessage.of(speaker) for speaker in known.speakers),
        meeting.state,
        meeting.title,
        seconds(meeting.samples),
        meeting.models,
        tuple(gap_message(gap) for gap in known.gaps),
        earlier,
    )
