"""How long a FLAC is, told from its last block, which one that is still being written has, too."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 1 << 18
"""Bytes at the end of a FLAC in which its last block begins"""
_HEADER_BYTES = 42
"""Bytes before the first block: the name of the format, the head and the content of what it says of itself"""


def flac_samples(path: Path) -> int:
    """How many samples a FLAC holds, as its last block says; 0 where there is none. Decodes nothing."""
    try:
        with path.open("rb") as file:
            info = file.read(_HEADER_BYTES)
            file.seek(max(_HEADER_BYTES, path.stat().st_size - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return 0
    if not info.startswith(b"fLaC"):
        return 0
    size = int.from_bytes(info[10:12], "big")
    later: dict[int, int] = {}  # number of a block -> its length
    at = len(tail)
    while (at := tail.rfind(b"\xff\xf8", 0, at)) >= 0:
        block = _block(tail[at : at + 16].ljust(16, b"\0"))
        if block is None:
            continue
        number, length = block
        # What looks like a block by chance has no neighbour.
        if number + 1 in later:
            return (number + 1) * size + later[number + 1]
        if number == 0:
            return length
        later.setdefault(number, length)
    return 0


def _block(start: bytes) -> tuple[int, int] | None:
    """Number and samples of the block of fixed size that begins with these bytes; None where none does."""
    code, rate = start[2] >> 4, start[2] & 15
    number, size = _number(start[4:11])
    if number is None or code == 0 or rate == 15:
        return None
    at = 4 + size
    length = 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8) if code >= 8 else 0
    if code in (6, 7):
        length = int.from_bytes(start[at : at + code - 5], "big") + 1
        at += code - 5
    at += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    return (number, length) if _crc8(start[:at]) == start[at] else None


def _number(coded: bytes) -> tuple[int | None, int]:
    """The number of a block, which is coded as UTF-8 codes a character, and its bytes."""
    first = coded[0]
    if first < 0x80:
        return first, 1
    size = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= size <= 7 or any(byte & 0xC0 != 0x80 for byte in coded[1:size]):
        return None, 0
    number = first & (0x7F >> size)
    for byte in coded[1:size]:
        number = number << 6 | byte & 0x3F
    return number, size


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
