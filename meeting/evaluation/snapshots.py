"""A transcript as it stood at earlier moments, made from what its pipeline said: first shown, and before refining."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from meeting.core.records import Record
from meeting.core.transcript import Transcript, resolve
from pipelines.stream.merge import Merger
from pipelines.turns import join_turns, replace_turns
from pipelines.types import Hypothesis, Output, Segment, Span, Speaker, Turn, TurnsRevised

REFINE = "refine"
"""Reason of the revision that ends a meeting"""


def split_at_refine(outputs: Sequence[Output]) -> tuple[list[Output], list[Output]]:
    """What a pipeline said before the pass that ends a meeting, and that pass with all after it."""
    for at, output in enumerate(outputs):
        if isinstance(output, TurnsRevised) and output.reason == REFINE:
            while at and isinstance(outputs[at - 1], Speaker):  # the voices that it found anew come before its turns
                at -= 1
            return list(outputs[:at]), list(outputs[at:])
    return list(outputs), []


def before_refine(refined: Record, before: Iterable[Output], after: Iterable[Output]) -> Record:
    """The record as it was before the last pass; lines whose text came later get the labels of that moment."""
    transcript, turns = Transcript(), list[Turn]()
    for output in before:
        transcript.apply(output)
        if isinstance(output, TurnsRevised):
            turns = join_turns(replace_turns(turns, output))
    done = [segment for segment in transcript.segments if segment.final]
    late = [segment for segment in _first_finals(after) if not _covered(segment.span, done)]
    stands_for = resolve(transcript.speakers)
    turns = join_turns(Turn(turn.span, stands_for.get(turn.speaker, turn.speaker)) for turn in turns)
    done = [replace(segment, speaker=stands_for.get(segment.speaker or "", segment.speaker)) for segment in done]
    return _with(refined, [*done, *_labelled(late, turns)], turns)


def first_shown(refined: Record, outputs: Iterable[Output]) -> Record:
    """The record as if nothing had ever been corrected: labels as first final, turns as first told of each instant."""
    outputs = list(outputs)
    turns: list[Turn] = []
    reached = 0
    for output in outputs:
        if isinstance(output, TurnsRevised) and output.span.end > reached:
            news = Span(max(reached, output.span.start), output.span.end)
            turns += [Turn(turn.span & news, turn.speaker) for turn in output.turns]
            reached = news.end
    return _with(refined, _first_finals(outputs), join_turns(turns))


def _first_finals(outputs: Iterable[Output]) -> list[Segment]:
    """Segments as first sent with their final text; not those that a line was cut into later."""
    found: dict[str, Segment] = {}
    for output in outputs:
        new = isinstance(output, Segment) and output.final and output.words and output.id not in found
        if new and isinstance(output, Segment) and not _covered(output.span, found.values()):
            found[output.id] = output
    return list(found.values())


def _covered(span: Span, segments: Iterable[Segment]) -> bool:
    """Whether most of a stretch lies within the segments."""
    return 2 * sum(len(segment.span & span) for segment in segments) > len(span)


def _labelled(segments: Iterable[Segment], turns: Sequence[Turn]) -> list[Segment]:
    """Final segments with the labels that these turns give them, cut where they change."""
    made: list[Segment] = []
    for segment in segments:
        merger = Merger(segment.source_id, prefix=f"{segment.id}-")
        merger(TurnsRevised(segment.span, tuple(turns)))
        cut = merger(Hypothesis(0, segment.span, True, segment.words))
        made += [piece for piece in cut if isinstance(piece, Segment)]
    return made


def _with(record: Record, segments: Iterable[Segment], turns: Iterable[Turn]) -> Record:
    ordered = sorted(segments, key=lambda segment: (segment.span.start, segment.id))
    return replace(record, segments=tuple(ordered), turns=tuple(turns))
