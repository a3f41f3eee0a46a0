"""What the readers of a running meeting have been told of its lines, as ready text, and how later readers get it.

A reader gets the newest lines at once and the earlier ones part by part, each made when it can take it. A part shows
the lines as they are at that moment, so that a reader who then hears of every change knows what all others know.
No clock, no input or output.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from weakref import WeakSet

from meeting.core.messages import EarlierMessage, SegmentMessage, SnapshotMessage, encode, encode_with_lines
from meeting.core.transcript import Place, Transcript
from pipelines.types import Segment, SpeakersRevised

SNAPSHOT_BYTES = 256_000
"""Size of the lines in a snapshot, about: a short meeting is whole in it"""
PART_BYTES = 128_000
"""Size of the lines in each part of the earlier ones, about: what a reader that takes nothing more holds at most"""
PART_LINES = 500
"""Lines in one message, at most"""

CACHE_BYTES = 1_000_000
"""Size of the encoded lines that are kept for whoever comes next"""
CACHE_BYTES_READING = 8_000_000
"""The same while somebody is being told earlier lines: those who come at once are told the same ones"""


def take_lines(backwards: Iterable[tuple[Place, str]], size: int) -> tuple[list[str], Place | None]:
    """The text frames of the lines that one message takes, `size` bytes of them, about; in order of time.

    `backwards` gives lines from the last one on, and is taken no further. Also the place of the first of them.
    """
    found: list[str] = []
    first, held = None, 0
    for place, text in backwards:
        first = place
        found.append(text)
        held += sys.getsizeof(text)
        if held >= size or len(found) == PART_LINES:
            break
    return found[::-1], first


class History:
    """The lines of one meeting as its readers know them."""

    def __init__(self, transcript: Transcript) -> None:
        """`transcript` is what they have been told so far."""
        self._sent = transcript.copy()
        self._revision = 0
        self._encoded: OrderedDict[str, tuple[Segment, str]] = OrderedDict()
        self._size = 0
        self._reading: WeakSet[EarlierLines] = WeakSet()
        self._snapshot: tuple[int, SnapshotMessage, str, Place | None] | None = None

    def add(self, change: Segment | SpeakersRevised, text: str) -> None:
        """Note what is sent to everybody now, and as which text frame."""
        if not self._sent.apply(change):
            return
        self._revision += 1
        if isinstance(change, Segment):
            self._forget(change.id)
            if change.words:
                self._keep(change, text)

    def snapshot(self, head: SnapshotMessage) -> tuple[str, EarlierLines | None]:
        """The text frame of a snapshot, the same for all at one revision, and the lines before those in it, if any.

        `head` is all of it but the lines.
        """
        cached = self._snapshot
        if cached is None or cached[0] != self._revision or cached[1] != head:
            lines, place, left = self.lines(None, SNAPSHOT_BYTES)
            whole = replace(head, earlier=left)
            self._snapshot = cached = (self._revision, head, encode_with_lines(whole, lines), place if left else None)
        _, _, text, place = cached
        return text, None if place is None else EarlierLines(self, place)

    def lines(self, place: Place | None, size: int) -> tuple[list[str], Place | None, int]:
        """The text frames of the last lines before a place, up to `size` bytes, in order of time.

        Also the place of the first of them, and how many lines stand before it.
        """
        found, first = take_lines(((at, self._text(segment)) for at, segment in self._sent.backwards(place)), size)
        return found, first or place, 0 if first is None else self._sent.before(first)

    def set_reading(self, earlier: EarlierLines, reading: bool) -> None:
        """Note whether somebody is being sent earlier lines."""
        (self._reading.add if reading else self._reading.discard)(earlier)
        self._trim()

    def _text(self, segment: Segment) -> str:
        cached = self._encoded.get(segment.id)
        if cached is not None and cached[0] is segment:
            return cached[1]
        self._forget(segment.id)
        text = encode(SegmentMessage.of(segment))
        self._keep(segment, text)
        return text

    def _keep(self, segment: Segment, text: str) -> None:
        self._encoded[segment.id] = (segment, text)
        self._size += sys.getsizeof(text)
        self._trim()

    def _forget(self, id_: str) -> None:
        cached = self._encoded.pop(id_, None)
        if cached is not None:
            self._size -= sys.getsizeof(cached[1])

    def _trim(self) -> None:
        most = CACHE_BYTES_READING if self._reading else CACHE_BYTES
        while self._size > most:
            self._size -= sys.getsizeof(self._encoded.popitem(last=False)[1][1])


class EarlierLines:
    """How far one reader has got with the earlier lines; calling it gives the next part, None when there is no more."""

    def __init__(self, history: History, place: Place) -> None:
        self._history = history
        self._place: Place | None = place
        history.set_reading(self, True)

    def __call__(self) -> str | None:
        """The next text frame, as the lines are now."""
        if self._place is None:
            return None
        lines, place, left = self._history.lines(self._place, PART_BYTES)
        self._place = place if left else None
        if self._place is None:
            self._history.set_reading(self, False)
        return encode_with_lines(EarlierMessage((), left), lines)
