"""Audio on disk as it came: the frames of a source, exactly as received."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files.journal_format import (
    HEADER_BYTES,
    MAGIC,
    OLDER_MAGICS,
    STOPPED,
    Entry,
    JournalDamaged,
    JournalTooNew,
    Mark,
    NotAJournal,
    RecordReader,
    encode_frame,
    encode_header,
    encode_mark,
    find_records,
    parse_header,
)
from meeting.storage.files.private_files import store_errors, sync_folder
from pipelines.errors import StoreError

JOURNAL = ".journal"
"""Ending of a journal's name"""
LOCK_TRIES, LOCK_PAUSE = 20, 0.05
"""How often a journal that another holds is tried, and the seconds between"""


class JournalLost(StoreError):
    """There is no journal to recover from, and trying again will not bring it back."""


class Journal:
    """An append-only file of a source's frames; a frame that was appended survives the end of this process.

    An existing journal is continued at its end; all that is cut off is a last record that was never finished. It is
    locked until it is closed, so that no other process takes a running meeting for one that was cut off. With `known`
    the format is stored elsewhere, too, and what a damaged journal says of it does not count. Raises StoreError where
    the disk refuses, or where `path` is locked, holds something else or another audio format.
    """

    def __init__(self, path: Path, audio: AudioInfo, *, fsync: bool = False, known: bool = False) -> None:
        self.path = path
        self.audio = audio
        self.next_seq = 0
        """Number of the frame that comes next"""
        self.end = 0
        """Bytes that it has: all of them whole records"""
        self.unreadable = 0
        """Bytes at its end that were more than a record that was never finished"""
        self.stopped = False
        """Whether it says that no frame will come"""
        self._fsync = fsync
        with store_errors(path):
            # Unbuffered: what is written is the system's, whatever happens to this process.
            self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        try:
            with store_errors(path):
                # First the lock: another process may be writing what would be cut off as never finished.
                self._lock()
                self.end = self._open_at_end(known)
                if fsync:
                    # The frames may be on the disk and the name of their file not: after a power cut it would be gone.
                    sync_folder(path.parent)
        except StoreError:
            self._file.close()
            raise

    def append(self, frame: AudioFrame) -> None:
        """Write one frame; with `fsync` it survives a power cut too. Raises StoreError, and then keeps none of it."""
        self._write(encode_frame(frame))
        self.next_seq = frame.seq + 1

    def mark(self, kind: int, value: int = 0) -> None:
        """Write a mark; raises StoreError, and then keeps none of it."""
        self._write(encode_mark(Mark(kind, self.next_seq, value)))

    def _write(self, record: bytes) -> None:
        if self._file.closed:
            raise StoreError(f"{self.path} is closed")
        with store_errors(self.path):
            self._write_all(record)

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""
        with store_errors(self.path):
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        # Tried more than once: whoever only looks (`in_use`) holds it for a moment, too.
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if not left:
                    raise StoreError(f"{self.path} is being written by another process") from error
                time.sleep(LOCK_PAUSE)

    def _open_at_end(self, known: bool) -> int:
        """Read all of it, and where it goes on; `known` as above."""
        with open(self.path, "rb") as file:
            opened = _open_records(file, self.path, self.audio if known else None)
            if opened is None:
                self._file.truncate(0)
                self._write_all(encode_header(self.audio))
                return self.end
            audio, reader = opened
            if audio != self.audio and not known:
                raise StoreError(f"{self.path} holds another audio format: {audio.encoding} at {audio.sample_rate} Hz")
            self.audio = audio
            for entry in reader:
                self.stopped = self.stopped or (isinstance(entry, Mark) and entry.kind == STOPPED)
            self.unreadable = reader.unreadable_bytes()
        # One frame at least is lost there, and was acknowledged: its number is not asked for again.
        self.next_seq = reader.next_seq + (self.unreadable > 0)
        if not self.unreadable:
            # A record that was never finished: what comes behind it could be taken for its rest.
            self._file.truncate(reader.end)
        _mark_version(self._file)
        return self._file.seek(0, os.SEEK_END)

    def _write_all(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            if self._fsync:
                os.fsync(self._file.fileno())
        except OSError:
            # A part of a record in the middle would hide all that is appended after it.
            with suppress(OSError):
                self._file.truncate(self.end)
                self._file.seek(self.end)
            raise
        self.end += len(data)


def entries(path: Path, known: AudioInfo | None = None) -> Iterator[Entry]:
    """All that a journal says, in the order received; raises StoreError if it is none.

    What is damaged is stepped over. `known` is the audio format where it is stored elsewhere, too.
    """
    with store_errors(path), open(path, "rb") as file:
        opened = _open_records(file, path, known)
        if opened is not None:
            yield from opened[1]


def read(path: Path, known: AudioInfo | None = None) -> Iterator[AudioFrame]:
    """The frames of a journal that can be read, as `entries` gives them."""
    return (entry for entry in entries(path, known) if isinstance(entry, AudioFrame))


def follow(path: Path, known: AudioInfo | None = None) -> Iterator[Entry | None]:
    """As `entries`, of a journal that this thread still appends to; None, for ever, where there is no further yet."""
    with store_errors(path), open(path, "rb") as file:
        opened = _open_records(file, path, known)
        while opened is not None:
            yield opened[1].next()


def read_audio(path: Path) -> AudioInfo:
    """The audio format of a journal's frames; raises StoreError if it is none, or was cut before it said so."""
    with store_errors(path), open(path, "rb") as file:
        opened = _open_records(file, path, None)
    if opened is None:
        raise StoreError(f"{path} was cut off before its first frame")
    return opened[0]


def in_use(path: Path) -> bool:
    """Whether a process is writing this journal; false where there is none. Raises StoreError."""
    with store_errors(path):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


def _open_records(file: BinaryIO, path: Path, known: AudioInfo | None) -> tuple[AudioInfo, RecordReader] | None:
    """The audio format and the records; None where the file ends before the first. Raises StoreError, JournalLost."""
    start = file.read(HEADER_BYTES)
    problem = None
    try:
        found = parse_header(start)
        if found is None and not (known and find_records(file, known)):
            return None
    except NotAJournal:
        found, problem = None, StoreError(f"{path} is not a journal of received audio")
    except JournalTooNew:
        found = None
        problem = StoreError(f"{path} was written by a later version of this program: update it to read this journal")
    except JournalDamaged:
        found, problem = None, StoreError(f"{path} is damaged: it does not say which audio it holds")
    if known is not None and (found is None or (found.audio != known and not found.verified)):
        reader = find_records(file, known)
        if reader is not None:
            return known, reader
        if problem is not None:
            raise JournalLost(
                "nothing can be read of what was received before; what was written down is kept"
            ) from problem
    if found is None:
        assert problem is not None
        raise problem
    return found.audio, RecordReader(file, found.size)


def _mark_version(file: BinaryIO) -> None:
    """Give a journal of an earlier version the number of this one: it may hold marks from now on."""
    if os.pread(file.fileno(), len(MAGIC), 0) in OLDER_MAGICS:
        os.pwrite(file.fileno(), MAGIC, 0)
