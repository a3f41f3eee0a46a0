"""The telephone's two codes of eight bits a sample, µ-law and A-law (ITU-T G.711), as 16-bit PCM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decode_mulaw(data: bytes) -> bytes:
    """µ-law in, one byte a sample; 16-bit little-endian PCM out."""
    return _MULAW[np.frombuffer(data, np.uint8)].tobytes()


def decode_alaw(data: bytes) -> bytes:
    """A-law in, one byte a sample; 16-bit little-endian PCM out."""
    return _ALAW[np.frombuffer(data, np.uint8)].tobytes()


def _mulaw_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((mantissa << 3) + 132 << exponent) - 132
    return np.where(code & 128, -magnitude, magnitude).astype("<i2")


def _alaw_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, linear, (linear + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 128, magnitude, -magnitude).astype("<i2")


_MULAW, _ALAW = _mulaw_table(), _alaw_table()
