"""The fault that ends a server, written down for the next start: what crashes in C leaves nothing else."""

from __future__ import annotations

import faulthandler
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meeting.storage.files.lock import own_name
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

CRASH = "crash.log"
"""File in the data folder for the fault that ends the server"""


@contextmanager
def crash_record(data_dir: Path, address: str | None = None) -> Iterator[bool]:
    """Have the fault written down that ends this process; whether the one before had one. Raises StoreError.

    `address` is that of this server, where several share the folder.
    """
    path = data_dir / own_name(CRASH, address)
    try:
        said = path.read_text(errors="replace") if path.exists() else ""
        file = path.open("w")
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}") from error
    if said:
        log.error("the process before this one crashed:\n%s", said[:4000])
    with file:
        faulthandler.enable(file)
        try:
            yield bool(said)
        finally:
            faulthandler.disable()
    path.unlink(missing_ok=True)
