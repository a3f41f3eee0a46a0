"""What the events of a meeting add up to: its lines as they are now, and who speaks them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meeting.client.events import Event
from meeting.core.messages import (
    EarlierMessage,
    Ended,
    GapMessage,
    SegmentMessage,
    SnapshotMessage,
    SourceMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    StateMessage,
)
from meeting.core.transcript import follow
from pipelines.types import ModelInfo

MAX_WITHDRAWN = 10_000
"""Ids of withdrawn lines that are remembered, so that nothing older brings them back"""


class TranscriptState:
    """A meeting as somebody who reads along sees it; pure. A snapshot takes the place of all before it.

    >>> from meeting.client.events import parse_event
    >>> state = TranscriptState()
    >>> state.apply(parse_event('{"type": "speaker", "id": "spk1", "name": "Ann", "color": 0, "merged_into": null}'))
    True
    >>> state.name_of("spk1")
    'Ann'
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._segments: dict[str, SegmentMessage] = {}
        self._withdrawn: dict[str, int] = {}
        self._speakers: dict[str, SpeakerMessage] = {}
        self._gaps: dict[tuple[str, float], GapMessage] = {}
        self._sources: dict[str, SourceMessage] = {}
        self.state = "open"
        self.title = ""
        self.models: ModelInfo = {}
        self.audio = 0.0
        """Seconds received when the last snapshot was made"""
        self.left = 0
        """Lines before those that came so far, which still come"""

    @property
    def segments(self) -> list[SegmentMessage]:
        """Lines with words, in order of time."""
        return sorted(self._segments.values(), key=lambda line: (line.start, line.id))

    @property
    def speakers(self) -> list[SpeakerMessage]:
        """Voices in order of first appearance, those that turned out to be another one as well."""
        return list(self._speakers.values())

    @property
    def gaps(self) -> list[GapMessage]:
        """Places without audio, in order of time."""
        return sorted(self._gaps.values(), key=lambda gap: gap.start)

    @property
    def sources(self) -> list[SourceMessage]:
        """Microphones and other sounds, in the order in which they began."""
        return sorted(self._sources.values(), key=lambda one: one.number)

    def speaker_of(self, speaker_id: str | None) -> SpeakerMessage | None:
        """The voice that an id of a line stands for by now; None while it is unknown."""
        if speaker_id is None:
            return None
        into = {one.id: one.merged_into for one in self._speakers.values()}
        return self._speakers.get(follow(speaker_id, into))

    def name_of(self, speaker_id: str | None) -> str:
        """What a voice is called: its name, else "Speaker 2"; "Unknown" while it is not known."""
        speaker = self.speaker_of(speaker_id)
        if speaker is None:
            return "Unknown"
        return speaker.name or f"Speaker {speaker.id.removeprefix('spk')}"

    def apply(self, event: Event) -> bool:
        """Take in an event; false when it changed nothing that is shown here."""
        match event:
            case SegmentMessage():
                return self._segment(event)
            case SpeakerRevisionMessage(changes):
                changed = [self._label(change.id, change.rev, change.after) for change in changes]
                return any(changed)
            case SpeakerMessage():
                known, self._speakers[event.id] = self._speakers.get(event.id), event
                return known != event
            case SnapshotMessage():
                self._take(event)
            case EarlierMessage(segments, left):
                self.left = left
                self._segments_all(segments)
            case GapMessage():
                self._gaps[event.source_id, event.start] = event
            case SourceMessage():
                known_source, self._sources[event.id] = self._sources.get(event.id), event
                return known_source != event
            case StateMessage(state, title):
                self.state, self.title = state, title
            case Ended():
                self.state = "ended"
            case _:
                return False
        return True

    def snapshot(self) -> SnapshotMessage:
        """All of it as one event, which has the same effect as all those that came so far."""
        return SnapshotMessage(
            tuple(self.segments),
            tuple(self.speakers),
            self.state,
            self.title,
            self.audio,
            self.models,
            tuple(self.gaps),
            self.left,
            tuple(self.sources),
        )

    def _take(self, snapshot: SnapshotMessage) -> None:
        self._clear()
        self.state, self.title, self.models = snapshot.state, snapshot.title, snapshot.models
        self.audio, self.left = snapshot.audio, snapshot.earlier
        self._speakers = {one.id: one for one in snapshot.speakers}
        self._gaps = {(gap.source_id, gap.start): gap for gap in snapshot.gaps}
        self._sources = {one.id: one for one in snapshot.sources}
        self._segments_all(snapshot.segments)

    def _segments_all(self, segments: Iterable[SegmentMessage]) -> None:
        for segment in segments:
            self._segment(segment)

    def _segment(self, segment: SegmentMessage) -> bool:
        known = self._segments.get(segment.id)
        rev = known.rev if known is not None else self._withdrawn.get(segment.id, -1)
        if segment.rev <= rev:
            return False
        if segment.text:
            self._withdrawn.pop(segment.id, None)
            self._segments[segment.id] = segment
            return True
        self._segments.pop(segment.id, None)
        self._withdrawn[segment.id] = segment.rev
        if len(self._withdrawn) > MAX_WITHDRAWN:
            del self._withdrawn[next(iter(self._withdrawn))]
        return known is not None

    def _label(self, segment_id: str, rev: int, speaker: str | None) -> bool:
        known = self._segments.get(segment_id)
        if known is None or rev <= known.rev:
            return False
        self._segments[segment_id] = replace(known, rev=rev, speaker=speaker)
        return True
