"""Files of recordings on a real disk: what has arrived stays, and nothing else gets in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.errors import Conflict
from meeting.jobs.recording_files import RecordingFiles
from pipelines.errors import StoreError


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """Data as it comes."""
    for piece in data:
        yield piece


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    made = RecordingFiles(tmp_path)
    made.create("a")
    return made


def test_a_recording_comes_in_parts_and_is_for_its_owner_only(files: RecordingFiles) -> None:
    assert asyncio.run(files.append("a", 0, 6, pieces(b"ab", b"c"))) == 3
    assert files.received("a") == files.size("a") == 3
    assert asyncio.run(files.append("a", 3, 6, pieces(b"def"))) == 6
    assert files.path("a").read_bytes() == b"abcdef"
    assert files.path("a").stat().st_mode & 0o777 == 0o600
    assert files.path("a").parent.stat().st_mode & 0o777 == 0o700
    assert files.touched("a") <= datetime.now(timezone.utc)


def test_what_is_acknowledged_is_on_the_disk_where_a_power_cut_must_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []

    def fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append((path.name, path.stat().st_size if path.is_file() else 0))

    monkeypatch.setattr(os, "fsync", fsync)
    for number, wanted in enumerate((False, True)):
        files = RecordingFiles(tmp_path, wanted)
        files.create(f"{number}")
        asyncio.run(files.append(f"{number}", 0, 6, pieces(b"ab", b"c")))
        asyncio.run(files.append(f"{number}", 3, 6, pieces(b"def")))
    assert synced == [("uploads", 0), ("1", 3), ("1", 6)]


@pytest.mark.parametrize("offset", [2, 4])
def test_a_part_that_does_not_fit_says_where_to_go_on(files: RecordingFiles, offset: int) -> None:
    asyncio.run(files.append("a", 0, 6, pieces(b"abc")))
    with pytest.raises(Conflict, match="3 bytes of this recording have arrived"):
        asyncio.run(files.append("a", offset, 6, pieces(b"def")))
    assert files.path("a").read_bytes() == b"abc"


def test_no_more_comes_than_was_said(files: RecordingFiles) -> None:
    with pytest.raises(Conflict, match="said to have 3 bytes"):
        asyncio.run(files.append("a", 0, 3, pieces(b"ab", b"cd")))
    assert files.path("a").read_bytes() == b"ab"


def test_of_two_senders_the_older_one_gives_way(files: RecordingFiles) -> None:
    async def both() -> None:
        gate = asyncio.Event()

        async def hanging() -> AsyncIterator[bytes]:
            yield b"ab"
            await gate.wait()
            yield b"XX"

        older = asyncio.create_task(files.append("a", 0, 6, hanging()))
        while files.received("a") < 2:
            await asyncio.sleep(0.01)
        await files.append("a", 2, 6, pieces(b"cd"))
        gate.set()
        with pytest.raises(Conflict, match="another connection"):
            await older

    asyncio.run(both())
    assert files.path("a").read_bytes() == b"abcd"


def test_a_recording_that_was_removed_does_not_come_back(files: RecordingFiles) -> None:
    async def removed_meanwhile() -> AsyncIterator[bytes]:
        yield b"ab"
        files.remove("a")
        yield b"cd"

    with pytest.raises(StoreError):
        asyncio.run(files.append("a", 0, 6, removed_meanwhile()))
    assert not files.path("a").exists()
    files.remove("a")
    with pytest.raises(StoreError):
        files.received("a")
    assert files.size("a") is None


def test_files_of_no_job_are_removed(files: RecordingFiles, tmp_path: Path) -> None:
    files.create("b")
    files.remove_strays({"b"})
    assert [path.name for path in files.path("b").parent.iterdir()] == ["b"]
    RecordingFiles(tmp_path / "new").remove_strays(set())
