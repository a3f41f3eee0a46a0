"""How long a FLAC is, finished or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.flac_length import flac_samples

BLOCK = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.s.flac"


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.5, 0.5, samples).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 191, 4095, 4096, 4097, 100_000, 600_001])
def test_a_flac_says_how_long_it_is(path: Path, samples: int) -> None:
    with FlacWriter(path) as writer:
        writer.write(noise(samples))
    assert flac_samples(path) == samples


def test_one_that_is_still_being_written_is_as_long_as_its_whole_blocks(path: Path) -> None:
    with FlacWriter(path) as writer:
        writer.write(noise(10 * BLOCK + 100))
        assert flac_samples(path) == 10 * BLOCK


@pytest.mark.parametrize("content", [None, b"", b"half a FLAC", b"fLaC" + bytes(100), b"\xff\xf8" * 1000])
def test_what_is_no_flac_holds_nothing(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    assert flac_samples(path) == 0
