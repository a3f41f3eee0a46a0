"""What is appended to a journal on its way to the object store: gathered, stored in order, and then told."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from meeting.storage.files.private_files import store_errors
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

OBJECT_SECONDS = 1.0
"""For which is gathered what goes into one object: each is a request that costs money"""
OBJECT_BYTES = 256 << 10
"""From which on what was gathered is stored at once"""
LARGEST_BYTES = 4 << 20
"""Of one object, but where a single frame has more: what had to wait is stored in few requests"""
MAX_WAITING_BYTES = 64 << 20
"""Bytes of a source that may wait for the store; beyond it no frame is taken: half an hour of uncompressed sound"""
OVERHEAD_BYTES = 512
"""That each frame counts beyond its own bytes"""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before the second try to store an object, and the most before a later one: the pause doubles"""
REMIND_SECONDS = 5.0
"""Seconds for which nothing could be stored after which that is told, and told again"""
CLOSE_SECONDS = 30.0
"""For which is waited for a request that is under way when a source is let go of"""


class Objects(Protocol):
    """The objects of one journal."""

    def append(self, data: bytes) -> None:
        """Store what comes next, at once or not at all; asked again with the same bytes where it raises StoreError."""

    def acknowledged(self) -> None:
        """All that was appended is acknowledged; waits for nothing."""

    def remove(self) -> None:
        """Remove them all; raises StoreError."""

    def close(self) -> None:
        """Let go of them; waits for a request that is under way, for a while."""


def nothing() -> None:
    """What is done where nobody is to be told."""


class JournalCopy:
    """Brings a growing journal to its objects, in a thread of its own; its methods are for any thread.

    The journal itself is the queue: what waits is read from it when its turn comes.
    """

    def __init__(
        self,
        objects: Objects,
        path: Path,
        held: Callable[[], bool],
        on_failing: Callable[[], None] = nothing,
        on_working: Callable[[], None] = nothing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`held` tells whether this server still has the meeting: what is stored later than that is not told.

        `on_failing` is called again and again while nothing can be stored, and `on_working` once it can.
        """
        self._objects = objects
        self._path = path
        self._held = held
        self._on_failing = on_failing
        self._on_working = on_working
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: deque[tuple[int, float, Callable[[], None]]] = deque()
        """Where records end in the file that are not stored yet, since when they wait, and who is told then"""
        self._stored = 0
        self._end = 0
        self._hurry = self._closed = self._removing = False
        self._failing_since: float | None = None
        self._told_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="objects", daemon=True)

    def start(self, stored: int) -> None:
        """Begin; so many bytes at the start of the journal are in the store already."""
        self._stored = self._end = stored
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Bytes that are not stored yet."""
        return self._end - self._stored

    def written(
        self, end: int, then: Callable[[], None] = nothing, given_up: Callable[[], bool] = lambda: False
    ) -> None:
        """The journal has so many bytes now; `then` is called, in the thread, once they are stored.

        Waits while more than `MAX_WAITING_BYTES` are not, unless that is given up: raises StoreError.
        """
        with self._changed:
            self._entries.append((end, self._clock(), then))
            self._end = end
            self._changed.notify_all()
            while self._crowded() and not self._closed:
                if given_up():
                    raise StoreError("the object store does not take what is heard")
                self._changed.wait(0.1)
        self._remind()

    def settle(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Wait until all is stored; raises StoreError where that is given up."""
        with self._changed:
            self._hurry = bool(self._entries)
            self._changed.notify_all()
            while self._entries:
                if self._closed or given_up():
                    raise StoreError("the object store does not take what is heard")
                self._changed.wait(0.1)

    def remove(self) -> None:
        """Have all objects of the journal removed, however long the store refuses it, and end; waits for nothing."""
        with self._changed:
            self._removing = self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """End without storing what still waits; waits for a request that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive() and not self._removing:
            self._thread.join(CLOSE_SECONDS)

    # In the thread

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._store(*batch)
        if self._removing:
            self._try(self._objects.remove, until_closed=False)
        else:
            self._objects.close()

    def _next(self) -> tuple[int, list[Callable[[], None]]] | None:
        """Where the next object ends, and who is told of it; None once it is closed."""
        with self._changed:
            while not self._closed:
                if self._due():
                    return self._batch()
                self._changed.wait(self._until_due())
            return None

    def _due(self) -> bool:
        if not self._entries:
            return False
        return self._hurry or self.waiting >= OBJECT_BYTES or self._until_due() == 0

    def _until_due(self) -> float | None:
        if not self._entries:
            return None
        return max(0.0, self._entries[0][1] + OBJECT_SECONDS - self._clock())

    def _batch(self) -> tuple[int, list[Callable[[], None]]]:
        end, told = self._entries[0][0], []
        for until, _, then in self._entries:
            if until > max(end, self._stored + LARGEST_BYTES):
                break
            end = until
            told.append(then)
        return end, told

    def _store(self, end: int, told: list[Callable[[], None]]) -> None:
        def append() -> None:
            self._objects.append(self._read(end))

        if not self._try(append, until_closed=True):
            return
        if self._told_at is not None:
            self._told_at = None
            self._on_working()
        # Who goes on with this meeting may have looked for its objects just before.
        if self._held():
            for then in told:
                then()
            self._objects.acknowledged()
        with self._changed:
            self._stored = end
            for _ in told:
                self._entries.popleft()
            self._hurry = self._hurry and len(self._entries) > 0
            self._changed.notify_all()

    def _read(self, end: int) -> bytes:
        with store_errors(self._path), self._path.open("rb") as file:
            file.seek(self._stored)
            data = file.read(end - self._stored)
        if len(data) < end - self._stored:
            raise StoreError(f"{self._path} is shorter than what was written to it")
        return data

    def _try(self, step: Callable[[], None], until_closed: bool) -> bool:
        """Do something however often the store refuses it; whether it was done."""
        pause = FIRST_PAUSE
        while not (until_closed and self._closed):
            try:
                step()
                self._failing_since = None
                return True
            except StoreError as error:
                if self._failing_since is None:
                    self._failing_since = self._clock()
                    log.warning("%s: is not in the object store yet: %s", self._path.name, error)
                self._remind()
                with self._changed:
                    if not (until_closed and self._closed):
                        self._changed.wait_for(lambda: until_closed and self._closed, pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
        return False

    def _crowded(self) -> bool:
        return self.waiting + OVERHEAD_BYTES * len(self._entries) > MAX_WAITING_BYTES and len(self._entries) > 1

    def _remind(self) -> None:
        """Tell that nothing is stored, if that is so for long enough: a request that hangs is no answer either."""
        with self._changed:
            now = self._clock()
            since = self._entries[0][1] if self._entries else now
            due = now - max(since, self._told_at or since) >= REMIND_SECONDS
            if not due or self._closed:
                return
            self._told_at = now
        self._on_failing()
