"""What a meeting does with each thing that its pipeline says: save first, then tell; pure."""

from __future__ import annotations

from meeting.core.messages import SegmentMessage, SpeakerMessage, SpeakerRevisionMessage
from meeting.core.transcript import Transcript
from meeting.session.events import Broadcast, Effect, Log, SaveLabels, SaveSegment, SaveSpeaker
from pipelines.types import BlockFailed, Output, Segment, Speaker, SpeakersRevised, seconds


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
        case BlockFailed(block, _, span):
            # Not why: an exception's text may quote what was said.
            return [Log(f"block {block} failed on {seconds(span.start)}-{seconds(span.end)} s")]
        case _:
            return []  # not about lines or speakers


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
