"""What a meeting does with each thing that its pipeline says: save first, then tell; pure."""

from __future__ import annotations

from meeting.events import Broadcast, Effect, Note, SaveLabels, SaveSegment, SaveSpeaker, SaveTurns
from meeting.messages import SegmentMessage, SpeakerMessage, SpeakerRevisionMessage, StatsMessage
from meeting.transcript import Transcript
from pipelines.types import (
    BlockFailed,
    Output,
    PipelineStats,
    Segment,
    Speaker,
    SpeakersRevised,
    TurnsRevised,
    seconds,
)


def hear(transcript: Transcript, output: Output) -> list[Effect]:
    """Take an output into the transcript; what must be saved and told because of it."""
    changed = transcript.apply(output)
    match output:
        case Segment():
            return _segment(output) if changed else []
        case SpeakersRevised(changes, reason):
            return [SaveLabels(changes), Broadcast(SpeakerRevisionMessage.of(changes, reason))] if changes else []
        case Speaker():
            return [SaveSpeaker(output), Broadcast(SpeakerMessage.of(output))] if changed else []
        case TurnsRevised():
            return [SaveTurns(output)]
        case PipelineStats():
            return [Broadcast(StatsMessage.of(output))]
        case BlockFailed(block, _, span):
            return [Note(f"block {block} failed on {seconds(span.start)}-{seconds(span.end)} s")]


def _segment(segment: Segment) -> list[Effect]:
    told: list[Effect] = [Broadcast(SegmentMessage.of(segment))]
    return [SaveSegment(segment), *told] if segment.final else told
