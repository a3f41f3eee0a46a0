"""The objects of one journal that this server appends to."""

from __future__ import annotations

from dataclasses import dataclass

from meeting.storage.objects import chain
from meeting.storage.objects.chain import Generation, Part
from meeting.storage.objects.merging import Merger
from meeting.storage.objects.object_store import ObjectStore
from pipelines.errors import StoreError


@dataclass
class Counts:
    """What was asked of the store since the server started."""

    stored: int = 0
    """Objects of journals"""
    stored_bytes: int = 0
    refused: int = 0
    """Tries to store one that failed"""
    merged: int = 0
    """Objects that were put together of smaller ones"""

    def count_merged(self) -> None:
        """One more."""
        self.merged += 1


class JournalObjects:
    """The objects of one journal that this server appends to; for one thread."""

    def __init__(
        self,
        objects: ObjectStore,
        folder: str,
        generation: Generation,
        begun: bool,
        counts: Counts,
        merger: Merger,
    ) -> None:
        """`begun`: its head is stored."""
        self._objects = objects
        self._folder = folder
        self.generation = generation
        self._begun = begun
        self._counts = counts
        self._merger = merger
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
        self._merger.stored(self.generation, self._count, data)

    def acknowledged(self) -> None:
        """All that was appended is acknowledged: small objects may be put together, beside; waits for nothing."""
        self._merger.acknowledged()

    def remove(self) -> None:
        """Remove all of the journal; raises StoreError."""
        if not self._merger.close():
            raise StoreError("its objects are still being put together")
        self._objects.remove([one.name for one in self._objects.list(self._folder)])

    def close(self) -> None:
        """Let go of it; waits for a request that is under way, for a while."""
        self._merger.close()

    def _put(self, number: int, data: bytes) -> None:
        self._objects.put(f"{self._folder}/{Part(self.generation, number).name}", data)
