"""Small files that claim to be huge, or become it: none of them may cost more than an honest one."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import av

from tests.conftest import ROOT
from tests.fakes.containers import FRAGMENTED, encoded, silence, tone

HUGE = 0x7FFF_FFF0
"""What a field of four bytes claims; more, and most readers would take it for a negative number"""


@cache
def faststart(seconds: float = 1.0) -> bytes:
    """An M4A that is not fragmented, its header in front."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "front.m4a"
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("aac", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(tone(16_000, seconds).T.copy(), format="fltp", layout="mono")
            frame.sample_rate = 16_000
            container.mux([*stream.encode(frame), *stream.encode(None)])
        return path.read_bytes()


def claiming(samples: int, tracks: int = 1) -> bytes:
    """An M4A whose header says that it has so many samples of 8 bytes, whatever it has; in so many tracks."""
    data, many = bytearray(faststart()), samples.to_bytes(4, "big")
    for box, at in (("stts", 12), ("stsc", 16), ("stsz", 12)):
        place = data.index(box.encode()) + at
        data[place : place + 4] = many
    place = data.index(b"stsz") + 8
    data[place : place + 4] = (8).to_bytes(4, "big")
    start = data.index(b"trak") - 4
    track = bytes(data[start : start + int.from_bytes(data[start : start + 4], "big")])
    for number in range(2, tracks + 1):
        other = bytearray(track)
        place = other.index(b"tkhd") + 4 + 4 + 8
        other[place : place + 4] = number.to_bytes(4, "big")
        data[start:start] = other
    place = data.index(b"moov") - 4
    size = int.from_bytes(data[place : place + 4], "big") + (tracks - 1) * len(track)
    data[place : place + 4] = size.to_bytes(4, "big")
    return bytes(data)


def table(box: str, entries: int) -> bytes:
    """An M4A with a table of its header that claims so many entries."""
    data = bytearray(faststart())
    place = data.index(box.encode()) + (12 if box == "stsz" else 8)
    data[place : place + 4] = entries.to_bytes(4, "big")
    return bytes(data)


def flac_block(kind: int, size: int, content: bytes = b"") -> bytes:
    """A FLAC with a block of metadata that claims to be so long (24 bits)."""
    data = encoded("flac")
    first = 4 + 4 + 34
    return data[:4] + b"\x00" + data[5:first] + bytes([kind]) + size.to_bytes(3, "big") + content + data[first:]


def flac_pictures(count: int, size: int) -> bytes:
    """A FLAC with pictures that each claim so many bytes and lack most of them."""
    head = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 1, 1, 24, 0, size)
    data = encoded("flac")
    first = 4 + 4 + 34
    block = b"\x06" + (len(head) + 8).to_bytes(3, "big") + head + bytes(8)
    return data[:4] + b"\x00" + data[5:first] + count * block + data[first:]


def id3(size: int, frame: int) -> bytes:
    """An MP3 with a tag that claims to be so long, and a picture in it that does."""

    def syncsafe(value: int) -> bytes:
        return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))

    return b"ID3\x04\x00\x00" + syncsafe(size) + b"APIC" + syncsafe(frame) + bytes(2) + encoded("mp3")


def ogg_comments(vendor: int) -> bytes:
    """An Ogg whose comments claim to be so long."""
    data = bytearray(encoded("ogg"))
    place = data.index(b"OpusTags") + 8
    data[place : place + 4] = (vendor & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(data)


def webm_element(name: bytes, size: int, inside: bytes = b"") -> bytes:
    """A WebM with an element of its segment that claims so many bytes."""
    data = encoded("webm")
    place = data.index(b"\x16\x54\xae\x6b")  # the tracks
    return data[:place] + name + (size | 1 << 56).to_bytes(8, "big") + inside + data[place:]


def wav_chunk(name: bytes, size: int) -> bytes:
    """A WAV with a chunk before its sound that claims so many bytes."""
    data = encoded("wav")
    return data[:12] + name + struct.pack("<I", size) + data[12:]


def wav_format(size: int) -> bytes:
    """A WAV whose description of the format claims to be so long."""
    data = bytearray(encoded("wav"))
    data[16:20] = struct.pack("<I", size)
    return bytes(data)


def webm_attachment(size: int) -> bytes:
    """A WebM with a file attached that claims so many bytes."""
    inside = (
        b"\x61\xa7" + (size - 32 | 1 << 56).to_bytes(8, "big") + b"\x46\x5c" + (size - 64 | 1 << 56).to_bytes(8, "big")
    )
    return webm_element(b"\x19\x41\xa4\x69", size, inside)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an index of 80 million": ("m4a", partial(claiming, 80_000_000)),
    "an index of two million": ("m4a", partial(claiming, 2_000_000)),
    "an index of 600,000": ("m4a", partial(claiming, 600_000)),
    "four indexes of 600,000": ("m4a", partial(claiming, 600_000, tracks=4)),
    "a hundred indexes of 200,000": ("m4a", partial(claiming, 200_000, tracks=100)),
    **{
        f"{entries} entries of {box}": ("m4a", partial(table, box, entries))
        for box in ("stts", "stsc", "stsz", "stco")
        for entries in (HUGE, 10_000_000, 500_000)
    },
    **{f"a FLAC block of kind {kind}": ("flac", partial(flac_block, kind, 0xFFFFFF)) for kind in (*range(1, 7), 126)},
    **{f"pictures of {size}": ("flac", partial(flac_pictures, 100, size)) for size in (HUGE, 0xFFFFFF, 4 << 20)},
    "a tag of 256 MB": ("mp3", partial(id3, (1 << 28) - 1, (1 << 28) - 20)),
    "a picture of 15 MB": ("mp3", partial(id3, 16 << 20, 15 << 20)),
    **{f"comments of {size}": ("ogg", partial(ogg_comments, size)) for size in (HUGE, -1, 60 << 20)},
    **{f"an attachment of {size}": ("webm", partial(webm_attachment, size)) for size in (1 << 40, 60 << 20)},
    "tags of a petabyte": ("webm", partial(webm_element, b"\x12\x54\xc3\x67", 1 << 50)),
    "a cluster without end": ("webm", partial(webm_element, b"\x1f\x43\xb6\x75", (1 << 56) - 2)),
    **{
        f"a chunk {name.decode()} of {size}": ("wav", partial(wav_chunk, name, size))
        for name in (b"LIST", b"bext", b"id3 ", b"data", b"fact", b"smv0", b"XMA2")
        for size in (0xFFFFFFF0, 60 << 20)
    },
    **{f"a format of {size}": ("wav", partial(wav_format, size)) for size in (0xFFFFFFF0, 60 << 20, 70_000)},
    "ten minutes of silence in FLAC": ("flac", partial(silence, 600, "flac", "flac", 8000)),
    "ten minutes of silence in Opus": ("ogg_opus", partial(silence, 600, "libopus", "ogg", bit_rate=6000)),
}
"""What is made -> its encoding, and how"""


def long_m4a(hours: float, fragmented: bool) -> bytes:
    """An honest M4A of that length at 48 kHz, made of ten seconds of sound over and over; its header in front.

    A process of its own makes it: whoever has read a recording has limited what FFmpeg may allocate in its process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.m4a"
        code = f"import tests.fakes.bombs as bombs; bombs.write_long_m4a({str(path)!r}, {hours}, {fragmented})"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        return path.read_bytes()


def write_long_m4a(path: str, hours: float, fragmented: bool) -> None:
    """Make it, in a process in which FFmpeg is not limited."""
    short = io.BytesIO(encoded("m4a", 10.0))
    options = FRAGMENTED if fragmented else {"movflags": "faststart"}
    with av.open(short) as source, av.open(path, "w", format="mp4", options=dict(options)) as container:
        (inside,) = source.streams.audio
        outside = container.add_stream_from_template(inside)
        packets = [bytes(packet) for packet in source.demux(inside) if packet.size]
        for number in range(round(hours * 3600 * 48_000 / 1024)):
            packet = av.Packet(packets[number % len(packets)])
            packet.stream, packet.time_base = outside, inside.time_base
            packet.pts = packet.dts = number * 1024
            packet.duration = 1024
            container.mux(packet)
