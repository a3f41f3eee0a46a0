"""How restless text is while it grows: how often another source is shown in the place of each word."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from meeting.evaluation.scores import Share
from pipelines.types import Segment, samples

NEAR = samples(0.1)
"""How far from its words a line is shown: sources place the same word a little differently"""


def changes(told: Iterable[Sequence[Segment]], lines: Iterable[Segment]) -> Share:
    """By words shown in the end, how many times the source had changed that was shown in their place.

    `told` are the lines as they were told, those that were told at once together. A place in which nothing is shown
    for a while has not changed its source.
    """
    places = sorted((word.span.start + word.span.end) // 2 for line in lines for word in line.words)
    showing: list[dict[str, str]] = [{} for _ in places]
    """By place: the source of each line that is shown there"""
    shown: list[str | None] = [None] * len(places)
    covers: dict[str, set[int]] = {}
    count = 0
    for at_once in told:
        touched = set[int]()
        for line in at_once:
            now = _places(line, places)
            for at in covers.get(line.id, set()) - now:
                del showing[at][line.id]
            for at in now:
                showing[at][line.id] = line.source_id
            touched |= covers.get(line.id, set()) | now
            covers[line.id] = now
        for at in touched:
            sources = sorted(showing[at].values())
            if sources and shown[at] not in sources:
                count += shown[at] is not None
                shown[at] = sources[0]
    return Share(count, len(places))


def _places(line: Segment, places: Sequence[int]) -> set[int]:
    """Where a line is shown, by number."""
    spans = (word.span for word in line.words)
    return {
        at
        for span in spans
        for at in range(bisect_left(places, span.start - NEAR), bisect_right(places, span.end + NEAR))
    }
