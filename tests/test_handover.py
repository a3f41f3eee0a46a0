"""Bytes one way and audio the other, between two threads; neither ever waits for more than the other has."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from pipelines.handover import PIECE, Handover
from pipelines.types import Samples


def decoder(handover: Handover, decode: Callable[[bytes], list[Samples]]) -> threading.Thread:
    """A thread that makes audio of bytes, ten at a time."""

    def work() -> None:
        while data := handover.read(10):
            for audio in decode(data):
                if not handover.give(audio):
                    break
        handover.die()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def one_for_each(data: bytes) -> list[Samples]:
    """A sample for each byte."""
    return [np.frombuffer(data, np.uint8).astype(np.float32)]


def much(data: bytes) -> list[Samples]:
    """Three tenths of a piece for each byte."""
    return [np.full(3 * PIECE // 10, byte, np.float32) for byte in data]


def test_pieces_end_when_all_that_was_put_has_been_decoded() -> None:
    handover = Handover()
    thread = decoder(handover, one_for_each)
    for data in (b"abc", b"", b"0123456789abcdefghij", b"z"):
        handover.put(data)
        assert b"".join(piece.astype(np.uint8).tobytes() for piece in handover.pieces()) == data
    handover.put(b"end", end=True)
    assert sum(map(len, handover.pieces())) == 3
    thread.join(20)
    assert not thread.is_alive()


def test_audio_comes_in_pieces_and_the_decoder_is_never_further_ahead_than_one() -> None:
    made: list[int] = []

    def counted(data: bytes) -> list[Samples]:
        made.append(len(data))
        return much(data)

    handover = Handover()
    thread = decoder(handover, counted)
    handover.put(bytes(range(100)))
    pieces = handover.pieces()
    assert len(next(pieces)) == 12 * PIECE // 10
    assert sum(made) <= 20  # of 100 bytes
    rest = list(pieces)
    assert {len(piece) for piece in rest} == {12 * PIECE // 10}
    assert len(rest) == 24
    np.testing.assert_array_equal([piece[0] for piece in rest], np.arange(4, 100, 4))
    handover.put(b"", end=True)
    assert list(handover.pieces()) == []
    thread.join(20)


def test_what_was_not_taken_comes_with_what_is_put_next() -> None:
    handover = Handover()
    thread = decoder(handover, one_for_each)
    handover.put(b"abc")
    handover.put(b"de", end=True)
    assert sum(map(len, handover.pieces())) == 5
    thread.join(20)


def test_a_decoder_that_waits_to_give_ends_once_nobody_takes() -> None:
    handover = Handover()
    thread = decoder(handover, much)
    handover.put(bytes(100))
    next(handover.pieces())
    handover.close()
    thread.join(20)
    assert not thread.is_alive()


def test_nothing_is_waited_for_once_the_decoder_has_stopped() -> None:
    handover = Handover()
    handover.die()
    handover.put(b"abc")
    assert list(handover.pieces()) == []
