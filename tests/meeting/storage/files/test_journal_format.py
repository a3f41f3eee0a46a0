"""The bytes of a journal: every damage costs the records that it is in, is told, and never raises."""

from __future__ import annotations

import json
import random
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files import journal_format
from meeting.storage.files.journal import Journal, entries, read
from meeting.storage.files.journal_format import (
    MAGIC,
    OLDER_MAGICS,
    PROCESSED,
    STOPPED,
    Entry,
    Header,
    JournalDamaged,
    JournalTooNew,
    LostFrames,
    Mark,
    NotAJournal,
    RecordReader,
    encode_frame,
    encode_header,
    encode_mark,
    find_records,
    parse_header,
)

PCM = AudioInfo()
FRAMES = [AudioFrame(seq, seq * 100_000, random.Random(seq).randbytes(60 + seq % 7)) for seq in range(50)]
SIZES = [20 + len(frame.payload) for frame in FRAMES]
STARTS = [sum(SIZES[:at]) for at in range(len(SIZES))]
HEAD = encode_header(PCM)
CLASSES = {"length": 0, "seq": 4, "capture": 8, "crc": 16, "first": 20, "last": -1}
"""Where in a record a bit is turned"""


def record_1(frame: AudioFrame) -> bytes:
    """A frame as version 1 wrote it."""
    crc = zlib.crc32(frame.payload, zlib.crc32(struct.pack("<IQ", frame.seq, frame.capture_us)))
    return struct.pack("<IIQI", len(frame.payload), frame.seq, frame.capture_us, crc) + frame.payload


def head_1(audio: AudioInfo) -> bytes:
    """The first lines as version 1 wrote them."""
    return OLDER_MAGICS[0] + json.dumps(asdict(audio)).encode() + b"\n"


BODY = b"".join(encode_frame(frame) for frame in FRAMES)
BODIES = {"now": (HEAD, BODY), "version 1": (head_1(PCM), b"".join(record_1(frame) for frame in FRAMES))}


@pytest.fixture(params=list(BODIES))
def whole(request: pytest.FixtureRequest) -> tuple[bytes, bytes]:
    """The head and the records of a journal of 50 frames."""
    return BODIES[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.s.journal"


@contextmanager
def file_of(content: bytes) -> Iterator[BinaryIO]:
    """A real file: what reads a journal asks for its size."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file  # type: ignore[misc]


def lost(numbers: range) -> LostFrames:
    """What is told in the place of these frames."""
    return LostFrames(len(numbers), sum(SIZES[at] - 20 for at in numbers))


def without(numbers: range) -> list[Entry]:
    """All that is said when these frames, which are not the last, cannot be read."""
    before: list[Entry] = list(FRAMES[: numbers.start])
    return [*before, lost(numbers), *FRAMES[numbers.stop :]]


def test_marks_and_frames_come_back_in_order(path: Path) -> None:
    with Journal(path, PCM) as journal:
        journal.append(FRAMES[0])
        journal.mark(PROCESSED, 7)
        journal.append(FRAMES[1])
        journal.mark(STOPPED)
    assert list(entries(path)) == [FRAMES[0], Mark(PROCESSED, 1, 7), FRAMES[1], Mark(STOPPED, 2, 0)]
    with Journal(path, PCM) as journal:
        assert (journal.stopped, journal.unreadable, journal.next_seq) == (True, 0, 2)


@pytest.mark.parametrize("kind", list(CLASSES))
def test_a_bit_that_turned_anywhere_costs_one_frame_and_is_told(
    path: Path, whole: tuple[bytes, bytes], kind: str
) -> None:
    first, body = whole
    for number in range(len(FRAMES)):
        damaged = bytearray(body)
        place = CLASSES[kind]
        damaged[STARTS[number] + (place if place >= 0 else SIZES[number] - 1)] ^= 1 << number % 8
        path.write_bytes(first + damaged)
        kept = list(entries(path))
        with Journal(path, PCM) as journal:
            assert journal.next_seq == len(FRAMES)
            journal.mark(PROCESSED, 0)
        if number < len(FRAMES) - 1:
            assert kept == without(range(number, number + 1))
        else:
            assert list(entries(path)) == [*FRAMES[:-1], lost(range(49, 50)), Mark(PROCESSED, 50, 0)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_zeros_in_the_place_of_frames_are_a_loss_of_their_size(
    path: Path, whole: tuple[bytes, bytes], count: int
) -> None:
    first, body = whole
    for number in range(len(FRAMES) - count):
        damaged = bytearray(body)
        size = sum(SIZES[number : number + count])
        damaged[STARTS[number] : STARTS[number] + size] = bytes(size)
        path.write_bytes(first + damaged)
        assert list(entries(path)) == without(range(number, number + count))


def test_a_cut_anywhere_keeps_all_before_it_and_what_is_appended_later(path: Path, whole: tuple[bytes, bytes]) -> None:
    first, body = whole
    for size in range(0, len(body), 11):
        path.write_bytes(first + body[:size])
        complete = sum(start + length <= size for start, length in zip(STARTS, SIZES, strict=True))
        with Journal(path, PCM) as journal:
            assert journal.next_seq == complete
            journal.append(FRAMES[complete])
        assert list(entries(path)) == FRAMES[: complete + 1]


def test_a_piece_that_is_missing_costs_what_is_in_it(path: Path, whole: tuple[bytes, bytes]) -> None:
    first, body = whole
    for number in range(1, len(FRAMES) - 1):
        cut = STARTS[number] + 7
        path.write_bytes(first + body[:cut] + body[cut + 30 :])
        found = [entry for entry in entries(path) if isinstance(entry, AudioFrame)]
        assert [frame for frame in FRAMES if frame not in found] == [FRAMES[number]]
        assert [entry.count for entry in entries(path) if isinstance(entry, LostFrames)] == [1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(HEAD + BODY) - 1), st.integers(0, 255)), max_size=40))
def test_whatever_is_written_over_it_only_frames_that_were_there_come_back_in_order(
    changes: list[tuple[int, int]],
) -> None:
    damaged = bytearray(HEAD + BODY)
    touched = set()
    for at, value in changes:
        damaged[at] = value
        touched.add(sum(start <= at - len(HEAD) for start in STARTS) - 1)
    with file_of(bytes(damaged)) as file:
        found = list(RecordReader(file, len(HEAD)))
    frames = [entry for entry in found if isinstance(entry, AudioFrame)]
    assert frames == [frame for frame in FRAMES if frame in frames]
    assert {frame.seq for frame in FRAMES if frame not in frames} <= touched
    missing = sum(entry.count for entry in found if isinstance(entry, LostFrames))
    last = frames[-1].seq if frames else -1
    assert missing == last + 1 - len(frames)


def damaged_heads() -> Iterator[bytes]:
    """Heads in which one bit has turned."""
    for at in range(len(HEAD)):
        for bit in range(8):
            changed = bytearray(HEAD)
            changed[at] ^= 1 << bit
            yield bytes(changed)


def test_no_bit_of_the_head_turns_unnoticed_and_none_costs_a_frame(path: Path) -> None:
    for changed in damaged_heads():
        try:
            found = parse_header(changed + BODY)
        except (NotAJournal, JournalTooNew, JournalDamaged):
            found = None
        assert found is None
        path.write_bytes(changed + BODY)
        assert list(read(path, PCM)) == FRAMES
        with Journal(path, PCM, known=True) as journal:
            assert journal.next_seq == len(FRAMES)
        assert path.read_bytes() == changed + BODY


def test_a_head_of_zeros_costs_no_frame(path: Path) -> None:
    path.write_bytes(bytes(len(HEAD)) + BODY)
    assert list(entries(path, PCM)) == FRAMES


def test_a_head_is_not_whole_before_its_second_line_ends() -> None:
    for size in range(len(HEAD)):
        assert parse_header(HEAD[:size]) is None
    assert parse_header(HEAD) == Header(PCM, len(HEAD), True)
    assert parse_header(head_1(PCM)) == Header(PCM, len(head_1(PCM)), False)


def test_of_two_formats_the_one_with_a_checksum_counts(path: Path) -> None:
    other = AudioInfo("pcm_f32le", 48000, 2)
    for first, counts in [(encode_header(other), other), (head_1(other), PCM)]:
        path.write_bytes(first + record_1(FRAMES[0]))
        with Journal(path, PCM, known=True) as journal:
            assert journal.audio == counts
        assert list(read(path, PCM)) == FRAMES[:1]


def test_an_old_journal_says_that_it_holds_marks_once_it_may(path: Path) -> None:
    path.write_bytes(head_1(PCM) + record_1(FRAMES[0]))
    with Journal(path, PCM) as journal:
        journal.mark(PROCESSED, 5)
        journal.append(FRAMES[1])
    assert path.read_bytes().startswith(MAGIC)
    assert list(entries(path)) == [FRAMES[0], Mark(PROCESSED, 1, 5), FRAMES[1]]


def test_a_frame_that_jumps_ahead_tells_how_many_are_missing(path: Path) -> None:
    with Journal(path, PCM) as journal:
        journal.append(FRAMES[0])
        journal.append(FRAMES[4])
    assert list(entries(path)) == [FRAMES[0], LostFrames(3, 0), FRAMES[4]]


def test_damage_that_looks_like_records_everywhere_is_searched_in_bounded_time(path: Path) -> None:
    made = struct.pack("<IIQI", 1_000_000, 1, 0, 0) * 100_000
    path.write_bytes(HEAD + encode_frame(FRAMES[0]) + b"\xff" + made + encode_frame(AudioFrame(1, 0, b"x")))
    before = time.process_time()
    assert list(read(path)) in ([FRAMES[0], AudioFrame(1, 0, b"x")], [FRAMES[0]])
    assert time.process_time() - before < 60
    with file_of(path.read_bytes()) as file:
        assert find_records(file, PCM) is not None


def test_a_mark_is_no_frame_whatever_bit_turns() -> None:
    record = encode_mark(Mark(PROCESSED, 3, 9))
    for at in range(len(record)):
        for bit in range(8):
            changed = bytearray(record)
            changed[at] ^= 1 << bit
            with file_of(b"".join(encode_frame(frame) for frame in FRAMES[:3]) + changed) as file:
                assert list(RecordReader(file, 0)) == FRAMES[:3]


def test_a_length_beyond_all_frames_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_format, "PAYLOAD_BYTES", 100)
    with file_of(struct.pack("<IIQI", 101, 0, 0, 0) + bytes(200)) as file:
        reader = RecordReader(file, 0)
        assert list(reader) == []
        assert reader.unreadable_bytes() == 220
