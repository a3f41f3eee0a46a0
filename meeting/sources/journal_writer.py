"""Frames on their way into the journal: what the disk refuses now is tried again until it takes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from meeting.cluster.ownership import always
from meeting.core.errors import OwnershipLost
from meeting.core.messages import AudioFrame
from meeting.session.events import Event, FrameAppended, StorageFailing, StorageWorking
from meeting.storage.files import journal
from meeting.storage.files.journal import Journal
from meeting.storage.files.journal_format import MUTED, PROCESSED, STOPPED, Entry
from meeting.storage.objects.journal_copy import JournalCopy
from pipelines.errors import StoreError

RETRY_SECONDS = 0.5
"""Seconds between two tries to write to a disk that refuses"""
REMIND_SECONDS = 5.0
"""Seconds after which a trouble that lasts is told again, so that no client takes the connection for dead"""
DISK_FULL = "the server's disk does not take what is heard: recording waits, and goes on as soon as there is room"


class JournalWriter:
    """Appends a source's frames to its journal; for the source's thread."""

    def __init__(
        self,
        written: Journal,
        processed: int | None,
        post: Callable[[Event], None],
        no_waiting: threading.Event,
        held: Callable[[], bool] = always,
        copy: JournalCopy | None = None,
    ) -> None:
        """`processed`: samples that an earlier process is known to have processed; None where there was none.

        Once `no_waiting` is set nothing is tried again. Once `held` is false another server may go on with the
        meeting: every write raises OwnershipLost then. With a `copy` in an object store only what is there is told.
        """
        self._copy = copy
        self._held = held
        self._journal = written
        self._post = post
        self._no_waiting = no_waiting
        self._unmarked = processed

    @property
    def next_seq(self) -> int:
        """Number of the frame that comes next."""
        return self._journal.next_seq

    @property
    def stopped(self) -> bool:
        """Whether an earlier process was told that no frame will come."""
        return self._journal.stopped

    def append(self, frame: AudioFrame) -> None:
        """Write a frame, however long the disk refuses it; raises StoreError once nothing is waited for."""
        refused = 0
        while True:
            try:
                self.mark_processed()
                self._mine()
                self._journal.append(frame)
                # Once more: who goes on with this meeting may have taken its journal over just before.
                self._mine()
                break
            except OwnershipLost:
                raise
            except StoreError:
                if self._no_waiting.is_set():
                    raise
                if refused % round(REMIND_SECONDS / RETRY_SECONDS) == 0:
                    self._post(StorageFailing("audio", DISK_FULL))
                refused += 1
                self._no_waiting.wait(RETRY_SECONDS)
        if refused:
            self._post(StorageWorking("audio"))
        self._copied()

    def tell(self, appended: FrameAppended) -> None:
        """Say that all that was written so far is kept, once it is; raises StoreError once nothing is waited for."""
        if self._copy is None:
            self._post(appended)
        else:
            self._copy.written(self._journal.end, lambda: self._post(appended), self._no_waiting.is_set)

    def mark_processed(self) -> None:
        """Say, before anything is added, how far an earlier process had come; raises StoreError.

        So each later process sees what is missing before that place, whatever was added behind it.
        """
        if self._unmarked is not None:
            self._mine()
            self._journal.mark(PROCESSED, self._unmarked)
            self._unmarked = None
            self._copied()

    def mark_muted(self, muted: bool) -> None:
        """Say that what follows is to be heard as silence, or is not, if the disk takes it."""
        with suppress(StoreError):
            self.mark_processed()
            self._mine()
            self._journal.mark(MUTED, muted)
            self._copied()

    def mark_stopped(self) -> None:
        """Say that no frame will come, if the disk takes it: without it a later process waits for more, for a while."""
        with suppress(StoreError):
            self._mine()
            self._journal.mark(STOPPED)
            self._copied()

    def entries(self) -> Iterator[Entry]:
        """All that the journal says; raises StoreError."""
        return journal.entries(self._journal.path, self._journal.audio)

    def follow(self) -> Iterator[Entry | None]:
        """The same while it is appended to: None, for ever, where there is no further yet."""
        return journal.follow(self._journal.path, self._journal.audio)

    def _copied(self) -> None:
        if self._copy is not None:
            self._copy.written(self._journal.end, given_up=self._no_waiting.is_set)

    def _mine(self) -> None:
        if not self._held():
            raise OwnershipLost("another server may have this meeting now")

    def close(self) -> None:
        """Let go of the file, and of the lock on it."""
        self._journal.close()
