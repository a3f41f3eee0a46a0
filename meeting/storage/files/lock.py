"""One server for a data folder: a lock that is held as long as it runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import StoreError

LOCK = "serve.lock"
"""File in the data folder that the one server holds"""


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Keeps a second server away from a data folder, made where missing, while this one runs; raises StoreError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{error.filename or data_dir / LOCK} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StoreError(
            f"another server uses {data_dir}: stop it, or choose another folder with --data-dir"
        ) from error
    try:
        yield
    finally:
        os.close(file)
