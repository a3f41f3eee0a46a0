"""Recordings in every container that is taken, made on the spot: tones, silence, pictures."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import cycle
from typing import Any

import av
import numpy as np

from pipelines.types import Samples

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "200000"}
ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "webm_opus": ("webm", "libopus", {}),
    "webm": ("webm", "libopus", {}),
    "ogg": ("ogg", "libopus", {}),
    "ogg_opus": ("ogg", "libopus", {}),
    "wav": ("wav", "pcm_s16le", {}),
    "flac": ("flac", "flac", {}),
    "mp3": ("mp3", "libmp3lame", {}),
    "m4a": ("mp4", "aac", FRAGMENTED),
}
"""Encoding -> muxer, codec and options that make it"""

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1", 8: "7.1"}
"""Channels -> the layout that encoders want by name"""


def tone(rate: int, seconds: float, channels: int = 1) -> Samples:
    """A rising tone, shape (samples, channels), different in each channel."""
    at = np.arange(round(rate * seconds))[:, None] / rate
    audio: Samples = (0.4 * np.sin(2 * np.pi * (300 + 200 * at + 100 * np.arange(channels)) * at)).astype(np.float32)
    return audio


class Unseekable:
    """A file that a muxer can only write forward, as a live encoder does."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    def write(self, data: bytes) -> int:
        """Append."""
        return self.buffer.write(data)


@cache
def encoded(encoding: str, seconds: float = 1.0, channels: int = 1, rate: int = 48000) -> bytes:
    """A tone in a container, written as a stream."""
    muxer, codec, options = ENCODERS[encoding]
    file = Unseekable()
    layout = LAYOUTS.get(channels, f"{channels} channels")
    many = {"mapping_family": "255"} if codec == "libopus" and channels > 8 else {}
    with av.open(file, "w", format=muxer, options=dict(options)) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=many)
        audio = (tone(rate, seconds, channels) * 32767).astype(np.int16)
        for at in range(0, len(audio), 960):
            frame = av.AudioFrame.from_ndarray(audio[at : at + 960].reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.buffer.getvalue()


def with_tracks(
    muxer: str,
    tracks: Sequence[Samples],
    languages: Sequence[str] = (),
    codec: str = "libopus",
    rate: int = 48000,
    stamp: Callable[[int, float], float] = lambda track, seconds: seconds,
) -> bytes:
    """Tracks of mono sound of shape (samples,) in one file, interleaved, each packet of 20 ms with the time it gets."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        streams: list[Any] = [container.add_stream(codec, rate=rate, layout="mono") for _ in tracks]
        for stream, language in zip(streams, languages, strict=False):
            stream.metadata["language"] = language
        for at in range(0, max(map(len, tracks)), 960):
            for number, (stream, audio) in enumerate(zip(streams, tracks, strict=True)):
                if at >= len(audio):
                    continue
                data = (audio[at : at + 960] * 32767).astype(np.int16).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
                stamped = round(stamp(number, at / rate) * rate)
                frame.sample_rate, frame.pts, frame.time_base = rate, stamped, Fraction(1, rate)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return file.getvalue()


def picture(muxer: str, codec: str) -> bytes:
    """A file that holds a picture or a film and no sound."""
    file: Any = io.BytesIO()
    with av.open(file, "w", format=muxer, options=FRAGMENTED if muxer == "mp4" else {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
        for index in range(1 if codec == "png" else 20):
            noise = np.random.default_rng(index).integers(0, 255, (64, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    data: bytes = file.getvalue()
    return data


def silence(seconds: int, codec: str, muxer: str, rate: int = 48000, **options: Any) -> bytes:
    """Digital silence as small as a codec makes it."""
    file = Unseekable()
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", **options)
        for at in range(seconds):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at * rate, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.buffer.getvalue()


def pieces(data: bytes, sizes: list[int], unit: int = 1) -> Iterator[bytes]:
    """Data in chunks of so many units, over and over."""
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size * unit]
        at += size * unit


def wav(
    samples: bytes, rate: int = 16_000, channels: int = 1, bits: int = 16, code: int = 1, length: int | None = None
) -> bytes:
    """A WAV file as RecordRTC writes it; `length` is what its header claims of the samples."""
    width = channels * bits // 8
    claimed = len(samples) if length is None else length
    form = struct.pack("<HHIIHH", code, channels, rate, rate * width, width, bits)
    head = b"RIFF" + struct.pack("<I", 36 + claimed & 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    return head + b"data" + struct.pack("<I", claimed) + samples


def slices(audio: Samples, milliseconds: int = 500, rate: int = 16_000) -> list[bytes]:
    """A recording as so many WAV files, each of so long."""
    step = rate * milliseconds // 1000
    return [
        wav((part * 32767).astype("<i2").tobytes(), rate) for part in np.split(audio, range(step, len(audio), step))
    ]
