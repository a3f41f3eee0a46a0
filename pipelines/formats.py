"""The formats of audio that are taken: raw encodings, containers and what their first bytes look like, bounds."""

from __future__ import annotations

from collections.abc import Callable

MIN_RATE, MAX_RATE, MAX_CHANNELS = 4_000, 384_000, 32
"""Lowest and highest sample rate in hertz, and the most channels"""

PCM = {"pcm_s16le": "<i2", "pcm_f32le": "<f4"}
"""Raw encodings and the type of one sample, as numpy writes it"""

_WEBM, _OGG, _MP4 = b"\x1a\x45\xdf\xa3", b"OggS", b"ftyp"
CONTAINERS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "webm_opus": ("matroska", lambda head: head.startswith(_WEBM)),
    "webm": ("matroska", lambda head: head.startswith(_WEBM)),
    "ogg": ("ogg", lambda head: head.startswith(_OGG)),
    "ogg_opus": ("ogg", lambda head: head.startswith(_OGG)),
    "wav": ("wav", lambda head: head[:4] in (b"RIFF", b"RF64")),
    "flac": ("flac", lambda head: head[:4] == b"fLaC" or head[:3] == b"ID3"),
    "mp3": ("mp3", lambda head: head[:3] == b"ID3" or (head[0] == 0xFF and head[1] & 0xE0 == 0xE0)),
    "m4a": ("mov", lambda head: head[4:8] in (_MP4, b"styp", b"moof", b"moov")),
}
"""Containers, the demuxer that reads each, and what its first bytes look like"""

HEADER_BYTES = 12
"""Bytes needed before a container's first bytes are looked at"""
MIN_PROBE_BYTES = 1024
"""Bytes that a demuxer gets at first: with fewer, some of them misread their header"""
