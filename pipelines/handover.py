"""What passes between a source's thread and its decoder's: bytes one way, audio the other, both of them bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from .types import SAMPLE_RATE, Samples

PIECE = 10 * SAMPLE_RATE
"""Samples from which on the decoder waits until they are taken: a few bytes may hold hours"""


class Handover:
    """A file-like object whose `read` waits for bytes; `pieces` gives what has been made of them.

    That hand-over makes decoding in another thread look like a plain function call: `pieces` ends when the decoder
    has done all it can with what it was given, so that results never depend on timing.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._bytes = b""
        self._ended = False
        self._hungry = False
        self._dead = False
        self._closed = False
        self._audio: list[Samples] = []
        self._size = 0

    # The decoder's side

    def read(self, size: int) -> bytes:
        """The next bytes, waiting for them; empty only at the end."""
        with self._changed:
            while not self._bytes and not self._ended:
                self._hungry = True
                self._changed.notify_all()
                self._changed.wait()
            self._hungry = False
            taken, self._bytes = self._bytes[:size], self._bytes[size:]
            return taken

    def give(self, audio: Samples) -> bool:
        """Hand over audio, waiting while a whole piece is not taken; false once nobody takes any more."""
        with self._changed:
            self._audio.append(audio)
            self._size += len(audio)
            self._changed.notify_all()
            while self._size >= PIECE and not self._closed:
                self._changed.wait()
            return not self._closed

    def die(self) -> None:
        """The decoder has stopped."""
        with self._changed:
            self._dead = True
            self._changed.notify_all()

    # The source's side

    def put(self, data: bytes, end: bool = False) -> None:
        """Hand over bytes, and say whether they are the last."""
        with self._changed:
            if not self._dead:
                self._bytes += data
            self._ended = self._ended or end
            self._hungry = False
            self._changed.notify_all()

    def pieces(self) -> Iterator[Samples]:
        """What comes of the bytes so far, `PIECE` and a frame of the decoder at most at a time; waits for it."""
        more = True
        while more:
            with self._changed:
                while not (self._dead or self._size >= PIECE or self._idle):
                    self._changed.wait()
                more = self._size >= PIECE
                audio, self._audio, self._size = self._audio, [], 0
                self._changed.notify_all()
            if audio:
                yield np.concatenate(audio)

    @property
    def _idle(self) -> bool:
        return self._hungry and not self._bytes and not self._ended

    def close(self) -> None:
        """Take nothing more: the decoder ends as soon as it asks for bytes or gives audio."""
        with self._changed:
            self._bytes, self._ended, self._closed = b"", True, True
            self._changed.notify_all()
