"""A transcript as plain lines, for a pipe or a file: each line once it is final, and again when it was put right."""

from __future__ import annotations

from meeting.client.transcript import TranscriptState
from meeting.core.messages import SegmentMessage
from meeting.core.terminal_text import printable

SETTLED = 3.0
"""Seconds for which a line must have stayed as it is: words and speakers of what was just said still move"""
PATIENCE = 15.0
"""Seconds that a line waits for its speaker, before it is printed without"""


def clock(seconds: float) -> str:
    """A time of a meeting, such as "1:02:03" or "02:03".

    >>> clock(3723.9), clock(123)
    ('1:02:03', '02:03')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{hours}:{minutes}" if hours else minutes


class PlainLines:
    """Says which lines are to be printed now; pure. Times are seconds on any steady clock."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, float]] = {}
        """Lines as they are, and since when"""
        self._printed: dict[str, str] = {}

    def due(self, state: TranscriptState, now: float, over: bool = False) -> list[str]:
        """Lines that are new, in their order, or no longer as they were printed; all of them once it is `over`."""
        lines: list[str] = []
        waits = False
        segments = state.segments
        for line in segments:
            text = f"{clock(line.start)} {printable(state.name_of(line.speaker))}: {printable(line.text)}"
            ready = over or self._settled(line, text, now)
            if line.id in self._printed:
                lines += self._corrected(line.id, text) if ready else []
            elif not ready:
                waits = True
            elif not waits:
                self._printed[line.id] = text
                lines.append(text)
        gone = self._seen.keys() - {line.id for line in segments}
        for id_ in sorted(gone):
            del self._seen[id_]
            if (before := self._printed.pop(id_, None)) is not None:
                lines.append(f"{before}  (withdrawn)")
        return lines

    def _settled(self, line: SegmentMessage, text: str, now: float) -> bool:
        known = self._seen.get(line.id)
        if known is None or known[0] != text:
            self._seen[line.id] = known = (text, now)
        stood = now - known[1]
        return line.final and stood >= (SETTLED if line.speaker is not None else PATIENCE)

    def _corrected(self, id_: str, text: str) -> list[str]:
        if self._printed[id_] == text:
            return []
        self._printed[id_] = text
        return [f"{text}  (corrected)"]
