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
    VoicesHeard,
    seconds,
)


def on_output(transcript: Transcript, output: Output) -> list[Effect]:
    """Take an output into the transcript; what must be saved and told because of it."""
    changed = transcript.apply(output)
    match output:
        case Segment():
            return _segment(output) if changed else []
        case SpeakersRevised(changes, reason):
            broadcast = Broadcast(SpeakerRevisionMessage.of(changes, reason), output)
            return [SaveLabels(changes), broadcast] if changes else []
        case Speaker():
            return [SaveSpeaker(output), Broadcast(SpeakerMessage.of(output))] if changed else []
        case TurnsRevised():
            # Exports need them, clients do not: what they mean for the lines comes as labels.
            return [SaveTurns(output)]
        case VoicesHeard():
            return []  # how people sound is neither stored nor told
        case PipelineStats():
            return [Broadcast(StatsMessage.of(output))]
        case BlockFailed(block, _, span):
            # Not why: an exception's text may quote what was said.
            return [Log(f"block {block} failed on {seconds(span.start)}-{seconds(span.end)} s")]


def on_replayed_output(transcript: Transcript, output: Output) -> list[Effect]:
    """Take an output into a transcript that is being rebuilt: nothing of it is saved or told before all is there."""
    if isinstance(output, BlockFailed):
        return on_output(transcript, output)
    transcript.apply(output)
    return []


def _segment(segment: Segment) -> list[Effect]:
    broadcast = Broadcast(SegmentMessage.of(segment), segment)
    # A final line is saved before it is told: what was seen as final is never lost. A partial one is replaced soon.
    return [SaveSegment(segment), broadcast] if segment.final else [broadcast]
