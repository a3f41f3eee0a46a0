"""The audio of all meetings in one object store, and what of it lies here: journals taken over, sound to play."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from meeting.core.errors import OwnershipLost
from meeting.storage.files.meeting_files import FLAC, MeetingFiles
from meeting.storage.files.private_files import make_folder, store_errors
from meeting.storage.objects import chain
from meeting.storage.objects.chain import Generation, Part, Stretch
from meeting.storage.objects.journal_copy import JournalCopy
from meeting.storage.objects.object_store import ObjectStore, StoredObject
from pipelines.errors import StoreError

CACHE = "sound"
"""Folder below the data folder for what was fetched to be heard"""
CACHED_SECONDS = 3600.0
"""For which sound that was fetched stays, counted from when it was last asked for: deleted meetings must go"""
LIVE_ENDINGS = (".journal", FLAC, ".part", ".copy")
"""Of files of a live meeting that are worth nothing once another server may have had it"""
_AT_ONCE = 64
"""Objects that are fetched together: bounds what of them is in memory"""


Result = TypeVar("Result")


@dataclass
class Counts:
    """What was asked of the store since the server started."""

    stored: int = 0
    """Objects of journals"""
    stored_bytes: int = 0
    refused: int = 0
    """Tries to store one that failed"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A journal in the store."""

    stretches: list[Stretch]
    next: Generation
    """In which it can be gone on with"""
    stored_at: float
    """When the last of its objects was stored, seconds since 1970"""


class JournalObjects:
    """The objects of one journal that this server appends to; for one thread."""

    def __init__(self, objects: ObjectStore, folder: str, generation: Generation, begun: bool, counts: Counts) -> None:
        """`begun`: its head is stored."""
        self._objects = objects
        self._folder = folder
        self.generation = generation
        self._begun = begun
        self._counts = counts
        self._count = 0

    def append(self, data: bytes) -> None:
        """Store what comes next, at once or not at all; raises StoreError."""
        try:
            if not self._begun:
                self._put(chain.HEAD, chain.encode_head(()))
                self._begun = True
            self._put(self._count + 1, data)
        except StoreError:
            self._counts.refused += 1
            raise
        self._count += 1
        self._counts.stored += 1
        self._counts.stored_bytes += len(data)

    def remove(self) -> None:
        """Remove all of the journal; raises StoreError."""
        self._objects.remove([one.name for one in self._objects.list(self._folder)])

    def _put(self, number: int, data: bytes) -> None:
        self._objects.put(f"{self._folder}/{Part(self.generation, number).name}", data)


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
    _removals: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "removals"))

    def check(self) -> None:
        """See that the store can be used, which also loads what it needs for that; raises StoreError."""
        self.objects.list(f"{chain.AUDIO}/nothing")

    @property
    def waiting(self) -> int:
        """Bytes of journals that are not in the store yet."""
        return sum(copy.waiting for copy in list(self.copies))

    # Journals

    def journal(self, meeting_id: str, source_id: str, fence: int) -> JournalObjects:
        """The objects for what this server appends from now on: of a new journal, or of one that it has taken over."""
        taken = self._taken.pop((meeting_id, source_id), None)
        folder = chain.journal_folder(meeting_id, source_id)
        return JournalObjects(self.objects, folder, taken or Generation(fence), taken is not None, self.counts)

    def take_over(self, meeting_id: str, fence: int) -> None:
        """Make the journals of a meeting on this server what they are in the store, and go on with them from there.

        What lay here of it goes: it is older, or was never acknowledged. Raises StoreError, and OwnershipLost where a
        server has the meeting that came after this one.
        """
        found = self._found(meeting_id, fence)
        for path in self.files.of(meeting_id):
            if path.suffix in LIVE_ENDINGS:
                with store_errors(path):
                    path.unlink(missing_ok=True)
        for source_id, journal in found.items():
            folder = chain.journal_folder(meeting_id, source_id)
            path = self.files.journal_path(meeting_id, source_id)
            self._fetch(path, [f"{folder}/{part.name}" for part in chain.parts_of(journal.stretches)])
            with store_errors(path):
                # When its last frame came is told by its time.
                os.utime(path, (journal.stored_at, journal.stored_at))
            head = f"{folder}/{Part(journal.next, chain.HEAD).name}"
            self.objects.put(head, chain.encode_head(journal.stretches))
            self._taken[meeting_id, source_id] = journal.next

    def _found(self, meeting_id: str, fence: int) -> dict[str, _Found]:
        """The journals of a meeting, by the ids of their sources."""
        prefix = f"{chain.JOURNALS}/{meeting_id}"
        sources: dict[str, dict[Part, StoredObject]] = {}
        for one in self.objects.list(prefix):
            source_id, _, rest = one.name[len(prefix) + 1 :].partition("/")
            part = chain.parse_part(rest)
            if part is not None:
                sources.setdefault(source_id, {})[part] = one
        found = {}
        for source_id, parts in sources.items():
            generation = chain.latest(parts)
            if generation is None:  # nothing of it was ever acknowledged
                continue
            if generation.fence > fence:
                raise OwnershipLost("another server has this meeting now")
            (head,) = self.objects.get([parts[Part(generation, chain.HEAD)].name])
            stretches = [*chain.parse_head(head), chain.appended(parts, generation)]
            last = max(parts[part].stored_at for part in [Part(generation, chain.HEAD), *_there(stretches, parts)])
            found[source_id] = _Found(stretches, chain.following(parts, fence), last.timestamp())
        return found

    def _fetch(self, path: Path, names: Sequence[str]) -> None:
        part = path.with_name(path.name + ".copy")
        with store_errors(part), open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for start in range(0, len(names), _AT_ONCE):
                for data in self.objects.get(names[start : start + _AT_ONCE]):
                    file.write(data)
        with store_errors(path):
            part.replace(path)

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


def _there(stretches: Iterable[Stretch], parts: dict[Part, StoredObject]) -> Iterator[Part]:
    """The objects of a journal; raises StoreError where one is gone."""
    for part in chain.parts_of(stretches):
        if part not in parts:
            raise StoreError("the object store has lost a part of a journal")
        yield part
