"""Small objects of a journal are put together to larger ones, beside everything else.

A larger one is stored first, and only then those go whose bytes it holds: whatever dies in between, nothing is missing.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path

from meeting.storage.files.private_files import store_errors
from meeting.storage.objects.chain import Generation, Part, put_together
from meeting.storage.objects.object_store import ObjectStore
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

MERGE_OBJECTS = 64
"""Small objects that become one: about a minute, and sixty requests fewer for whoever goes on with the meeting"""
MERGE_BYTES = 8 << 20
"""Bytes that one holds at most: it is in memory while it is made"""
MOST_SMALL = 10_000
"""Small objects that are remembered to be put together: the oldest of more stay as they are"""
CLOSE_SECONDS = 30.0
"""For which is waited for a request that is under way at the end"""


@dataclass(frozen=True, slots=True)
class Small:
    """An object that is to be put together with others."""

    part: Part
    start: int
    """Where it begins in the journal, in bytes"""
    size: int
    checksum: int
    """CRC-32 of what is in the store: what the disk holds must be the same"""


def next_run(sizes: Sequence[int], objects: int, most: int) -> int:
    """How many of the first objects are put together next, one being left as it is; 0 where too few are there.

    >>> next_run([5, 5, 5, 5], objects=3, most=100), next_run([5, 5], objects=3, most=100)
    (3, 0)
    >>> next_run([5, 5, 5], objects=3, most=12), next_run([20, 5], objects=3, most=12)
    (2, 1)
    """
    total = 0
    for number, size in enumerate(sizes[:objects]):
        total += size
        if total > most:
            return max(1, number)
    return objects if len(sizes) >= objects else 0


class Merger:
    """Puts the objects of one generation of a journal together; its methods are for one thread.

    One at a time, in a thread of `executor`. What is put together is read from the journal on this server's disk.
    """

    def __init__(
        self,
        objects: ObjectStore,
        folder: str,
        path: Path,
        end: int,
        held: Callable[[], bool],
        executor: Executor,
        merged: Callable[[], None] = lambda: None,
    ) -> None:
        """So many bytes of the journal at `path` are in earlier generations; its objects lie in `folder`.

        Once `held` is false nothing is stored and nothing removed; `merged` is told of each object that was made.
        """
        self._objects = objects
        self._folder = folder
        self._path = path
        self._end = end
        self._held = held
        self._executor = executor
        self._merged = merged
        self._lock = threading.Lock()
        self._small: deque[Small] = deque(maxlen=MOST_SMALL)
        self._superseded: list[str] = []
        """Objects whose bytes a larger one holds, and that are still there"""
        self._not_before = 0
        """Number of the piece with which it is tried again, after the store has refused it"""
        self._closed = False
        self._working: Future[None] | None = None

    def stored(self, generation: Generation, number: int, data: bytes) -> None:
        """The next small object is in the store."""
        small = Small(Part(generation, number), self._end, len(data), zlib.crc32(data))
        self._end += small.size
        with self._lock:
            self._small.append(small)

    def acknowledged(self) -> None:
        """All that was stored is acknowledged: put together what is due; waits for nothing."""
        if self._closed or (self._working is not None and not self._working.done()):
            return
        run = self._due()
        if run or self._superseded:
            try:
                self._working = self._executor.submit(self._work, run)
            except RuntimeError:  # this process ends
                self._closed = True

    def _due(self) -> Sequence[Small]:
        with self._lock:
            if not self._small or self._small[-1].part.number < self._not_before:
                return ()
            count = next_run([one.size for one in self._small], MERGE_OBJECTS, MERGE_BYTES)
            return [self._small[at] for at in range(count)]

    def close(self) -> bool:
        """Put nothing together any more; whether all requests that were under way are over."""
        self._closed = True
        if self._working is None or self._working.cancel():
            return True
        return not wait([self._working], CLOSE_SECONDS).not_done

    # In a thread of the executor

    def _work(self, run: Sequence[Small]) -> None:
        try:
            # No more is put together before what the last time left is gone.
            if not self._superseded and run:
                self._put_together(run)
            if self._superseded and self._may():
                self._objects.remove(self._superseded)
                self._superseded = []
        except StoreError as error:
            log.warning("%s: its objects are put together later: %s", self._path.name, error)
            with self._lock:
                self._not_before = self._small[-1].part.number + MERGE_OBJECTS if self._small else 0

    def _put_together(self, run: Sequence[Small]) -> None:
        data = self._read(run) if len(run) > 1 else None
        if data is not None:
            if not self._may():
                return
            part = Part(run[0].part.generation, run[0].part.number, len(run))
            self._objects.put(f"{self._folder}/{part.name}", put_together([one.size for one in run], data))
            self._merged()
            self._superseded = [f"{self._folder}/{one.part.name}" for one in run]
        with self._lock:
            while self._small and self._small[0].part.number <= run[-1].part.number:
                self._small.popleft()

    def _read(self, run: Sequence[Small]) -> bytes | None:
        """The bytes of these objects; None where the disk holds others."""
        size = sum(one.size for one in run)
        with store_errors(self._path), self._path.open("rb") as file:
            file.seek(run[0].start)
            data = file.read(size)
        at = 0
        for one in run:
            if zlib.crc32(memoryview(data)[at : at + one.size]) != one.checksum:
                log.warning("%s: differs from its objects, which stay as they are", self._path.name)
                return None
            at += one.size
        return data

    def _may(self) -> bool:
        """Whether the meeting is still this server's, and its end has not come."""
        return not self._closed and self._held()
