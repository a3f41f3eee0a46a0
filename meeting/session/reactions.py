"""What a meeting does with each thing that its pipeline says: save first, then tell; pure."""

from __future__ import annotations

from meeting.core.messages import SegmentMessage, SpeakerMessage, SpeakerRevisionMessage, StatsMessage
from meeting.core.transcript import Transcript
from meeting.session.events import Broadcast, Effect, Log, SaveLabels, SaveSegment, SaveSpeaker, SaveTurns
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


def on_output(transcript: Transcript, output: Output) -> list[Effect]:
    """Take an output into the transcript; what must be saved and told because of it."""
    changed = transcript.apply(output)
    match output:
        case Segment():
            return _segment(output) if changed else []
        case SpeakersRevised(changes, reason):
            told = Broadcast(SpeakerRevisionMessage.of(changes, reason), output)
            return [SaveLabels(changes), told] if changes else []
        case Speaker():
            return [SaveSpeaker(output), Broadcast(SpeakerMessage.of(output))] if changed else []
        case TurnsRevised():
            return [SaveTurns(output)]
        case PipelineStats():
            return [Broadcast(StatsMessage.of(output))]
        case BlockFailed(block, _, span):
            return [Log(f"block {block} failed on {seconds(span.start)}-{seconds(span.end)} s")]


def on_replayed_output(transcript: Transcript, output: Output) -> list[Effect]:
    """Take an output into a transcript that is being rebuilt: nothing is told before the whole is there."""
    transcript.apply(output)
    match output:
        case TurnsRevised():
            return [SaveTurns(output)]
        case BlockFailed():
            return on_output(transcript, output)
        case _:
            return []


def _segment(segment: Segment) -> list[Effect]:
    told: list[Effect] = [Broadcast(SegmentMessage.of(segment), segment)]
    return [SaveSegment(segment), *told] if segment.final else told
