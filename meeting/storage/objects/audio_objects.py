"""The audio of all meetings in one object store, and what of it lies here: journals taken over, sound to play."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from meeting.storage.files.meeting_files import FLAC, MeetingFiles
from meeting.storage.files.private_files import make_folder, store_errors
from meeting.storage.objects import chain
from meeting.storage.objects.chain import Generation, Part
from meeting.storage.objects.journal_copy import JournalCopy
from meeting.storage.objects.journal_objects import Counts, JournalObjects
from meeting.storage.objects.merging import Merger
from meeting.storage.objects.object_store import ObjectStore, StoredObject
from meeting.storage.objects.stored_journals import fetch_journal, find_journals

CACHE = "sound"
"""Folder below the data folder for what was fetched to be heard"""
CACHED_SECONDS = 3600.0
"""For which sound that was fetched stays, counted from when it was last asked for: deleted meetings must go"""
LIVE_ENDINGS = (".journal", FLAC, ".part", ".copy")
"""Of files of a live meeting that are worth nothing once another server may have had it"""
MERGES_AT_ONCE = 4
"""Journals whose objects are put together at once"""


Result = TypeVar("Result")


def never() -> bool:
    """Whoever does not say that it has a meeting puts nothing of it together."""
    return False


@dataclass(frozen=True, slots=True)
class StoredSource:
    """What there is of one source, of its journal or of its sound."""

    names: tuple[str, ...]
    """Of its objects"""
    last: datetime
    """When the latest of them was stored, UTC"""
    set_aside: bool
    """Whether something of its journal was not heard"""


@dataclass
class AudioObjects:
    """All audio in an object store; its methods wait for that, and may be called from any thread."""

    objects: ObjectStore
    files: MeetingFiles
    cache: Path
    """Folder for sound that is fetched to be heard"""
    cache_bytes: float
    counts: Counts = field(default_factory=Counts)
    copies: WeakSet[JournalCopy] = field(default_factory=WeakSet)
    """Journals that are being brought to the store"""
    _taken: dict[tuple[str, str], Generation] = field(default_factory=dict)
    """Generations of the journals that were taken over and are to be gone on with"""
    _merges: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MERGES_AT_ONCE, "merges"))
    _removals: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "removals"))

    def check(self) -> None:
        """See that the store can be used, which also loads what it needs for that; raises StoreError."""
        self.objects.list(f"{chain.AUDIO}/nothing")

    @property
    def waiting(self) -> int:
        """Bytes of journals that are not in the store yet."""
        return sum(copy.waiting for copy in list(self.copies))

    # Journals

    def journal(
        self, meeting_id: str, source_id: str, fence: int, held: Callable[[], bool] = never, end: int = 0
    ) -> JournalObjects:
        """The objects for what this server appends from now on: of a new journal, or of one that it has taken over.

        Of the journal so many bytes are in the store. Small objects are put together as long as the meeting is `held`.
        """
        taken = self._taken.pop((meeting_id, source_id), None)
        folder, path = chain.journal_folder(meeting_id, source_id), self.files.journal_path(meeting_id, source_id)
        merger = Merger(self.objects, folder, path, end, held, self._merges, self.counts.count_merged)
        begun = taken is not None
        return JournalObjects(self.objects, folder, taken or Generation(fence), begun, self.counts, merger)

    def take_over(self, meeting_id: str, fence: int) -> None:
        """Make the journals of a meeting on this server what they are in the store, and go on with them from there.

        What lay here of it goes: it is older, or was never acknowledged. Raises StoreError, and OwnershipLost where a
        server has the meeting that came after this one.
        """
        found = find_journals(self.objects, meeting_id, fence)
        for path in self.files.of(meeting_id):
            if path.suffix in LIVE_ENDINGS:
                with store_errors(path):
                    path.unlink(missing_ok=True)
        for source_id, journal in found.items():
            fetch_journal(self.objects, journal, self.files.journal_path(meeting_id, source_id))
            head = f"{journal.folder}/{Part(journal.next, chain.HEAD).name}"
            self.objects.put(head, chain.encode_head(journal.stretches))
            self._taken[meeting_id, source_id] = journal.next

    # Sound

    def keep(self, meeting_id: str, source_id: str, generation: Generation) -> None:
        """Store the FLAC of a source whose journal is in this generation; raises StoreError."""
        path = self.files.audio_path(meeting_id, source_id)
        self.objects.put_file(f"{chain.audio_folder(meeting_id, source_id)}/{generation.name}{FLAC}", path)

    def settle(self, meeting_id: str, source_id: str, generation: Generation) -> None:
        """Let a FLAC that was stored lie where what is fetched does: it may go from here. Raises OSError."""
        make_folder(self.cache)
        name = f"{meeting_id}.{source_id}.{generation.name}{FLAC}"
        self.files.audio_path(meeting_id, source_id).replace(self.cache / name)

    def fetched(self, meeting_id: str, source_id: str) -> Path | None:
        """The FLAC of a source as a file of this server, to be opened at once; None where none is stored.

        Raises StoreError.
        """
        self.files.audio_path(meeting_id, source_id)  # raises NotFound for what is no id
        found = self.objects.list(chain.audio_folder(meeting_id, source_id))
        if not found:
            return None
        name = found[-1].name
        path = self.cache / name.removeprefix(f"{chain.AUDIO}/").replace("/", ".")
        with store_errors(path):
            make_folder(self.cache)
        if not path.is_file():
            self.prune(found[-1].size)
            part = path.with_name(f"{path.name}.{time.monotonic_ns()}")
            try:
                self.objects.get_file(name, part)
                with store_errors(path):
                    part.chmod(0o600)
                    part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        with store_errors(path):
            os.utime(path)
        return path

    def prune(self, needed: int = 0) -> None:
        """Delete fetched sound that nobody has asked for in a while, and more until `needed` bytes have room."""
        with suppress(OSError):
            there = sorted(((path.stat(), path) for path in self.cache.iterdir()), key=lambda one: one[0].st_mtime)
            left = sum(stat.st_size for stat, _ in there)
            for stat, path in there:
                if left + needed > self.cache_bytes or time.time() - stat.st_mtime > CACHED_SECONDS:
                    path.unlink(missing_ok=True)
                    left -= stat.st_size

    # The end

    def meetings(self) -> tuple[set[str], set[str]]:
        """Ids of the meetings that have objects of journals, and of those that have sound; raises StoreError."""
        return set(self.objects.folders(chain.JOURNALS)), set(self.objects.folders(chain.AUDIO))

    def stored(self, meeting_id: str) -> tuple[dict[str, StoredSource], dict[str, StoredSource]]:
        """What there is of a meeting's sources, by their ids: of journals, and of sound; raises StoreError."""
        return self._stored(chain.JOURNALS, meeting_id), self._stored(chain.AUDIO, meeting_id)

    def _stored(self, folder: str, meeting_id: str) -> dict[str, StoredSource]:
        found: dict[str, list[StoredObject]] = {}
        for one in self.objects.list(f"{folder}/{meeting_id}"):
            found.setdefault(one.name.split("/")[2], []).append(one)
        return {source_id: _stored_source(objects) for source_id, objects in found.items()}

    def set_aside(self, meeting_id: str, source_id: str) -> None:
        """A source's journal stays as long as its meeting does; raises StoreError."""
        self.objects.put(f"{chain.journal_folder(meeting_id, source_id)}/{chain.SET_ASIDE}", b"\n")

    def after_removal(self, meeting_id: str, then: Callable[[], Result]) -> Future[Result]:
        """Do something in a thread once nothing of a meeting is stored any more; StoreError where that is refused."""

        def work() -> Result:
            self.remove(meeting_id)
            return then()

        return self._removals.submit(work)

    def remove(self, meeting_id: str) -> None:
        """Remove all that is stored of a meeting; raises StoreError."""
        for folder in (chain.JOURNALS, chain.AUDIO):
            self.objects.remove([one.name for one in self.objects.list(f"{folder}/{meeting_id}")])
        with suppress(OSError):
            for path in self.cache.glob(f"{meeting_id}.*"):
                path.unlink(missing_ok=True)


def _stored_source(objects: Sequence[StoredObject]) -> StoredSource:
    names = tuple(one.name for one in objects)
    set_aside = any(name.endswith(f"/{chain.SET_ASIDE}") for name in names)
    return StoredSource(names, max(one.stored_at for one in objects), set_aside)
