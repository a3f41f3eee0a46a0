"""What is kept of a stored transcript where its audio is lost, so that it cannot be replayed; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript
from pipelines.types import Segment, Span, TurnsRevised

Lost = Sequence[tuple[str, Span]]
"""Where audio is lost: of which source, and when in the meeting"""


def salvage(stored: Transcript, lost: Lost, edits: Edits) -> Edits:
    """The edits, with the stored lines of which a word was said where audio of their source is lost.

    Among the edits nothing automatic changes them any more. Unlike a line that a person has edited, such a line keeps
    the words and the speaker that were recognised. Those that people have edited are among the edits already.
    """
    lines = {
        segment.id: EditedLine(segment, segment.words, False)
        for segment in stored.segments
        if segment.final and segment.id not in edits.lines and _said_in(segment, lost)
    }
    return replace(edits, lines={**edits.lines, **lines}) if lines else edits


def turns_outside(revised: TurnsRevised, lost: Iterable[Span]) -> list[TurnsRevised]:
    """A revision of turns as far as it is about audio that is there: what was stored about lost audio stays."""
    spans = [revised.span]
    for gap in lost:
        cut = ((span & Span(span.start, gap.start), span & Span(gap.end, span.end)) for span in spans)
        spans = [part for parts in cut for part in parts if part]
    return [TurnsRevised(span, tuple(turn for turn in revised.turns if turn.span & span)) for span in spans]


def _said_in(segment: Segment, lost: Lost) -> bool:
    own = [span for source_id, span in lost if source_id == segment.source_id]
    return any(word.span & span for span in own for word in segment.words)
