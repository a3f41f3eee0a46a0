"""All sources of a meeting as one WAV file: any part of it, also while they are being written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.flac_as_wav import wav_header
from meeting.storage.files.mix_as_wav import MixAsWav
from meeting.storage.files.mix_gains import FULL, REACH, SOFT
from meeting.storage.files.mixing import Sound
from pipelines.errors import StoreError
from pipelines.types import Span

BLOCK = 4096
FIRST = np.random.default_rng(5).integers(-9000, 9000, 100_001).astype(np.int16)
SECOND = np.random.default_rng(6).integers(-9000, 9000, 90_000).astype(np.int16)
BEGINS = 40_000
ANCHORS = ((0, BEGINS),)


def write(writer: FlacWriter, samples: Sound) -> None:
    writer.write((samples / 32768).astype(np.float32))


def written(path: Path, samples: Sound) -> Path:
    with FlacWriter(path) as writer:
        write(writer, samples)
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> MixAsWav:
    first, second = written(tmp_path / "m.a.flac", FIRST), written(tmp_path / "m.b.flac", SECOND)
    return MixAsWav([(first, ()), (second, ANCHORS)])


def expected() -> Sound:
    total = np.zeros(BEGINS + len(SECOND), np.int16)
    total[: len(FIRST)] += FIRST
    total[BEGINS:] += SECOND
    return total


def part(wav: MixAsWav, start: int, end: int) -> bytes:
    return b"".join(wav.read(start, end))


def test_the_whole_is_a_wav_file_as_long_as_the_meeting_in_which_all_are_heard(mixed: MixAsWav) -> None:
    back, rate = soundfile.read(io.BytesIO(part(mixed, 0, mixed.size)), dtype="int16")
    assert (rate, len(back)) == (16_000, BEGINS + len(SECOND))
    assert np.array_equal(back, expected())


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (3, 47), (45, 46), (45, 48), (79_999, 90_002), (200_001, 200_100), (260_043, 260_044)]
)
def test_every_part_is_the_same_as_of_the_whole(mixed: MixAsWav, start: int, end: int) -> None:
    whole = wav_header(BEGINS + len(SECOND)) + expected().astype("<i2").tobytes()
    assert part(mixed, start, end) == whole[start:end]


def test_words_that_are_shown_near_a_part_say_how_loud_its_sources_are(tmp_path: Path) -> None:
    loud = np.full(100_000, 8000, np.int16)
    first, second = written(tmp_path / "m.a.flac", loud), written(tmp_path / "m.b.flac", loud)
    asked = list[Span]()

    def spoken(span: Span) -> list[list[Span]]:
        asked.append(span)
        return [[Span(30_000, 60_000)], []]

    wav = MixAsWav([(first, ()), (second, ())], spoken)
    whole = part(wav, 0, wav.size)
    sound = np.frombuffer(whole[44:], "<i2")
    assert [sound[at] for at in (0, 45_000, 90_000)] == [16_000, 8000 + round(8000 * SOFT / FULL), 16_000]
    assert part(wav, 44 + 80_000, 44 + 80_100) == whole[44 + 80_000 : 44 + 80_100]
    assert asked[1] == Span(40_000 - REACH, 40_051 + REACH)


def test_a_source_that_is_alone_is_as_loud_as_it_was_recorded(tmp_path: Path) -> None:
    wav = MixAsWav([(written(tmp_path / "m.a.flac", FIRST), ANCHORS)], lambda span: pytest.fail("nobody else is there"))
    assert part(wav, 44 + 2 * BEGINS, wav.size) == FIRST.astype("<i2").tobytes()


def test_no_piece_is_larger_however_long_the_part(mixed: MixAsWav) -> None:
    assert max(map(len, mixed.read(0, mixed.size))) <= 2 << 15


def test_while_they_are_written_it_is_as_long_as_the_one_that_has_come_farthest(tmp_path: Path) -> None:
    first = written(tmp_path / "m.a.flac", FIRST[:BLOCK])
    with FlacWriter(tmp_path / "m.b.flac") as writer, FlacWriter(tmp_path / "m.c.flac") as silent:
        write(silent, FIRST[:10])
        write(writer, SECOND[: 6 * BLOCK + 7])
        wav = MixAsWav([(first, ()), (writer.path, ((0, 1000),)), (silent.path, ((0, 10**6),))])
        assert wav.size == 44 + 2 * (1000 + 5 * BLOCK)
        found = np.frombuffer(part(wav, 44, wav.size), "<i2")
    total = np.zeros(1000 + 5 * BLOCK, np.int16)
    total[:BLOCK] += FIRST[:BLOCK]
    total[1000:] += SECOND[: 5 * BLOCK]
    assert np.array_equal(found, total)


def test_sources_in_which_nothing_stands_yet_are_an_empty_wav_file(tmp_path: Path) -> None:
    with FlacWriter(tmp_path / "m.a.flac") as writer:
        write(writer, FIRST[:100])
        wav = MixAsWav([(writer.path, ((0, 5000),))])
        assert part(wav, 0, wav.size) == wav_header(0)


def test_a_file_that_has_gone_is_told_before_anything_is_sent(mixed: MixAsWav, tmp_path: Path) -> None:
    (tmp_path / "m.b.flac").unlink()
    with pytest.raises(StoreError, match="No such file"):
        mixed.read(0, 44)
