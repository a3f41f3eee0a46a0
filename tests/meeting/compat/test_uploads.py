"""Recordings on disk while they are heard."""

from __future__ import annotations

import asyncio
import resource
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meeting.compat.uploads import MEMORY_BYTES, PIECE_BYTES, Uploads, pieces_of, put_aside
from meeting.core.errors import ErrorCode, ProtocolError
from pipelines.errors import StoreError
from tests.meeting.compat.test_mp4 import recorded, sent


async def coming(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(*pieces: bytes) -> list[bytes]:
    async def run() -> list[bytes]:
        async with put_aside(coming(*pieces)) as file:
            return [piece async for piece in pieces_of(file)]

    return asyncio.run(run())


@contextmanager
def full(bytes_: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_recording_comes_back_in_pieces_and_one_with_its_index_at_the_end_in_another_order() -> None:
    assert b"".join(read(b"ab", b"", b"c")) == b"abc"
    assert [len(piece) for piece in read(bytes(2 * PIECE_BYTES + 5))] == [PIECE_BYTES, PIECE_BYTES, 5]
    assert b"".join(read(recorded(1.0))) == sent(recorded(1.0))


def test_only_so_many_are_on_their_way_at_once() -> None:
    uploads = Uploads(1)
    for _ in range(2):
        with uploads.one(), pytest.raises(ProtocolError) as refused, uploads.one():
            pass
        assert refused.value.code == ErrorCode.TOO_MANY


def test_a_full_disk_is_told_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with full(MEMORY_BYTES), pytest.raises(StoreError, match=r"\(TMPDIR\): File too large"):
        read(bytes(MEMORY_BYTES), bytes(MEMORY_BYTES))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_without_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match=r"\(TMPDIR\): there is none$"):
        read(bytes(MEMORY_BYTES + 1))
