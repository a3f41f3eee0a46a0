"""A FLAC read as a WAV file: any part of it, also while it is being written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.flac_as_wav import HEADER_BYTES, FlacAsWav, wav_header
from pipelines.errors import StoreError

BLOCK = 4096
NOISE = np.random.default_rng(5).integers(-9000, 9000, 40 * BLOCK).astype(np.int16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.s.flac"


def write(writer: FlacWriter, samples: np.ndarray) -> None:
    writer.write((samples / 32768).astype(np.float32))


def part(path: Path, start: int, end: int) -> bytes:
    return b"".join(FlacAsWav(path).read(start, end))


def test_the_whole_is_a_wav_file_of_the_same_samples(path: Path) -> None:
    with FlacWriter(path) as writer:
        write(writer, NOISE[:100_001])
    size = FlacAsWav(path).size
    assert size == HEADER_BYTES + 2 * 100_001
    back, rate = soundfile.read(io.BytesIO(part(path, 0, size)), dtype="int16")
    assert (rate, len(back)) == (16_000, 100_001)
    assert np.array_equal(back, NOISE[:100_001])


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (3, 44), (43, 47), (44, 45), (45, 46), (45, 48), (9001, 100_002), (163_841, 163_884)]
)
def test_every_part_is_the_same_as_of_the_whole(path: Path, start: int, end: int) -> None:
    with FlacWriter(path) as writer:
        write(writer, NOISE[:81_920])
    whole = wav_header(81_920) + NOISE[:81_920].astype("<i2").tobytes()
    assert part(path, start, end) == whole[start:end]


def test_one_that_is_being_written_can_be_read_up_to_its_newest_blocks(path: Path) -> None:
    with FlacWriter(path) as writer:
        write(writer, NOISE[: 30 * BLOCK + 7])
        size = HEADER_BYTES + 2 * 29 * BLOCK
        assert FlacAsWav(path).size == size
        for blocks in (1, 2, 28):
            first = (29 - blocks) * BLOCK
            assert part(path, HEADER_BYTES + 2 * first, size) == NOISE[first : 29 * BLOCK].astype("<i2").tobytes()
        write(writer, NOISE[30 * BLOCK + 7 :])
        assert FlacAsWav(path).size > size
    assert FlacAsWav(path).size == HEADER_BYTES + 2 * len(NOISE)


def test_the_half_of_a_block_that_is_on_its_way_to_the_disk_is_left_out(path: Path) -> None:
    other = path.with_suffix(".now")
    with FlacWriter(path) as writer:
        write(writer, NOISE[: 4 * BLOCK + 7])
        other.write_bytes(path.read_bytes()[:-500])
    assert part(other, HEADER_BYTES, FlacAsWav(other).size) == NOISE[: 3 * BLOCK].astype("<i2").tobytes()


def test_one_in_which_nothing_stands_yet_is_an_empty_wav_file(path: Path) -> None:
    with FlacWriter(path) as writer:
        write(writer, NOISE[:100])
        assert part(path, 0, FlacAsWav(path).size) == wav_header(0)


def test_a_file_that_has_gone_is_told_before_anything_is_sent(path: Path) -> None:
    with FlacWriter(path) as writer:
        write(writer, NOISE[:BLOCK])
    wav = FlacAsWav(path)
    path.unlink()
    with pytest.raises(StoreError, match="No such file"):
        wav.read(0, 44)
    with pytest.raises(StoreError, match="No such file"):
        FlacAsWav(path)
