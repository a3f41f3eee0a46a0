"""The transcript as a reducer over the outputs of a pipeline, and the rules of merged speakers.

No clock, no input or output: the same outputs in the same order give the same transcript.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from pipelines.types import Output, Segment, Speaker, SpeakersRevised

Name = TypeVar("Name", str, tuple[str, str])
"""What a speaker is called: an id, or where several sources have speakers of their own a source and an id"""
Place = tuple[int, str]
"""Where a line stands among the others: its start in samples, then its id"""


class Transcript:
    """Everything said so far; cheap to update however long the meeting is."""

    def __init__(self, segments: Iterable[Segment] = (), speakers: Iterable[Speaker] = ()) -> None:
        self._segments: dict[str, Segment] = {}
        self._revs: dict[str, int] = {}  # outlives a withdrawal, so that a late older revision cannot undo it
        # Kept sorted with every change: sorting all lines whenever they are read would cost more in a long meeting.
        self._order: list[Place] = []
        self._speakers: dict[str, Speaker] = {}
        self._finals = 0
        for segment in segments:
            self.apply(segment)
        for speaker in speakers:
            self.apply(speaker)

    def apply(self, output: Output) -> bool:
        """Take in one output; false when it changed nothing (stale, or not about text or speakers)."""
        if isinstance(output, Segment):
            return self._segment(output)
        if isinstance(output, SpeakersRevised):
            return sum(self._label(c.id, c.rev, c.after) for c in output.changes) > 0
        if isinstance(output, Speaker):
            changed = self._speakers.get(output.id) != output
            self._speakers[output.id] = output
            return changed
        return False

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments with words, in order of start, then id."""
        return tuple(self._segments[id_] for _, id_ in self._order)

    @property
    def speakers(self) -> tuple[Speaker, ...]:
        """Speakers in order of first appearance."""
        return tuple(self._speakers.values())

    @property
    def count(self) -> int:
        """Number of final segments with words."""
        return self._finals

    def segment(self, id_: str) -> Segment | None:
        """The newest revision of a segment; None when there is none or it was withdrawn."""
        return self._segments.get(id_)

    def rev(self, id_: str) -> int:
        """The newest revision of a segment, also of one that was withdrawn; 0 when there was none."""
        return self._revs.get(id_, 0)

    def speaker(self, id_: str) -> Speaker | None:
        """A speaker by its id."""
        return self._speakers.get(id_)

    def copy(self) -> Transcript:
        """The same as now, from then on by itself."""
        made = Transcript()
        made._segments, made._revs = self._segments.copy(), self._revs.copy()
        made._order, made._speakers = self._order.copy(), self._speakers.copy()
        made._finals = self._finals
        return made

    def before(self, place: Place | None) -> int:
        """How many lines stand before a place; all where it is None."""
        return len(self._order) if place is None else bisect_left(self._order, place)

    def backwards(self, place: Place | None) -> Iterator[tuple[Place, Segment]]:
        """The lines before a place, or all where it is None, the last one first; not to be changed meanwhile."""
        for at in range(self.before(place) - 1, -1, -1):
            yield self._order[at], self._segments[self._order[at][1]]

    def _segment(self, segment: Segment) -> bool:
        if segment.rev <= self._revs.get(segment.id, -1):
            return False
        self._revs[segment.id] = segment.rev
        before = self._segments.pop(segment.id, None)
        # Without words it is withdrawn. One that was never shown may be: then nothing has changed.
        after = segment if segment.words else None
        self._place(before, after)
        self._finals += (after is not None and after.final) - (before is not None and before.final)
        if after is not None:
            self._segments[after.id] = after
        return before is not None or after is not None

    def _place(self, before: Segment | None, after: Segment | None) -> None:
        old = None if before is None else (before.span.start, before.id)
        new = None if after is None else (after.span.start, after.id)
        if old == new:
            return
        if old is not None:
            del self._order[bisect_left(self._order, old)]
        if new is not None:
            insort(self._order, new)

    def _label(self, id_: str, rev: int, speaker: str | None) -> bool:
        segment = self._segments.get(id_)
        if segment is None or rev <= segment.rev:  # withdrawn, or labelled anew since
            return False
        self._revs[id_] = rev
        self._segments[id_] = replace(segment, rev=rev, speaker=speaker)
        return True


def resolve(speakers: Iterable[Speaker]) -> dict[str, str]:
    """For every speaker id, the id of the speaker that it turned out to be; itself where it stands alone."""
    into = {speaker.id: speaker.merged_into for speaker in speakers}
    return {id_: follow(id_, into) for id_ in into}


def follow(id_: Name, into: Mapping[Name, Name | None]) -> Name:
    """The speaker that one turned out to be, `into` giving for each the one that it was merged into."""
    seen = {id_}
    while (target := into.get(id_)) is not None:
        if target in seen:  # a ring, which only damaged data can hold: any one of it, but always the same
            return min(seen)
        seen.add(target)
        id_ = target
    return id_
