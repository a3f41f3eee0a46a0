"""Files and folders that only their owner may read, and how they are made to outlast a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from pipelines.errors import StoreError


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for their owner only; those that are there stay as they are."""
    for missing in reversed([folder, *folder.parents]):
        missing.mkdir(mode=0o700, exist_ok=True)


def create(path: Path) -> TextIO:
    """A file for writing text, for its owner only from the first byte on; one that is there is replaced."""
    private = partial(os.open, mode=0o600)
    return open(path, "w", encoding="utf-8", errors="replace", newline="\n", opener=private)


def sync_folder(folder: Path) -> None:
    """Make it last through a power cut which files a folder has; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def store_errors(path: Path, kinds: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """Turns what the system throws, or one of `kinds`, into a StoreError with a sentence about `path`."""
    try:
        yield
    except kinds as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "the disk does not take what is written"
        raise StoreError(f"{path} cannot be used: {reason}") from error
