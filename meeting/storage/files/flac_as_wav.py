"""A source's FLAC as a WAV file, in which every second has its place, for who seeks in it while it grows."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meeting.storage.files.flac_length import flac_samples
from meeting.storage.files.private_files import store_errors
from pipelines.types import SAMPLE_RATE, Span

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
        self._flac = FlacSound(path)
        self.size = wav_size(self._flac.samples)
        """Bytes of the WAV file"""

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, in pieces, decoded as they are taken; raises StoreError at once."""
        pieces = self._pieces(start, end)
        return chain([next(pieces)], pieces)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        with self._flac.open() as sound:
            yield from wav_pieces(self._flac.samples, start, end, lambda span: sound.read(span.start, span.end))


class FlacSound:
    """The samples of a source's FLAC, from any of them on."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError."""
        self._path = path
        self.samples = _readable_samples(path)
        """As many as could be read when this was made"""

    @contextmanager
    def open(self) -> Iterator[OpenFlac]:
        """The file to read from; raises StoreError."""
        import soundfile

        errors = (OSError, soundfile.SoundFileError)
        if not self.samples:
            yield OpenFlac(self._path, None, 0, errors)
            return
        with ExitStack() as opened:
            with store_errors(self._path, errors):
                file = opened.enter_context(_WithLength(self._path, self.samples))
                sound = opened.enter_context(soundfile.SoundFile(file))
            yield OpenFlac(self._path, sound, self.samples, errors)


class OpenFlac:
    """A source's FLAC that is being read."""

    def __init__(self, path: Path, sound: Any, samples: int, errors: tuple[type[Exception], ...]) -> None:
        """None as `sound` where there are no samples."""
        self._path = path
        self._sound = sound
        self._samples = samples
        self._errors = errors
        self._at = 0

    def read(self, start: int, end: int) -> NDArray[np.int16]:
        """The samples from `start` to before `end`, zeros behind the last one, shape (end - start,)."""
        if start >= self._samples:
            return np.zeros(end - start, np.int16)
        with store_errors(self._path, self._errors):
            if start != self._at:
                self._sound.seek(start)
            # What has been promised is given, whatever the file holds by now.
            read: NDArray[np.int16] = self._sound.read(end - start, dtype="int16", fill_value=0)
            self._at = min(end, self._samples)
        return read


def wav_size(samples: int) -> int:
    """Bytes of a WAV file of that many samples."""
    return HEADER_BYTES + SAMPLE_BYTES * samples


def wav_pieces(samples: int, start: int, end: int, sound: Callable[[Span], NDArray[np.int16]]) -> Iterator[bytes]:
    """The bytes of a WAV file from `start` to before `end`, in pieces, where `sound` gives parts of the samples."""
    if start < HEADER_BYTES:
        yield wav_header(samples)[start:end]
    at = max(0, start - HEADER_BYTES) // SAMPLE_BYTES
    while (begins := wav_size(at)) < end:
        span = Span(at, at + min(_BLOCK, (end - begins + 1) // SAMPLE_BYTES))
        yield sound(span).astype("<i2").tobytes()[max(0, start - begins) : end - begins]
        at = span.end


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
