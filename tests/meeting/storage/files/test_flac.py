"""FLAC files: what was heard comes back, and a full disk is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.storage.files.flac import FlacWriter
from pipelines.errors import StoreError
from tests.fakes.disks import files_of_at_most


@pytest.fixture
def flac(tmp_path: Path) -> Path:
    """Where the audio goes."""
    return tmp_path / "m.a.flac"


def noise(samples: int) -> np.ndarray:
    """Sound that does not compress."""
    return np.random.default_rng(7).uniform(-1, 1, samples).astype(np.float32)


def test_audio_comes_back_within_half_a_step_of_16_bits(flac: Path) -> None:
    audio = noise(20_000)
    with FlacWriter(flac) as writer:
        for start in range(0, len(audio), 777):
            writer.write(audio[start : start + 777])
        assert writer.samples == len(audio)
    back, rate = soundfile.read(flac, dtype="float32")
    assert rate == 16_000
    assert soundfile.info(flac).subtype == "PCM_16"
    assert back.shape == audio.shape
    # The loudest positive sample has no 16-bit neighbour above it, hence one step and not a half.
    assert np.abs(back - audio).max() <= 1 / 32768


def test_what_is_too_loud_or_no_number_does_not_wrap_around(flac: Path) -> None:
    with FlacWriter(flac) as writer:
        writer.write(np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], np.float32))
    back, _ = soundfile.read(flac, dtype="int16")
    assert back.tolist() == [32767, -32768, 0, 32767, -32768, 16384]


def test_audio_is_its_owners_only_from_the_first_byte(flac: Path) -> None:
    old = os.umask(0)
    try:
        with FlacWriter(flac) as writer:
            writer.write(noise(100))
            assert stat.S_IMODE(flac.stat().st_mode) == 0o600
    finally:
        os.umask(old)


def test_a_meeting_without_sound_is_still_a_file_that_opens(flac: Path) -> None:
    FlacWriter(flac).close()
    back, _ = soundfile.read(flac)
    assert back.tolist() == [0.0]


def test_writing_again_replaces_the_file(flac: Path) -> None:
    for samples in (9000, 10):
        with FlacWriter(flac) as writer:
            writer.write(noise(samples))
    assert soundfile.info(flac).frames == 10


def test_a_closed_file_takes_no_audio(flac: Path) -> None:
    writer = FlacWriter(flac)
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.write(noise(1))


def test_audio_that_cannot_be_written_is_a_sentence(flac: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        FlacWriter(flac.parent / "nowhere" / "x.flac")


@pytest.mark.parametrize("limit", [20_000, 33_000])
def test_a_full_disk_is_told_at_once_or_at_the_latest_when_the_file_is_closed(flac: Path, limit: int) -> None:
    writer = FlacWriter(flac)
    writer.write(noise(4096 * 4))
    with files_of_at_most(limit), pytest.raises(StoreError, match="does not take"):  # noqa: PT012 - either may tell
        writer.write(noise(4000))
        writer.close()
    if limit < 30_000:
        with pytest.raises(StoreError):
            writer.close()
