"""One source's audio in the object store: its journal while it is heard, its FLAC once it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.journal_copy import JournalCopy
from pipelines.errors import StoreError

RETRY_SECONDS = 2.0
"""Seconds between two tries to store a FLAC"""


class SourceObjects:
    """The objects of one source; for its thread, but for `release`."""

    def __init__(
        self,
        objects: AudioObjects,
        meeting_id: str,
        source_id: str,
        fence: int,
        held: Callable[[], bool],
        no_waiting: threading.Event,
        tell: Callable[[bool], None],
    ) -> None:
        """`fence` is that under which this server has the meeting, while `held`.

        Once `no_waiting` is set nothing is tried again; `tell` hears False while the store takes nothing, and True
        once it does again.
        """
        self._objects = objects
        self._ids = (meeting_id, source_id)
        self._fence = fence
        self._held = held
        self._no_waiting = no_waiting
        self._tell = tell
        self._copy: JournalCopy | None = None
        self._kept = False

    def begin(self, path: Path, stored: int) -> JournalCopy:
        """What brings a journal to the store, of which so many bytes are there already."""
        self._journal = self._objects.journal(*self._ids, self._fence, self._held, stored)
        self._copy = JournalCopy(self._journal, path, self._held, lambda: self._tell(False), lambda: self._tell(True))
        self._objects.copies.add(self._copy)
        self._copy.start(stored)
        return self._copy

    def finish(self, keep_audio: bool, keep_journal: bool = False) -> None:
        """Wait until the journal, and the FLAC with `keep_audio`, are in the store.

        With `keep_journal` something of it was not heard: that is stored as well. Raises StoreError once nothing is
        waited for.
        """
        if self._copy is None:
            return
        self._copy.settle(self._no_waiting.is_set)
        if keep_journal:
            self._insist(lambda: self._objects.set_aside(*self._ids))
        if keep_audio and not self._kept:
            self._insist(lambda: self._objects.keep(*self._ids, self._journal.generation))
            self._kept = True

    def _insist(self, step: Callable[[], None]) -> None:
        while True:
            try:
                return step()
            except StoreError:
                if self._no_waiting.is_set():
                    raise
                self._tell(False)
                self._no_waiting.wait(RETRY_SECONDS)

    def release(self, keep_journal: bool) -> None:
        """The meeting is over, and all of it is stored: the journal goes unless it is kept; waits for nothing."""
        if self._kept:
            with suppress(OSError):
                self._objects.settle(*self._ids, self._journal.generation)
        if self._copy is not None and not keep_journal:
            self._copy.remove()

    def close(self) -> None:
        """End, whatever still waits."""
        if self._copy is not None:
            self._copy.close()
