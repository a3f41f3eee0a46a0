"""Recordings as raw samples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from meeting.recordings.pcm import decoded_in_thread, open_recording, to_pieces
from pipelines.errors import AudioError
from tests.meeting.recordings.test_replay import recording


def test_pieces_have_their_size_and_hold_every_sample() -> None:
    chunks = [np.arange(start, start + 7, dtype=np.float32) for start in (0, 7, 14)]
    pieces = list(to_pieces(iter(chunks), 5))
    assert [len(piece) for piece in pieces] == [20, 20, 20, 20, 4]
    assert np.frombuffer(b"".join(pieces), "<f4").tolist() == list(range(21))


def test_nothing_becomes_nothing() -> None:
    assert list(to_pieces(iter([]), 5)) == []


def test_a_recording_is_looked_at_when_it_is_opened(tmp_path: Path) -> None:
    assert sum(map(len, open_recording(recording(tmp_path, 2.5)))) == 40_000
    with pytest.raises(AudioError):
        open_recording(tmp_path / "none.wav")


def test_decoding_in_a_thread_gives_the_same_and_what_is_wrong() -> None:
    def broken() -> object:
        yield b"a"
        raise AudioError("damaged")

    async def run() -> list[bytes]:
        assert [piece async for piece in decoded_in_thread(iter([b"a", b"b"]))] == [b"a", b"b"]
        seen = []
        with pytest.raises(AudioError, match="damaged"):  # noqa: PT012
            async for piece in decoded_in_thread(broken()):  # type: ignore[arg-type]
                seen.append(piece)
        return seen

    assert asyncio.run(run()) == [b"a"]
