"""The lines of all sources: as their pipelines have them, and as they were last told."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.types import Segment, Span


@dataclass(slots=True)
class Line:
    """One line of a source, in the meeting's time."""

    own: Segment
    """As its pipeline has it, with its pipeline's speaker and revision"""
    told: Segment | None = None
    """As the meeting was last told; None before that"""

    def next_rev(self) -> int:
        """The revision of what the meeting is told next: no lower than the pipeline's, higher than the last."""
        return self.own.rev if self.told is None else max(self.own.rev, self.told.rev + 1)


class Lines:
    """Lines by id and by time. Looking into a stretch takes time for that stretch only, however long the meeting is."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._order: list[tuple[int, str]] = []
        self._longest = 0

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def get(self, id_: str) -> Line | None:
        """A line by its id; None where there is none."""
        return self._lines.get(id_)

    def put(self, segment: Segment) -> Span:
        """A line as its pipeline has it now; the span that it and the one before take. Older ones change nothing."""
        line = self._lines.get(segment.id)
        if line is None:
            self._lines[segment.id] = Line(segment)
            insort(self._order, (segment.span.start, segment.id))
            changed = segment.span
        elif segment.rev <= line.own.rev:
            return Span(segment.span.start, segment.span.start)
        else:
            before, line.own = line.own, segment
            if before.span.start != segment.span.start:
                del self._order[bisect_left(self._order, (before.span.start, before.id))]
                insort(self._order, (segment.span.start, segment.id))
            changed = before.span | segment.span
        self._longest = max(self._longest, len(segment.span))
        return changed

    def near(self, span: Span) -> list[Line]:
        """The lines that meet a span, in order of time."""
        first = bisect_left(self._order, (span.start - self._longest, ""))
        last = bisect_right(self._order, (span.end, "\U0010ffff"))
        lines = (self._lines[id_] for _, id_ in self._order[first:last])
        return [line for line in lines if line.own.span.end >= span.start]


def with_words(segment: Segment, kept: Sequence[bool]) -> Segment:
    """A line with only those of its words that are kept; without any it is withdrawn."""
    words = tuple(word for word, keep in zip(segment.words, kept, strict=True) if keep)
    if len(words) == len(segment.words):
        return segment
    if not words:
        return replace(segment, speaker=None, words=(), stable_chars=0, overlap=False)
    sure, chars, at = 0, 0, -1
    for word, keep in zip(segment.words, kept, strict=True):
        at += 1 + len(word.text)
        if at > segment.stable_chars:
            break
        if keep:
            sure, chars = sure + 1, chars + len(word.text)
    span = Span(words[0].span.start, words[-1].span.end)
    return replace(segment, span=span, words=words, stable_chars=chars + max(0, sure - 1))
