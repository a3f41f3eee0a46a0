"""Where audio comes from."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from meeting.core.messages import AudioInfo
from meeting.listen.inputs import Input, open_input
from pipelines.errors import AudioError
from tests.conftest import Sample
from tests.meeting.recordings.test_replay import recording

RAW = AudioInfo("pcm_f32le", 48_000, 2)


def opened(what: str, stdin: BinaryIO | None = None, speed: float | None = None) -> tuple[Input, bytes]:
    """An input, and all that it gives."""

    async def run() -> tuple[Input, bytes]:
        found = await open_input(what, RAW, speed, stdin or io.BytesIO())
        return found, b"".join([piece async for piece in found.pieces])

    return asyncio.run(run())


def test_a_file_is_decoded_here_whatever_it_is(sample: Sample) -> None:
    found, audio = opened(str(sample.audio))
    assert (found.name, found.info.encoding) == ("sample", "pcm_f32le")
    assert len(audio) == 4 * len(sample.samples())


def test_a_file_may_be_read_at_the_pace_of_speech(tmp_path: Path) -> None:
    began = time.monotonic()
    opened(str(recording(tmp_path, 1.0)), speed=2.0)
    assert 0.45 < time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["none.wav", "."])
def test_a_file_that_is_none_is_told(name: str) -> None:
    with pytest.raises(AudioError):
        opened(name)


def test_the_standard_input_is_a_container_or_what_was_declared(sample: Sample) -> None:
    data = sample.audio.read_bytes()[:100_000]
    found, audio = opened("-", io.BytesIO(data))
    assert (found.info.encoding, audio) == ("flac", data)
    found, audio = opened("-", io.BytesIO(bytes(100)))
    assert (found.info, audio) == (RAW, bytes(100))


def test_an_empty_standard_input_is_told() -> None:
    with pytest.raises(AudioError, match="nothing came from the standard input"):
        opened("-")


def test_a_keyboard_is_no_audio() -> None:
    parent, child = os.openpty()
    with open(child, "rb", buffering=0) as terminal, pytest.raises(AudioError, match="is a terminal"):
        opened("-", terminal)  # type: ignore[arg-type]
    os.close(parent)


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends of a pipe."""
    there, here = os.pipe()
    with open(there, "rb") as read, open(here, "wb", buffering=0) as write:
        yield read, write


def test_what_comes_through_a_pipe_is_there_at_once_and_nobody_waits_for_its_end(
    pipe: tuple[BinaryIO, BinaryIO],
) -> None:
    read, write = pipe

    async def run() -> bytes:
        write.write(bytes(20))
        found = await open_input("-", RAW, None, read)
        return await anext(found.pieces)

    assert asyncio.run(asyncio.wait_for(run(), 10)) == bytes(20)
    write.write(b"x")


def test_a_pipe_is_read_no_faster_than_it_is_taken(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    read, write = pipe
    os.set_blocking(write.fileno(), False)

    async def run() -> int:
        write.write(bytes(20))
        await open_input("-", RAW, None, read)
        written = 0
        for _ in range(30):
            await asyncio.sleep(0.01)
            written += write.write(bytes(100_000)) or 0
        return written

    assert asyncio.run(run()) < 1_000_000
