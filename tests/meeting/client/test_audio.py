"""Audio in the forms in which programs have it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meeting.client.audio import audio_info, container_of, pieces_of, with_head
from meeting.client.errors import ClientError
from tests.conftest import ROOT


def collected(audio: Any, size: int = 4) -> list[bytes]:
    async def run() -> list[bytes]:
        return [piece async for piece in pieces_of(audio, size)]

    return asyncio.run(run())


async def later(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\0\0\0\0WAVE", "wav"),
        (b"fLaC" + bytes(8), "flac"),
        (b"OggS" + bytes(8), "ogg"),
        (b"\x1a\x45\xdf\xa3" + bytes(8), "webm"),
        (b"ID3" + bytes(9), "mp3"),
        (b"\xff\xfb" + bytes(10), "mp3"),
        (b"\0\0\0\x20ftypM4A ", "m4a"),
        (bytes(12), None),
        (b"RIFF", None),
        (b"", None),
    ],
)
def test_a_container_is_told_by_its_first_bytes(head: bytes, name: str | None) -> None:
    assert container_of(head) == name


def test_raw_samples_have_to_be_declared() -> None:
    with pytest.raises(ClientError, match=r"talk\.bin is no WAV"):
        audio_info(bytes(12), "talk.bin")
    assert audio_info((ROOT / "web" / "sample" / "sample.flac").read_bytes()[:12]).encoding == "flac"


def test_pieces_are_the_same_bytes_whatever_they_come_in(tmp_path: Path) -> None:
    data = bytes(range(11))
    (tmp_path / "a").write_bytes(data)
    wanted = [data[:4], data[4:8], data[8:]]
    for given in (tmp_path / "a", data, io.BytesIO(data), [data], later(data)):
        assert collected(given) == wanted
    assert collected(later(b"ab", b"", b"cdefg")) == [b"ab", b"cdef", b"g"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="cannot be read: No such file"):
        collected(tmp_path / "nothing")


def test_looking_at_the_head_takes_nothing_away() -> None:
    async def run(*parts: bytes) -> tuple[bytes, bytes]:
        head, rest = await with_head(later(*parts))
        return head, b"".join([piece async for piece in rest])

    assert asyncio.run(run(b"abc", b"defghijkl", b"mn")) == (b"abcdefghijkl", b"abcdefghijklmn")
    assert asyncio.run(run(b"a")) == (b"a", b"a")
    assert asyncio.run(run()) == (b"", b"")
