"""What is asked of an object store: whole objects by name, which appear at once and are listed once they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a list shows it."""

    name: str
    """Parts with slashes between, below the prefix of the settings"""
    size: int
    """Bytes"""
    stored_at: datetime
    """UTC"""


class ObjectStore(Protocol):
    """Objects by name.

    Each method waits for the store, may be called from any thread, and raises ObjectStoreError.
    """

    def put(self, name: str, data: bytes) -> None:
        """Store an object, in the place of one with that name; once this returns every list shows it."""

    def put_file(self, name: str, path: Path) -> None:
        """The same with what a file holds."""

    def get(self, names: Sequence[str]) -> list[bytes]:
        """What these objects hold, in this order."""

    def get_file(self, name: str, path: Path) -> None:
        """Write what an object holds to a file, piece by piece."""

    def list(self, folder: str) -> list[StoredObject]:
        """All objects whose names begin with this and a slash, by name."""

    def folders(self, folder: str) -> Sequence[str]:
        """The names of the folders in this one that hold objects, in whatever depth; in order."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are gone already do no harm."""
