"""Where the samples of a source stand in its meeting, and which of them is heard at a time of it, by its anchors.

Between two anchors it is linear; before the first and behind the last a source runs as the meeting does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.types import Span

Anchor = tuple[int, int]
"""A sample of a source, and where it stands in the meeting"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a meeting in which a source runs at one speed."""

    span: Span
    """In the meeting"""
    anchor: Anchor
    """A sample of the source, and where it stands"""
    own: int = 1
    """Samples of the source that are heard in as many of the meeting as the next says"""
    meeting: int = 1


def in_meeting(anchors: Sequence[Anchor], sample: int) -> int:
    """Where a sample of a source stands in the meeting."""
    at = bisect_right(anchors, sample, key=lambda anchor: anchor[0]) - 1
    own, meeting = anchors[max(at, 0)] if anchors else (0, 0)
    if at < 0 or at == len(anchors) - 1:
        return max(0, meeting + sample - own)
    later, end = anchors[at + 1]
    return meeting + (sample - own) * (end - meeting) // (later - own)


def in_source(anchors: Sequence[Anchor], sample: int) -> int:
    """Which sample of a source is heard at a sample of the meeting; 0 where it has not begun."""
    stretch = next(stretches(anchors, Span(sample, sample + 1)))
    own, meeting = stretch.anchor
    return max(0, own + (sample - meeting) * stretch.own // stretch.meeting)


def span_in_source(anchors: Sequence[Anchor], span: Span) -> Span:
    """What of a source is heard in a part of the meeting."""
    return Span(in_source(anchors, span.start), in_source(anchors, span.end))


def stretches(anchors: Sequence[Anchor], span: Span) -> Iterator[Stretch]:
    """A part of a meeting, cut where a source's speed changes, in order."""
    known = anchors or ((0, 0),)
    start = span.start
    while start < span.end:
        at = bisect_right(known, start, key=lambda anchor: anchor[1]) - 1
        later = known[at + 1] if at + 1 < len(known) else None
        end = span.end if later is None else min(span.end, later[1])
        anchor = known[max(at, 0)]
        if at < 0 or later is None:
            yield Stretch(Span(start, end), anchor)
        else:
            yield Stretch(Span(start, end), anchor, later[0] - anchor[0], later[1] - anchor[1])
        start = end
