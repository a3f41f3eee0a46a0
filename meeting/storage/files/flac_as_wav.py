"""A source's FLAC as a WAV file, in which every second has its place, for who seeks in it while it grows."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from meeting.storage.files.flac_length import flac_samples
from meeting.storage.files.private_files import store_errors
from pipelines.types import SAMPLE_RATE

HEADER_BYTES = 44
"""Before the first sample"""
SAMPLE_BYTES = 2
_BLOCK = 1 << 15
"""Samples that are decoded at once"""
_LARGEST = 0xFFFF_FFFF
"""Of the numbers in a WAV file"""
_BLOCK_AT = slice(10, 12)
"""Where the header of a FLAC says how many samples a block has"""
_LENGTH_AT, _LENGTH_BITS = slice(18, 26), 36
"""Where it says how many there are in all, behind other things; 0 until it is finished"""


class FlacAsWav:
    """16 kHz, mono, 16 bits; made as it is read. A FLAC that is still being written is as long as it is now."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError."""
        self._path = path
        self._samples = _readable_samples(path)
        self.size = HEADER_BYTES + SAMPLE_BYTES * self._samples
        """Bytes of the WAV file"""

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, in pieces, decoded as they are taken; raises StoreError at once."""
        import soundfile

        with store_errors(self._path, (OSError, soundfile.SoundFileError)):
            pieces = self._pieces(start, end)
            return chain([next(pieces)], pieces)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        import soundfile

        if not self._samples:
            yield wav_header(0)[start:end]
            return
        first = max(0, start - HEADER_BYTES) // SAMPLE_BYTES
        with _WithLength(self._path, self._samples) as file, soundfile.SoundFile(file) as sound:
            sound.seek(first)
            if start < HEADER_BYTES:
                yield wav_header(self._samples)[start:end]
            at = HEADER_BYTES + first * SAMPLE_BYTES
            while at < end:
                count = min(_BLOCK, (end - at + 1) // SAMPLE_BYTES)
                # What has been promised is sent, whatever the file holds by now.
                piece = sound.read(count, dtype="int16", fill_value=0).astype("<i2").tobytes()
                yield piece[max(0, start - at) : end - at]
                at += len(piece)


def _readable_samples(path: Path) -> int:
    """As many as there are; of a FLAC that is being written without its last block, which may be half on the disk."""
    samples = flac_samples(path)
    with store_errors(path), path.open("rb") as file:
        header = file.read(_LENGTH_AT.stop)
    finished = int.from_bytes(header[_LENGTH_AT], "big") % (1 << _LENGTH_BITS)
    block = int.from_bytes(header[_BLOCK_AT], "big")
    return samples if finished or not block else max(0, samples - 1) // block * block


def wav_header(samples: int) -> bytes:
    """What stands before that many samples."""
    size = samples * SAMPLE_BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, SAMPLE_RATE * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    whole, data = min(_LARGEST, HEADER_BYTES - 8 + size), min(_LARGEST, size)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", data)


class _WithLength(io.FileIO):
    """A FLAC whose header says how long it is: one that is being written cannot, and then no place is found in it."""

    def __init__(self, path: Path, samples: int) -> None:
        super().__init__(path)
        header = bytearray(super().read(_LENGTH_AT.stop))
        self.seek(0)
        other = int.from_bytes(header[_LENGTH_AT], "big") >> _LENGTH_BITS
        header[_LENGTH_AT] = (other << _LENGTH_BITS | samples).to_bytes(8, "big")
        self._header = bytes(header)

    def readinto(self, buffer: Any) -> int:
        """As of any file."""
        at = self.tell()
        count = super().readinto(buffer)
        known = self._header[at : at + count]
        memoryview(buffer)[: len(known)] = known
        return count
