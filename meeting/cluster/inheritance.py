"""What a server leaves that may only be stopped, and wake up: files that it has open are put out of its reach."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from meeting.cluster.ownership import Claim
from meeting.storage.files.journal import JOURNAL
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.files.private_files import store_errors, sync_folder
from meeting.storage.files.recovery_attempts import NOTE, RecoveryQueue
from meeting.storage.orphans import claim_journals
from meeting.storage.store import Store

COPY = ".copy"
"""What the name of a journal ends with until it takes the place of the one that another server may have open"""
PART = ".part"
"""What the name of a FLAC ends with that a server was writing anew"""


def take_files(files: MeetingFiles, meeting_id: str) -> Sequence[Path]:
    """Put a meeting's journals out of reach of the server that had it, once it is no longer that server's; slow.

    Each becomes a copy of itself: what the other still writes goes to a file without a name, and its lock on that is no
    lock on this one. What it acknowledged while it had the meeting had been written before, and is in the copy. Gives
    the journals; raises StoreError.
    """
    found = files.of(meeting_id)
    journals = [path for path in found if path.suffix == JOURNAL]
    for path in found:
        with store_errors(path):
            if path.suffix in (COPY, PART):
                path.unlink(missing_ok=True)
    for path in journals:
        with store_errors(path):
            _copy(path)
    if journals:
        with store_errors(files.folder):
            sync_folder(files.folder)
    return journals


def _copy(path: Path) -> None:
    copy = path.with_name(path.name + COPY)
    with path.open("rb") as old, open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())
    times = path.stat()
    # When its last frame came is told by its time.
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    copy.replace(path)


def inherit(store: Store, recovery_queue: RecoveryQueue, claim: Claim) -> None:
    """Make what a server left of a meeting this one's, so that it can be gone on with; slow. Raises StoreError."""
    if store.objects is not None:
        # Its journals are taken from the store where it is gone on with. What was noted lies here: each server counts
        # for itself over which it died.
        notes = [path for path in store.files.of(claim.subject) if path.suffix == NOTE]
        recovery_queue.inherit([path.with_suffix(JOURNAL) for path in notes])
        return
    journals = take_files(store.files, claim.subject)
    beside = [path for other in claim.beside for path in store.files.of(other) if path.suffix == JOURNAL]
    recovery_queue.inherit(journals, beside)
    claim_journals(claim.store, journals)
