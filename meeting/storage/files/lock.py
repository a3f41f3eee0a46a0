"""One server for a data folder, or one for each address of several: locks that are held as long as it runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.errors import StoreError

LOCK = "serve.lock"
"""File in the data folder that the one server holds, or all of several share"""


def own_name(name: str, address: str | None) -> str:
    """What a file of one of several servers is called, in the folder that all share.

    >>> own_name("serve.lock", None), own_name("serve.lock", "https://example.org/servers/a")
    ('serve.lock', 'serve-73b681ae7726.lock')
    """
    if address is None:
        return name
    stem, dot, ending = name.partition(".")
    return f"{stem}-{hashlib.sha256(address.encode()).hexdigest()[:12]}{dot}{ending}"


@contextmanager
def only_server(data_dir: Path, address: str | None = None) -> Iterator[None]:
    """Keeps a second server away from a data folder, made where missing, while this one runs; raises StoreError.

    With an address only one away that has the same, or that has none.
    """
    with ExitStack() as locks:
        locks.enter_context(_locked(data_dir, LOCK, fcntl.LOCK_EX if address is None else fcntl.LOCK_SH))
        if address is not None:
            locks.enter_context(_locked(data_dir, own_name(LOCK, address), fcntl.LOCK_EX))
        yield


@contextmanager
def _locked(data_dir: Path, name: str, kind: int) -> Iterator[None]:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{error.filename or data_dir / name} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StoreError(
            f"another server uses {data_dir}: stop it, or choose another folder with --data-dir"
        ) from error
    try:
        yield
    finally:
        os.close(file)
