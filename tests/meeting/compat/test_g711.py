"""The telephone's codes of eight bits."""

from __future__ import annotations

import numpy as np

from meeting.compat.g711 import decode_alaw, decode_mulaw

EVERY = bytes(range(256))


def test_mulaw_has_the_values_of_the_standard() -> None:
    values = np.frombuffer(decode_mulaw(EVERY), "<i2")
    assert (values[0x00], values[0x80], values[0xFF], values[0x7F]) == (-32124, 32124, 0, 0)
    assert values[0x8F] == 16764
    assert (np.diff(values[:128]) >= 0).all()
    assert (values[128:] == -values[:128]).all()


def test_alaw_has_the_values_of_the_standard() -> None:
    values = np.frombuffer(decode_alaw(EVERY), "<i2")
    assert (values[0xD5], values[0x55], values[0xAA], values[0x2A]) == (8, -8, 32256, -32256)
    assert len(set(values.tolist())) == 256
    assert (values[128:] == -values[:128]).all()
