"""MP4 files whose index stands at their end, in an order in which they can be read as they come.

Most programs write the index (`moov`) behind the sound (`mdat`), since they know it only then. It is put in front, and
the places of the sound that it names are moved by its length. (ISO/IEC 14496-12)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

MOST_INDEX = 16 << 20
"""Bytes of the largest index that is moved: many times what a day of sound takes"""
MOST_BOXES = 10_000
"""Boxes that are looked at, of the file and of its index"""

_HEADER, _LARGE, _TABLE = struct.Struct(">I4s"), struct.Struct(">Q"), struct.Struct(">II")
_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_PLACES = {b"stco": ">u4", b"co64": ">u8"}
"""Tables of places in the file, and the type of an entry"""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a file."""

    kind: bytes
    start: int
    end: int
    body: int
    """Where what it holds begins"""


def parts_of(file: IO[bytes]) -> list[bytes | range]:
    """What to send, in this order: bytes, and ranges of the file; one range of all where nothing need be moved."""
    length = file.seek(0, 2)
    whole: list[bytes | range] = [range(length)]
    boxes = list(_top_level(file, length))
    index = next((box for box in boxes if box.kind == b"moov"), None)
    sound = next((box for box in boxes if box.kind == b"mdat"), None)
    if index is None or sound is None or index.start < sound.start or index.end - index.start > MOST_INDEX:
        return whole
    file.seek(index.start)
    data = bytearray(file.read(index.end - index.start))
    if not _moved(data, sound.start, index.start):
        return whole
    return [range(sound.start), bytes(data), range(sound.start, index.start), range(index.end, length)]


def _top_level(file: IO[bytes], length: int) -> Iterator[Box]:
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        box = _box(file.read(_HEADER.size + _LARGE.size), at, length)
        if box is None:
            return
        yield box
        at = box.end


def _box(head: bytes, at: int, limit: int) -> Box | None:
    """The box that begins so; None where none does, or it does not end before `limit`."""
    if len(head) < _HEADER.size:
        return None
    size, kind = _HEADER.unpack_from(head)
    body = at + _HEADER.size
    if size == 1 and len(head) >= _HEADER.size + _LARGE.size:
        (size,) = _LARGE.unpack_from(head, _HEADER.size)
        body += _LARGE.size
    elif size == 0:
        size = limit - at
    end = at + size
    return Box(kind, at, end, body) if body <= end <= limit else None


def _moved(data: bytearray, first: int, last: int) -> bool:
    """Have places from `first` to `last` be as much later as the index is long; false where they cannot be."""
    ranges, seen = [(0, len(data))], 0
    while ranges:
        at, limit = ranges.pop()
        while (box := _box(bytes(data[at : at + 16]), at, limit)) is not None:
            seen += 1
            if seen > MOST_BOXES:
                return False
            if box.kind in _NESTED:
                ranges.append((box.body, box.end))
            elif box.kind in _PLACES and not _table_moved(data, box, first, last):
                return False
            at = box.end
    return True


def _table_moved(data: bytearray, box: Box, first: int, last: int) -> bool:
    kind = np.dtype(_PLACES[box.kind])
    room = box.end - box.body - _TABLE.size
    if room < 0:
        return False
    _, count = _TABLE.unpack_from(data, box.body)
    if count * kind.itemsize > room:
        return False
    places = np.frombuffer(data, kind, count, box.body + _TABLE.size)
    inside = (places >= first) & (places < last)
    if inside.any() and int(places[inside].max()) + len(data) > np.iinfo(kind).max:
        return False
    places[inside] += len(data)
    return True
