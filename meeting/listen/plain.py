"""A transcript as plain lines, for a pipe or a file: each line once it is final, and again when it was put right."""

from __future__ import annotations

from meeting.client.transcript import TranscriptState
from meeting.core.messages import SegmentMessage
from meeting.core.terminal_text import printable

PATIENCE = 10.0
"""Seconds of audio that a final line waits for its speaker, before it is printed without"""


def clock(seconds: float) -> str:
    """A time of a meeting, such as "1:02:03" or "02:03".

    >>> clock(3723.9), clock(123)
    ('1:02:03', '02:03')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{hours}:{minutes}" if hours else minutes


class PlainLines:
    """Says which lines are to be printed now; pure."""

    def __init__(self) -> None:
        self._printed: dict[str, tuple[str, str]] = {}

    def due(self, state: TranscriptState, over: bool = False) -> list[str]:
        """Lines that are new or no longer as they were printed; once it is `over`, all that still wait."""
        lines = []
        segments = state.segments
        newest = max((line.end for line in segments), default=0.0)
        for line in segments:
            if line.final and (over or line.speaker is not None or newest - line.end > PATIENCE):
                lines += self._line(line, state.name_of(line.speaker))
        for gone in self._printed.keys() - {line.id for line in segments}:
            before = self._printed.pop(gone)
            lines.append(f"(withdrawn) {before[0]}: {before[1]}")
        return lines

    def _line(self, line: SegmentMessage, name: str) -> list[str]:
        shown = printable(name), printable(line.text)
        before = self._printed.get(line.id)
        if before == shown:
            return []
        self._printed[line.id] = shown
        return [f"{clock(line.start)} {shown[0]}: {shown[1]}" + ("" if before is None else "  (corrected)")]
