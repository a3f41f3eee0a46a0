"""Audio on disk: the frames of a source exactly as received, and the sound that was made of them."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from meeting.messages import AudioFrame, AudioInfo
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE, Samples

MAGIC = b"meeting-journal 1\n"
"""First line of a journal; the number is its version. The second line is the audio format as JSON."""

LOCK_TRIES, LOCK_PAUSE = 20, 0.05
"""How often a journal that another holds is tried, and the seconds between"""

_FAMILY = MAGIC.split()[0] + b" "
_HEAD_BYTES = 4096
_RECORD = struct.Struct("<IIQI")
"""Bytes of payload, seq, capture time, crc32 of seq, capture time and payload; little endian"""


class JournalLost(StoreError):
    """There is no journal to recover from, and trying again will not bring it back."""


class Journal:
    """An append-only file of a source's frames; a frame that was appended survives the end of this process.

    An existing journal is continued behind its last whole frame. It is locked until it is closed, so that no other
    process takes a running meeting for one that was cut off. Raises StoreError where the disk refuses, or where `path`
    is locked, holds something else or another audio format.
    """

    def __init__(self, path: Path, audio: AudioInfo, *, fsync: bool = False) -> None:
        self.path = path
        self.audio = audio
        self.next_seq = 0
        """Number of the frame that comes next"""
        self._fsync = fsync
        with _sentences(path):
            # Unbuffered: what is written is the system's, whatever happens to this process.
            self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        try:
            with _sentences(path):
                self._lock()
                self._end = self._continue()
                if fsync:
                    _sync_folder(path)
        except StoreError:
            self._file.close()
            raise

    def append(self, frame: AudioFrame) -> None:
        """Write one frame; with `fsync` it survives a power cut too. Raises StoreError, and then keeps none of it."""
        if self._file.closed:
            raise StoreError(f"{self.path} is closed")
        crc = _crc(frame.seq, frame.capture_us, frame.payload)
        record = _RECORD.pack(len(frame.payload), frame.seq, frame.capture_us, crc) + frame.payload
        with _sentences(self.path):
            self._put(record)
        self.next_seq = frame.seq + 1

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""
        with _sentences(self.path):
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        # Whoever only looks (`in_use`) holds it for a moment, too.
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if not left:
                    raise StoreError(f"{self.path} is being written by another process") from error
                time.sleep(LOCK_PAUSE)

    def _continue(self) -> int:
        with open(self.path, "rb") as file:
            audio = _read_head(file, self.path)
            if audio is None:
                self._file.truncate(0)
                self._end = 0
                self._put(MAGIC + json.dumps(asdict(self.audio)).encode() + b"\n")
                return self._end
            if audio != self.audio:
                raise StoreError(f"{self.path} holds another audio format: {audio.encoding} at {audio.sample_rate} Hz")
            end = file.tell()
            for frame in _frames(file):
                end, self.next_seq = file.tell(), frame.seq + 1
        self._file.truncate(end)
        self._file.seek(end)
        return end

    def _put(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            if self._fsync:
                os.fsync(self._file.fileno())
        except OSError:
            # A part of a record in the middle would hide all that is appended after it.
            with suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise
        self._end += len(data)


def read(path: Path) -> Iterator[AudioFrame]:
    """The frames of a journal in the order received, up to the last whole one; raises StoreError if it is none."""
    with _sentences(path), open(path, "rb") as file:
        if _read_head(file, path) is not None:
            yield from _frames(file)


def follow(path: Path) -> Iterator[AudioFrame | None]:
    """The frames of a journal that this thread still appends to; None, for ever, where there is no further one yet."""
    with _sentences(path), open(path, "rb") as file:
        _read_head(file, path)
        while True:
            whole = file.tell()
            for frame in _frames(file):
                whole = file.tell()
                yield frame
            file.seek(whole)
            yield None


def read_audio(path: Path) -> AudioInfo:
    """The audio format of a journal's frames; raises StoreError if it is none, or was cut before it said so."""
    with _sentences(path), open(path, "rb") as file:
        audio = _read_head(file, path)
    if audio is None:
        raise StoreError(f"{path} was cut off before its first frame")
    return audio


def recorded(path: Path) -> AudioInfo:
    """The audio format of the journal of an earlier process; raises StoreError, JournalLost where it is gone."""
    try:
        return read_audio(path)
    except StoreError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise JournalLost("what was received before is no longer there; what was written down is kept") from error


def in_use(path: Path) -> bool:
    """Whether a process is writing this journal; false where there is none. Raises StoreError."""
    with _sentences(path):
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


class FlacWriter:
    """Writes mono audio at 16 kHz to a 16-bit FLAC file as it comes; replaces a file that is there."""

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path = path
        self.samples = 0
        """Samples written so far"""
        self._library: Any = soundfile
        self._errors: tuple[type[Exception], ...] = (OSError, soundfile.SoundFileError, AssertionError)
        with _sentences(path, self._errors):
            # Made here, not by the library, so that nobody else can read it from the first byte on.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file: Any = soundfile.SoundFile(
                descriptor, "w", SAMPLE_RATE, channels=1, format="FLAC", subtype="PCM_16", closefd=True
            )

    def write(self, samples: Samples) -> None:
        """Add samples, shape (samples,), values beyond [-1, 1] clipped; raises StoreError where the disk refuses."""
        if self._file.closed:
            raise StoreError(f"{self.path} is closed")
        scaled = np.rint(np.clip(np.nan_to_num(samples), -1, 1) * 32768)
        whole = np.minimum(scaled, 32767).astype(np.int16)
        with _sentences(self.path, self._errors):
            self._file.write(whole)
        self.samples += len(whole)

    def close(self) -> None:
        """Finish the file; calling it again does nothing. Raises StoreError where the disk refuses."""
        if self._file.closed:
            return
        if not self.samples:
            self.write(np.zeros(1, np.float32))  # a FLAC without any sample is no file that players open
        with _sentences(self.path, self._errors):
            self._file.close()
            # The library keeps silent when the last block does not fit on the disk, but its header shows it.
            with self._library.SoundFile(self.path) as written:
                whole = written.frames == self.samples
        if not whole:
            raise StoreError(f"{self.path} cannot be used: the disk does not take what is written")

    def __enter__(self) -> FlacWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_head(file: BinaryIO, path: Path) -> AudioInfo | None:
    """The audio format, with `file` left at the first record; None where the file ends within its head."""
    start = file.read(_HEAD_BYTES)
    if not start.startswith(MAGIC):
        if MAGIC.startswith(start):
            return None
        if start.startswith(_FAMILY):
            raise StoreError(f"{path} was written by a later version of this program: update it to read this journal")
        raise StoreError(f"{path} is not a journal of received audio")
    end = start.find(b"\n", len(MAGIC))
    if end < 0 and len(start) < _HEAD_BYTES:
        return None
    try:
        audio = AudioInfo(**json.loads(start[len(MAGIC) : end]))
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} is damaged: it does not say which audio it holds") from error
    file.seek(end + 1)
    return audio


def _frames(file: BinaryIO) -> Iterator[AudioFrame]:
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(_RECORD.size)) == _RECORD.size:
        length, seq, capture_us, crc = _RECORD.unpack(head)
        if length > size - file.tell():  # before reading: a damaged length may ask for gigabytes
            return
        payload = file.read(length)
        if _crc(seq, capture_us, payload) != crc:
            return
        yield AudioFrame(seq, capture_us, payload)


def _sync_folder(path: Path) -> None:
    """Make a new file's name as durable as what will be in it."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _crc(seq: int, capture_us: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<IQ", seq, capture_us)))


@contextmanager
def _sentences(path: Path, kinds: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "the disk does not take what is written"
        raise StoreError(f"{path} cannot be used: {reason}") from error
