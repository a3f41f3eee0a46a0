"""A migrated SQLite file to copy: migrating one for each test takes longer than most tests do."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from meeting.storage.databases.sqlite import SqliteDatabase

_migrate = SqliteDatabase.prepare
_making = threading.Lock()
_made: list[bytes] = []


def migrated_bytes() -> bytes:
    """A database file as the program makes it where there is none; made once in a process."""
    with _making:
        if not _made:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "db"
                _migrate(SqliteDatabase(path))
                _made.append(path.read_bytes())
        return _made[0]


@contextmanager
def new_files_are_copies() -> Iterator[None]:
    """While this lasts, this process copies the migrated file where a database is not there yet.

    A file that is there, and one that cannot be written, are left to the program.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteDatabase, "prepare", _copy_or_migrate)
        yield


@contextmanager
def new_files_are_migrated() -> Iterator[None]:
    """While this lasts, this process migrates each file, as the program does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteDatabase, "prepare", _migrate)
        yield


def _copy_or_migrate(database: SqliteDatabase) -> None:
    if not _copied(database.path):
        _migrate(database)


def _copied(path: Path) -> bool:
    """Whether the file was not there and now is, whole from the first moment on, for its owner only."""
    if path.exists():
        return False
    try:
        file, name = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return False
    try:
        with open(file, "wb") as copy:
            copy.write(migrated_bytes())
        os.link(name, path)  # fails where another thread or process came first
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.unlink(name)
    return True
