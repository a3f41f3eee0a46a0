"""The sound that an earlier process wrote: found again whatever state its file is in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.sources.earlier_audio import EarlierAudio
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.flac_length import flac_samples

BLOCK = 4096
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.s.flac"


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.5, 0.5, samples).astype(np.float32)


def written(path: Path, samples: int) -> np.ndarray:
    with FlacWriter(path) as writer:
        writer.write(noise(samples))
    audio, _ = soundfile.read(path, dtype="float32")
    return audio


@pytest.mark.parametrize("rest", [0.2, 0.5, 0.9])
def test_a_flac_that_was_cut_says_how_long_it_is_now(path: Path, rest: float) -> None:
    audio = written(path, 600_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * rest)])
    found = EarlierAudio(path).read(0, 600_000)
    assert 0 <= flac_samples(path) - len(found) <= BLOCK
    assert np.array_equal(found, audio[: len(found)])
    assert len(found) > rest * 600_000 - 2 * BLOCK


def test_a_flac_of_a_killed_process_is_read_up_to_its_last_block(path: Path) -> None:
    program = f"""if True:
        import os, signal, sys
        from pathlib import Path
        from tests.meeting.sources.test_earlier_audio import noise
        from meeting.storage.files.flac import FlacWriter
        writer = FlacWriter(Path(sys.argv[1]))
        writer.write(noise({50 * BLOCK + 100}))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False, timeout=60)
    assert flac_samples(path) >= 49 * BLOCK
    found = EarlierAudio(path).read(0, 100 * BLOCK)
    assert len(found) >= 48 * BLOCK
    assert np.abs(found - noise(50 * BLOCK)[: len(found)]).max() <= 1 / 32768


def test_pieces_come_from_their_places_in_any_order(path: Path) -> None:
    audio = written(path, 100_000)
    earlier = EarlierAudio(path)
    for start, count in [(0, 10), (10, 5), (50_000, 20_000), (99_000, 5000), (200_000, 5), (30, 40_000)]:
        assert np.array_equal(earlier.read(start, count), audio[start : start + count])


@pytest.mark.parametrize("content", [None, b"", b"half a FLAC", b"fLaC" + bytes(100), b"\xff\xf8" * 1000])
def test_what_is_no_flac_holds_nothing(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    assert len(EarlierAudio(path).read(0, 100)) == 0
