"""Frames that a server has not confirmed yet: bounded in bytes, and sent again from wherever it says."""

from __future__ import annotations

from collections import deque

from meeting.client.errors import SourceLost
from meeting.core.messages import AudioFrame


class FrameBuffer:
    """Numbered frames from the first one that is not acknowledged; pure.

    >>> buffer = FrameBuffer(max_bytes=8)
    >>> buffer.append(b"abcd", 0), buffer.append(b"efgh", 250)
    (0, 1)
    >>> buffer.fits(1)
    False
    >>> buffer.acknowledge(0)
    >>> buffer.fits(4)
    True
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._frames: deque[AudioFrame] = deque()
        self._bytes = 0
        self._first = 0
        self._cursor = 0

    @property
    def next_seq(self) -> int:
        """Number of the frame that is appended next."""
        return self._first + len(self._frames)

    @property
    def unacknowledged(self) -> int:
        """Frames that are held."""
        return len(self._frames)

    @property
    def in_flight(self) -> int:
        """Frames that were sent and are not confirmed."""
        return self._cursor - self._first

    def fits(self, size: int) -> bool:
        """Whether so many bytes more may be held; an empty buffer takes a frame of any size."""
        return not self._frames or self._bytes + size <= self._max_bytes

    def append(self, payload: bytes, capture_us: int) -> int:
        """Hold one more frame; its number."""
        self._frames.append(AudioFrame(self.next_seq, capture_us, payload))
        self._bytes += len(payload)
        return self.next_seq - 1

    def acknowledge(self, seq: int) -> None:
        """Every frame up to `seq` is on the server's disk: forget them."""
        while self._frames and self._first <= seq:
            self._bytes -= len(self._frames.popleft().payload)
            self._first += 1
        self._cursor = max(self._cursor, self._first)

    def next_unsent(self) -> AudioFrame | None:
        """The frame whose turn it is, which then counts as sent; None when all were."""
        if self._cursor >= self.next_seq:
            return None
        frame = self._frames[self._cursor - self._first]
        self._cursor += 1
        return frame

    def resume_at(self, next_seq: int) -> None:
        """A new connection goes on with this frame, or the first one that is still held; raises SourceLost.

        A server that lost what it had confirmed, as by a power cut, asks for frames that are gone: it is sent those
        that there are, and keeps a gap.
        """
        if next_seq > self.next_seq:
            raise SourceLost("the server has audio of this source that did not come from here")
        self.acknowledge(next_seq - 1)
        self._cursor = max(next_seq, self._first)
