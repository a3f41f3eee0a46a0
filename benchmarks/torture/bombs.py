"""Media files that ask for more than they are: hours in a few bytes, impossible headers, unusual channels."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

HOUR = 3600
"""Seconds"""


@dataclass(frozen=True)
class Bomb:
    """The bytes, and what the source says that they are."""

    encoding: str
    data: bytes


def _written(format: str, rate: int, channels: int, seconds: float, loud: float = 0.0) -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, channels, format=format, subtype="PCM_16") as file:
        for _ in range(max(1, round(seconds))):
            file.write(np.full((round(rate * min(1.0, seconds)), channels), loud, np.float32))
    return buffer.getvalue()


def hours_of_silence(folder: Path) -> Bomb:
    """Three hours at 8 kHz in some 300 kB."""
    return Bomb("flac", _written("FLAC", 8000, 1, 3 * HOUR))


def many_channels(folder: Path) -> Bomb:
    """As many channels as the protocol allows."""
    return Bomb("wav", _written("WAV", 48_000, 32, 2.0, 0.1))


def eight_channels(folder: Path) -> Bomb:
    """One channel more than FFmpeg keeps beside each other."""
    return Bomb("flac", _written("FLAC", 48_000, 8, 3.0, 0.1))


def more_channels(folder: Path) -> Bomb:
    """A header that claims more channels than the protocol allows."""
    data = bytearray(_written("WAV", 48_000, 2, 1.0, 0.1))
    data[22:24], data[32:34] = (1000).to_bytes(2, "little"), (2000).to_bytes(2, "little")
    return Bomb("wav", bytes(data))


def slow_clock(folder: Path) -> Bomb:
    """A header that claims one sample a second."""
    data = bytearray(_written("WAV", 48_000, 1, 1.0, 0.1))
    data[24:28] = (1).to_bytes(4, "little")
    return Bomb("wav", bytes(data))


def _m4a(folder: Path) -> bytes:
    path = folder / "bomb.m4a"
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), 0.1, np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path.read_bytes()


def long_index(folder: Path, samples: int = 3_500_000) -> Bomb:
    """An M4A of some kB whose index is said to be as long as is allowed for."""
    data, many = bytearray(_m4a(folder)), samples.to_bytes(4, "big")
    for box, at in (("stts", 12), ("stsc", 16), ("stsz", 12)):
        place = data.index(box.encode()) + at
        data[place : place + 4] = many
    place = data.index(b"stsz") + 8
    data[place : place + 4] = (8).to_bytes(4, "big")
    return Bomb("m4a", bytes(data))


def endless_index(folder: Path) -> Bomb:
    """The same with as many samples as a header can claim."""
    return long_index(folder, 2**32 - 1)


def many_streams(folder: Path) -> Bomb:
    """An M4A whose one track is there again and again."""
    data = _m4a(folder)
    start = data.index(b"trak") - 4
    track = data[start : start + int.from_bytes(data[start : start + 4], "big")]
    moov = data.index(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4], "big")
    tracks = data[moov + 4 : moov + size] + track * 200
    return Bomb("m4a", data[:moov] + (len(tracks) + 4).to_bytes(4, "big") + tracks + data[moov + size :])


def rubbish(folder: Path) -> Bomb:
    """The right first bytes, and then nothing that fits."""
    return Bomb("flac", _written("FLAC", 16_000, 1, 1.0, 0.1)[:8192] + random.Random(1).randbytes(1 << 20))


BOMBS: dict[str, Callable[[Path], Bomb]] = {
    made.__name__: made
    for made in (
        hours_of_silence,
        many_channels,
        eight_channels,
        more_channels,
        slow_clock,
        long_index,
        endless_index,
        many_streams,
        rubbish,
    )
}
"""All of them; each makes its own in a folder"""
