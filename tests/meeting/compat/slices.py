"""WAV files as recorders in browsers make them."""

from __future__ import annotations

import struct

import numpy as np

from pipelines.types import Samples


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
