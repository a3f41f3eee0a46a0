"""Frames on disk: nothing that was taken in is lost, however the writing ended."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files.journal import Journal, follow, in_use, read, read_audio
from meeting.storage.files.journal_format import MAGIC
from pipelines.errors import StoreError
from tests.fakes.disks import files_of_at_most

OPUS = AudioInfo("webm_opus", 48000, 1)
FRAMES = [AudioFrame(i, i * 20_000, bytes([i]) * 10 * i) for i in range(5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal goes."""
    return tmp_path / "m.a.journal"


@pytest.fixture
def written(path: Path) -> Path:
    """A journal of five frames."""
    with Journal(path, OPUS) as journal:
        for frame in FRAMES:
            journal.append(frame)
    return path


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.builds(AudioFrame, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=300))),
    st.builds(AudioInfo, st.text(max_size=50), st.integers(0, 10**6), st.integers(0, 64)),
    st.booleans(),
)
def test_frames_come_back_as_they_were(path: Path, frames: list[AudioFrame], audio: AudioInfo, fsync: bool) -> None:
    path.unlink(missing_ok=True)
    with Journal(path, audio, fsync=fsync) as journal:
        for frame in frames:
            journal.append(frame)
    assert list(read(path)) == frames
    assert read_audio(path) == audio


def test_a_frame_can_be_read_as_soon_as_it_is_appended(path: Path) -> None:
    with Journal(path, OPUS) as journal:
        assert list(read(path)) == []
        journal.append(FRAMES[1])
        assert list(read(path)) == [FRAMES[1]]


def test_a_journal_is_its_owners_only(written: Path) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_journal_cut_anywhere_gives_the_whole_frames_before_the_cut(written: Path) -> None:
    whole = written.read_bytes()
    counts = []
    for size in range(len(whole) + 1):
        written.write_bytes(whole[:size])
        frames = list(read(written))
        assert frames == FRAMES[: len(frames)]
        counts.append(len(frames))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-2:] == [4, 5]


def test_a_damaged_frame_costs_no_other_one(written: Path) -> None:
    whole = bytearray(written.read_bytes())
    starts = [whole.index(b"\n", len(MAGIC)) + 1]
    for frame in FRAMES:
        starts.append(starts[-1] + 20 + len(frame.payload))
    for number, (start, end) in enumerate(pairwise(starts)):
        for at in range(start, end):
            damaged = whole.copy()
            damaged[at] ^= 0xFF
            written.write_bytes(damaged)
            assert list(read(written)) == [frame for frame in FRAMES if frame.seq != number]
            with Journal(written, OPUS) as journal:
                assert journal.next_seq == len(FRAMES)
                journal.append(AudioFrame(5, 7, b"more"))
            more = AudioFrame(5, 7, b"more")
            assert list(read(written)) == [*(frame for frame in FRAMES if frame.seq != number), more]
            assert bytes(damaged) == written.read_bytes()[: len(damaged)]


@pytest.mark.parametrize("lost", [0, 1, 30])
def test_a_journal_is_continued_behind_its_last_whole_frame(written: Path, lost: int) -> None:
    written.write_bytes(written.read_bytes()[: written.stat().st_size - lost])
    with Journal(written, OPUS) as journal:
        first = journal.next_seq
        assert first == (4 if lost else 5)
        journal.append(AudioFrame(first, 7, b"more"))
        assert journal.next_seq == first + 1
    assert list(read(written)) == [*FRAMES[:first], AudioFrame(first, 7, b"more")]


@pytest.mark.parametrize("size", [0, 5, len(MAGIC), len(MAGIC) + 10])
def test_a_journal_cut_within_its_head_starts_anew(written: Path, size: int) -> None:
    written.write_bytes(written.read_bytes()[:size])
    assert list(read(written)) == []
    with pytest.raises(StoreError, match="before its first frame"):
        read_audio(written)
    with Journal(written, OPUS) as journal:
        journal.append(FRAMES[0])
    assert list(read(written)) == [FRAMES[0]]


def test_a_journal_is_not_continued_in_another_format(written: Path) -> None:
    with pytest.raises(StoreError, match="another audio format: webm_opus at 48000 Hz"):
        Journal(written, AudioInfo())
    assert list(read(written)) == FRAMES


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"RIFF....WAVE", "not a journal"),
        (b"meeting-journal 3\n{}\n", "later version"),
        (MAGIC + b"[]\n", "damaged"),
        (MAGIC + b'{"pitch": 440}\n', "damaged"),
        (MAGIC + b"\xff" * 5000, "damaged"),
    ],
)
def test_what_is_no_journal_is_a_sentence_and_stays_as_it_is(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    for attempt in (lambda: list(read(path)), lambda: read_audio(path), lambda: Journal(path, OPUS)):
        with pytest.raises(StoreError, match=said):
            attempt()
    assert path.read_bytes() == content


def test_a_missing_journal_is_a_sentence(path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        list(read(path))
    with pytest.raises(StoreError, match="No such file"):
        Journal(path.parent / "nowhere" / "x", OPUS)


def test_a_closed_journal_takes_no_frame(path: Path) -> None:
    journal = Journal(path, OPUS)
    journal.close()
    journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.append(FRAMES[0])


def test_a_frame_that_does_not_fit_on_the_disk_leaves_no_part_of_itself(path: Path) -> None:
    with Journal(path, OPUS) as journal:
        journal.append(AudioFrame(0, 0, b"a" * 1000))
        with files_of_at_most(2000), pytest.raises(StoreError, match="File too large"):
            journal.append(AudioFrame(1, 1, b"b" * 1000))
        journal.append(AudioFrame(1, 1, b"c"))
    frames = [AudioFrame(0, 0, b"a" * 1000), AudioFrame(1, 1, b"c")]
    assert list(read(path)) == frames
    with Journal(path.with_name("never-refused"), OPUS) as journal:
        for frame in frames:
            journal.append(frame)
    assert path.read_bytes() == journal.path.read_bytes()


def test_frames_survive_a_kill(path: Path) -> None:
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from tests.meeting.storage.files.test_journal import FRAMES, OPUS, Journal
        journal = Journal(Path(sys.argv[1]), OPUS)
        for frame in FRAMES:
            journal.append(frame)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).resolve().parents[4]
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=root, check=False, timeout=60)
    assert list(read(path)) == FRAMES


def test_a_journal_can_be_followed_while_it_grows(path: Path) -> None:
    with Journal(path, OPUS) as journal:
        journal.append(FRAMES[0])
        following = follow(path)
        assert [next(following), next(following), next(following)] == [FRAMES[0], None, None]
        for frame in FRAMES[1:3]:
            journal.append(frame)
        assert [next(following), next(following), next(following)] == [*FRAMES[1:3], None]
        following.close()


def test_a_journal_is_locked_while_it_is_written_and_free_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.storage.files.journal.LOCK_TRIES", 2)
    path = tmp_path / "a.journal"
    assert not in_use(path)
    with Journal(path, AudioInfo()):
        assert in_use(path)
        with pytest.raises(StoreError, match="by another process"):
            Journal(path, AudioInfo())
    assert not in_use(path)


def test_a_durable_journal_is_synced_with_its_name_before_it_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(
        "meeting.storage.files.journal.os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_mode)
    )
    with Journal(tmp_path / "a.journal", AudioInfo(), fsync=True) as journal:
        assert [stat.S_ISDIR(mode) for mode in synced] == [False, True]
        journal.append(AudioFrame(0, 0, b"1234"))
    assert len(synced) == 3


def test_a_journal_tells_where_its_last_record_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with Journal(path, AudioInfo()) as journal:
        assert journal.end == path.stat().st_size
        journal.append(AudioFrame(0, 0, b"1234"))
        assert journal.end == path.stat().st_size
    with path.open("ab") as half:
        half.write(b"\x01")
    with Journal(path, AudioInfo()) as journal:
        assert journal.end == path.stat().st_size
