"""Which formats of sound there are, and what their first bytes look like."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.formats import CONTAINERS, HEADER_BYTES, MAX_CHANNELS, MAX_RATE, MIN_RATE, PCM
from tests.fakes.containers import encoded


@pytest.mark.parametrize("encoding", CONTAINERS)
def test_each_container_is_known_by_its_first_bytes(encoding: str) -> None:
    looks_right = CONTAINERS[encoding][1]
    assert looks_right(encoded(encoding)[:HEADER_BYTES])
    assert not looks_right(b"Good morning, everybody."[:HEADER_BYTES])
    assert not looks_right(bytes(HEADER_BYTES))


def test_raw_encodings_have_the_sizes_that_they_are_named_by() -> None:
    assert {name: np.dtype(form).itemsize for name, form in PCM.items()} == {"pcm_s16le": 2, "pcm_f32le": 4}


def test_what_microphones_and_studios_use_lies_within_the_bounds() -> None:
    assert MIN_RATE <= 8000 < 192_000 <= MAX_RATE
    assert MAX_CHANNELS >= 24
