"""The bytes of a journal: how frames and marks lie in it, and how they are found again behind what is damaged.

A file begins with two lines: `MAGIC`, and the format of the audio as JSON with a checksum. Records follow: a header of
20 bytes and a payload. Version 1 had no marks and no checksum over its second line or a record's length; it is read
as well.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

import numpy as np

from meeting.core.messages import AudioFrame, AudioInfo
from pipelines.errors import StoreError

MAGIC_PREFIX = b"meeting-journal "
MAGIC = MAGIC_PREFIX + b"2\n"
"""First line of a journal; the number is its version"""
OLDER_MAGICS = (MAGIC_PREFIX + b"1\n",)
"""First lines of journals of earlier versions"""

HEADER_BYTES = 4096
"""Bytes at the start within which both lines end"""
PAYLOAD_BYTES = 1 << 27
"""Bytes that no payload has: more are a damaged length"""

_RECORD = struct.Struct("<IIQI")
"""Header of a record: bytes of payload (or `_MARK` and a kind), seq, capture time (or a mark's value), crc32"""
_MARK = 1 << 31
"""Bit of a record's length that says that it is a mark"""
_WINDOW_BYTES = 1 << 20
"""Bytes that are searched at once"""
_CHECKED_BYTES = 1 << 28
"""Bytes of payload whose checksums are tried in one search: what looks like records may have been made to"""


class JournalDamaged(StoreError):
    """The first lines do not say which audio a journal holds."""


class JournalTooNew(StoreError):
    """A later version of this program wrote a journal."""


class NotAJournal(StoreError):
    """A file is no journal."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a journal says between its frames."""

    kind: int
    seq: int
    """Number of the frame that comes next"""
    value: int


PROCESSED = 1
"""Kind of a mark: a process goes on with the journal, of which `value` samples at 16 kHz are known to be processed"""
STOPPED = 2
"""Kind of a mark: no frame will come"""
MUTED = 3
"""Kind of a mark: where `value` is 1, silence stands for what follows, and where it is 0 no longer"""


@dataclass(frozen=True, slots=True)
class LostFrames:
    """Frames that were here and are not any more."""

    count: int
    payload_bytes: int
    """0 where that is not known"""


Entry = AudioFrame | Mark | LostFrames


@dataclass(frozen=True, slots=True)
class Header:
    """What the first two lines say."""

    audio: AudioInfo
    size: int
    """Bytes of them: where the records begin"""
    verified: bool
    """Whether they have a checksum, and it fits"""


def encode_header(audio: AudioInfo) -> bytes:
    """The first two lines of a new journal."""
    said = json.dumps(asdict(audio)).encode()
    return MAGIC + said + b" %08x\n" % zlib.crc32(MAGIC + said)


def parse_header(start: bytes) -> Header | None:
    """What a journal's first bytes say; None where they end before its second line does.

    Raises NotAJournal, JournalTooNew or JournalDamaged.
    """
    line, newline, rest = start.partition(b"\n")
    if not newline:
        if any(magic.startswith(start) for magic in (MAGIC, *OLDER_MAGICS)):
            return None
        raise NotAJournal
    if not line.startswith(MAGIC_PREFIX):
        raise NotAJournal
    if line + b"\n" not in (MAGIC, *OLDER_MAGICS):
        raise JournalTooNew if line.removeprefix(MAGIC_PREFIX).isdigit() else JournalDamaged
    said, newline, _ = rest.partition(b"\n")
    if not newline:
        if len(start) < HEADER_BYTES:
            return None
        raise JournalDamaged
    end = len(line) + len(said) + 2
    text, _, crc = said.rpartition(b" ")
    verified = text.endswith(b"}")
    if verified:
        if crc != b"%08x" % zlib.crc32(MAGIC + text):
            raise JournalDamaged
        said = text
    try:
        return Header(AudioInfo(**json.loads(said)), end, verified)
    except (ValueError, TypeError) as error:
        raise JournalDamaged from error


def encode_frame(frame: AudioFrame) -> bytes:
    """The record of a frame."""
    length = len(frame.payload)
    crc = _crc(length, frame.seq, frame.capture_us, frame.payload)
    return _RECORD.pack(length, frame.seq, frame.capture_us, crc) + frame.payload


def encode_mark(mark: Mark) -> bytes:
    """The record of a mark."""
    length = _MARK | mark.kind
    return _RECORD.pack(length, mark.seq, mark.value, _crc(length, mark.seq, mark.value, b""))


def find_records(file: BinaryIO, audio: AudioInfo) -> RecordReader | None:
    """The records of a journal of known audio whose first lines are damaged; None where there is none."""
    said = len(json.dumps(asdict(audio)))
    # The lines are as long as they were written, in this version or in the one before.
    for start in (len(MAGIC) + said + len(" 00000000\n"), len(MAGIC) + said + 1):
        if RecordReader(file, start).next() is not None:
            return RecordReader(file, start)
    return None


class RecordReader:
    """Takes the records of a file one after the other, also while it grows; what is damaged is stepped over.

    A record counts when its checksum fits; behind damage also its number must be one that can follow. Between two
    such records nothing is made up: what is missing there is `LostFrames` if frames are, and nothing where only a
    record was never finished.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self.end = start
        """Where the last whole record ends"""
        self.next_seq = 0
        """Number of the frame that comes next"""
        self._searched = start
        """Before this place no record begins that was not read"""
        self._pending: Entry | None = None

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self.next()) is not None:
            yield entry

    def next(self) -> Entry | None:
        """The next entry; None where there is none yet."""
        if self._pending is not None:
            entry, self._pending = self._pending, None
            return entry
        size = os.fstat(self._file.fileno()).st_size
        found = self._read_at(self.end, size)
        if found is not None:
            return self._accept(found, self.end, in_place=True)
        if size - self.end <= _RECORD.size:
            return None
        # What was searched already is not searched again each time the file has grown; a record may begin in its end.
        at = self._search(max(self.end + 1, self._searched - _RECORD.size), size)
        if at is None:
            self._searched = size
            return None
        found = self._read_at(at, size)
        assert found is not None
        return self._accept(found, at, in_place=False)

    def unreadable_bytes(self) -> int:
        """Bytes behind the last whole record; 0 where they can be one that was never finished."""
        size = os.fstat(self._file.fileno()).st_size
        left = size - self.end
        if left < _RECORD.size:
            return 0
        self._file.seek(self.end)
        length, seq, value, crc = _RECORD.unpack(self._file.read(_RECORD.size))
        arrived = left - _RECORD.size
        if seq != self.next_seq or not arrived < length < PAYLOAD_BYTES:
            return left
        # Its checksum fits what is there, so that its length is what is wrong: it was finished, and then damaged.
        payload = self._file.read(arrived)
        whole = crc in (_crc(arrived, seq, value, payload), _crc_version_1(seq, value, payload))
        return left if whole else 0

    def _accept(self, found: AudioFrame | Mark, at: int, in_place: bool) -> Entry:
        missing = found.seq - self.next_seq
        between = 0 if in_place else at - self.end
        self.end = at + _RECORD.size + (len(found.payload) if isinstance(found, AudioFrame) else 0)
        self.next_seq = found.seq + isinstance(found, AudioFrame)
        if missing <= 0:
            return found
        self._pending = found
        return LostFrames(missing, max(0, between - _RECORD.size * missing))

    def _read_at(self, at: int, size: int) -> AudioFrame | Mark | None:
        self._file.seek(at)
        start = self._file.read(_RECORD.size)
        if len(start) < _RECORD.size:
            return None
        length, seq, value, crc = _RECORD.unpack(start)
        if length & _MARK:
            fits = crc == _crc(length, seq, value, b"")
            return Mark(length ^ _MARK, seq, value) if fits else None
        left = size - at - _RECORD.size
        if length > min(left, PAYLOAD_BYTES):  # before reading: a damaged length may ask for gigabytes
            return None
        payload = self._file.read(length)
        if crc not in (_crc(length, seq, value, payload), _crc_version_1(seq, value, payload)):
            return None
        return AudioFrame(seq, value, payload)

    def _search(self, start: int, size: int) -> int | None:
        """Where the next whole record begins that can be one."""
        budget = _CHECKED_BYTES
        for base in range(start, size - _RECORD.size + 1, _WINDOW_BYTES):
            self._file.seek(base)
            window = self._file.read(min(_WINDOW_BYTES + _RECORD.size - 1, size - base))
            for offset in _candidates(window, base, size, self.next_seq, self.end):
                at = base + offset
                (length,) = struct.unpack_from("<I", window, offset)
                budget -= 0 if length & _MARK else length
                if budget > 0 and self._read_at(at, size) is not None:
                    return at
        return None


def _candidates(window: bytes, base: int, size: int, next_seq: int, end: int) -> list[int]:
    """Offsets in a window at which a record may begin: its number can follow and its payload fits into the file."""
    found: list[int] = []
    for shift in range(4):  # a record may begin at any byte, and numpy looks at whole words
        count = (len(window) - shift) // 4
        words = np.frombuffer(window, "<u4", count, shift).astype(np.int64)
        places = np.arange(max(0, count - 4), dtype=np.int64)
        offsets = places * 4 + shift
        lengths, seqs = words[places], words[places + 1]
        room = size - base - offsets - _RECORD.size
        # Zeros are what is left of a file that was made longer just before the power went.
        some = (lengths > 0) | (words[places + 4] > 0)
        fits = some & (lengths <= np.minimum(room, PAYLOAD_BYTES)) | (lengths & _MARK > 0) & (lengths < _MARK + 256)
        # Each frame that is missing took up a header at least.
        follows = (seqs >= next_seq) & (seqs <= next_seq + (base + offsets - end) // _RECORD.size + 1)
        found += (offsets[fits & follows & (room >= 0)]).tolist()
    return sorted(found)


def _crc(length: int, seq: int, value: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<IIQ", length, seq, value)))


def _crc_version_1(seq: int, value: int, payload: bytes) -> int:
    """Of a frame of version 1: the length does not count."""
    return zlib.crc32(payload, zlib.crc32(struct.pack("<IQ", seq, value)))
