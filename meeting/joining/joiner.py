"""What the pipelines of a meeting's sources say, made into what one meeting says; pure.

The samples of the first source are the meeting's, and its outputs pass as they are while it is the only one. Of
several sources that hear the same speech one is shown, block by block (`choices.py`); what is known of all of them is
kept, so that in the end the order in which it came leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meeting.core.records import Source
from meeting.joining.blocks import NEVER, PlacedWord
from meeting.joining.choices import Choices
from meeting.joining.clock import MeetingClock
from meeting.joining.identity import Node, People, people, sound_alike
from meeting.joining.lines import Line, Lines, with_words
from meeting.joining.meeting_turns import JOINED, MeetingTurns
from meeting.joining.numbering import Numbering
from pipelines.types import (
    BlockFailed,
    LabelChange,
    LevelsHeard,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    VoicesHeard,
    Word,
)


class Joiner:
    """Takes outputs in the time and with the speakers of their source, gives them in those of the meeting."""

    def __init__(self) -> None:
        self._clock = MeetingClock()
        self._numbering = Numbering()
        self._lines = Lines()
        self._choices = Choices(self._lines, self._numbering)
        self._turns = MeetingTurns(self._lines, self._choices, self._numbering)
        self._voices: dict[str, VoicesHeard] = {}
        self._alike: list[tuple[Node, Node]] = []
        """By the voices: found when one of them changes, as it takes long"""
        self._people = People(())
        self._speakers: dict[str, Speaker] = {}
        """As they were last told"""
        self._numbered: set[str] = set()
        """Sources of which a speaker has got an id since their turns were told"""
        self._end = 0

    def add(self, source: Source) -> list[Output]:
        """One more source, which may be known from an earlier process with its anchors and speakers."""
        if self._numbering.knows(source.id):
            return []
        self._clock.add(source.id, source.anchors, source.samples)
        self._numbering.add(source)
        self._turns.add(source.id)
        return []

    def observe(self, source_id: str, samples: int, at: float) -> bool:
        """The audio of a source up to `samples` had arrived at `at`, in seconds on a steady clock.

        Whether its anchors have changed, so that they should be stored.
        """
        return self._clock.observe(source_id, samples, at)

    def place(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting, in samples."""
        return self._clock.where(source_id, sample)

    def anchors(self, source_id: str) -> tuple[tuple[int, int], ...]:
        """Where a source's samples stand in the meeting, to be stored."""
        return self._clock.anchors(source_id)

    def speakers(self, source_id: str) -> Mapping[str, str]:
        """Who a source's speakers are in the meeting, to be stored."""
        return self._numbering.stored(source_id)

    def take(self, source_id: str, output: Output) -> list[Output]:
        """What the meeting says because of what one source's pipeline says."""
        match output:
            case Segment():
                return self._segment(self._placed_segment(source_id, output))
            case SpeakersRevised():
                return self._labels(output)
            case Speaker():
                return self._speaker(source_id, output)
            case TurnsRevised():
                turns = tuple(Turn(self._span(source_id, turn.span), turn.speaker) for turn in output.turns)
                revised = TurnsRevised(self._span(source_id, output.span), turns, output.reason)
                told = self._turns.revise(source_id, revised)
                return [told] if self._alone else [*self._tell([revised.span]), told]
            case LevelsHeard():
                self._clock.levels_heard(source_id, output)
                return self._levels(source_id, replace(output, start=self._clock.place(source_id, output.start)))
            case VoicesHeard():
                return self._hear_voices(source_id, output)
            case BlockFailed():
                return [replace(output, span=self._span(source_id, output.span))]
        return [output]

    def finish(self, source_id: str) -> list[Output]:
        """Nothing more comes of a source; what was held back because of it."""
        told = self._tell(self._choices.ended(source_id))
        self._turns.ended()
        return [*told, *self._turns.settle(NEVER)]

    @property
    def _alone(self) -> bool:
        return self._numbering.sources == 1

    def _span(self, source_id: str, span: Span) -> Span:
        return Span(self._clock.place(source_id, span.start), self._clock.place(source_id, span.end))

    def _placed_segment(self, source_id: str, segment: Segment) -> Segment:
        words = tuple(Word(word.text, self._span(source_id, word.span), word.confidence) for word in segment.words)
        return replace(segment, source_id=source_id, span=self._span(source_id, segment.span), words=words)

    # Lines

    def _segment(self, segment: Segment) -> list[Output]:
        changed = self._lines.put(segment)
        self._end = max(self._end, segment.span.end)
        if self._alone:
            line = self._lines.get(segment.id)
            assert line is not None
            line.told = replace(segment, speaker=self._shown_speaker(segment))
            return [*self._new_speakers(), line.told, *self._turns.of_owner(segment, changed)]
        spans = self._choices.words_changed(changed, self._end)
        self._choices.labels_changed(changed)
        return [*self._tell([changed, *spans]), *self._turns.of_owner(segment, changed)]

    def _labels(self, revised: SpeakersRevised) -> list[Output]:
        spans, changes = list[Span](), list[LabelChange]()
        for change in revised.changes:
            line = self._lines.get(change.id)
            if line is None:
                continue
            self._lines.put(replace(line.own, rev=change.rev, speaker=change.after))
            spans.append(line.own.span)
            if self._alone and line.told is not None:
                before, after = line.told.speaker, self._shown_speaker(line.own)
                if before == after and line.own.source_id in self._numbering.solo:
                    continue
                line.told = replace(line.told, rev=change.rev, speaker=after)
                changes.append(LabelChange(change.id, change.rev, before, after))
        if self._alone:
            revision = [SpeakersRevised(tuple(changes), revised.reason)] if changes or not revised.changes else []
            return [*self._new_speakers(), *revision]
        for span in spans:
            self._choices.labels_changed(span)
        return self._tell(spans, revised.reason)

    def _tell(self, spans: Iterable[Span], reason: str = JOINED, anew: bool = False) -> list[Output]:
        """What has changed of the lines in some spans, or `anew` in all, and of all that follows from it."""
        spans = list(spans)
        self._turns.unsettled(spans)
        lines = {line.own.id: line for span in spans for line in self._lines.near(span)}
        if self._find_people() or anew:
            lines |= {line.own.id: line for line in self._lines if line.told is not None and line.told.words}
        segments, changes = list[Segment](), list[LabelChange]()
        for line in lines.values():
            self._tell_line(line, segments, changes)
        revised = [SpeakersRevised(tuple(changes), reason)] if changes else []
        return [*self._new_speakers(), *segments, *revised, *self._turns_of_numbered()]

    def _tell_line(self, line: Line, segments: list[Segment], changes: list[LabelChange]) -> None:
        own, told = line.own, line.told
        shown = with_words(own, [self._choices.shows(PlacedWord.of(word, own)) for word in own.words])
        if not shown.words and (told is None or not told.words):
            return
        speaker = self._shown_speaker(own) if shown.words else None
        shown = replace(shown, rev=line.next_rev(), speaker=speaker)
        if told is not None and replace(told, rev=shown.rev) == shown:
            return
        line.told = shown
        if told is not None and replace(told, rev=shown.rev, speaker=speaker) == shown:
            changes.append(LabelChange(shown.id, shown.rev, told.speaker, speaker))
        else:
            segments.append(shown)

    def _shown_speaker(self, own: Segment) -> str | None:
        node = self._turns.speaker_of(own)
        if node is None:
            return None
        if self._alone:
            return self._numbering.own_id(node)
        if self._numbering.known(node) is None:
            self._numbered |= {id_ for id_, _ in self._people.of(node)}
        return self._numbering.id_of(node)

    def _levels(self, source_id: str, heard: LevelsHeard) -> list[Output]:
        spans = self._choices.levels_heard(source_id, heard.start, heard)
        if self._alone:
            return [heard]
        return [heard, *self._tell(spans), *self._turns.settle(heard.span.end)]

    def _turns_of_numbered(self) -> list[Output]:
        numbered, self._numbered = sorted(self._numbered), set()
        return [told for id_ in numbered for told in self._turns.all_of(id_)]

    # Speakers

    def _speaker(self, source_id: str, speaker: Speaker) -> list[Output]:
        numbering = self._numbering
        if source_id in numbering.solo:
            return []
        node = numbering.node(source_id, speaker.id)
        numbering.merge(node, None if speaker.merged_into is None else numbering.node(source_id, speaker.merged_into))
        if not self._alone:
            # Its number is given when a line of it is shown: of those that only other microphones hear nobody knows.
            return self._tell([], anew=True)
        id_ = numbering.own_id(node)
        self._speakers = numbering.speakers()
        told = self._speakers[id_]
        return [replace(speaker, id=told.id, color=told.color, merged_into=told.merged_into)]

    def _hear_voices(self, source_id: str, heard: VoicesHeard) -> list[Output]:
        solo = source_id in self._numbering.solo
        if solo and heard.voices:
            loudest = max(heard.voices, key=lambda voice: voice.seconds)
            heard = replace(heard, voices=(replace(loudest, speaker=self._numbering.node(source_id, None)[1]),))
        self._voices[source_id] = heard
        self._alike = sound_alike(self._voices)
        told = [] if self._alone else self._tell([])
        known = ((voice, self._numbering.known((source_id, voice.speaker))) for voice in heard.voices)
        voices = tuple(replace(voice, speaker=id_) for voice, id_ in known if id_ is not None)
        return [*told, replace(heard, voices=voices)] if voices else told

    def _find_people(self) -> bool:
        """Whether it has changed which speakers are one."""
        if self._alone:
            return False
        numbering = self._numbering
        evidence = self._choices.evidence.merged(numbering.merged)
        found = people(evidence, self._alike, numbering.remembered(), numbering.solo)
        if found == self._people:
            return False
        self._people = found
        numbering.set_people(found)
        return True

    def _new_speakers(self) -> list[Output]:
        """Those that are new, or have changed, since the last time."""
        now = self._numbering.speakers()
        changed = [speaker for id_, speaker in now.items() if self._speakers.get(id_) != speaker]
        self._speakers = now
        return list(changed)
