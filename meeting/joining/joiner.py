"""What the pipelines of a meeting's sources say, made into what one meeting says; pure.

The samples of the first source are the meeting's, and its outputs pass as they are while it is the only one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meeting.core.records import Source
from pipelines.types import (
    UNKNOWN,
    LabelChange,
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
        self._sources: dict[str, Source] = {}
        self._speakers: dict[str, dict[str, str]] = {}
        """By source: its speakers, and who each is in the meeting"""

    def add(self, source: Source) -> list[Output]:
        """One more source, which may be known from an earlier process with its anchors and speakers."""
        self._sources[source.id] = source
        self._speakers[source.id] = dict(source.speakers)
        return []

    def observe(self, source_id: str, samples: int, at: float) -> bool:
        """The audio of a source up to `samples` had arrived at `at`, in seconds on a steady clock.

        Whether its anchors have changed by so much that they should be stored.
        """
        return False

    def take(self, source_id: str, output: Output) -> list[Output]:
        """What the meeting says because of what one source's pipeline says."""
        return [self._in_meeting_time(source_id, output)]

    def finish(self, source_id: str) -> list[Output]:
        """Nothing more comes of a source; what was held back because of it."""
        return []

    def place(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting, in samples."""
        anchors = self._sources[source_id].anchors
        own, meeting = next((one for one in reversed(anchors) if one[0] <= sample), anchors[0] if anchors else (0, 0))
        return max(0, meeting + sample - own)

    def anchors(self, source_id: str) -> tuple[tuple[int, int], ...]:
        """Where a source's samples stand in the meeting, to be stored."""
        return self._sources[source_id].anchors

    def speakers(self, source_id: str) -> Mapping[str, str]:
        """Who a source's speakers are in the meeting, to be stored."""
        return self._speakers[source_id]

    def _in_meeting_time(self, source_id: str, output: Output) -> Output:
        def span(of: Span) -> Span:
            return Span(self.place(source_id, of.start), self.place(source_id, of.end))

        def who(speaker: str) -> str:
            return speaker if speaker == UNKNOWN else self._who(source_id, speaker)

        match output:
            case Segment():
                words = tuple(Word(word.text, span(word.span), word.confidence) for word in output.words)
                speaker = None if output.speaker is None else who(output.speaker)
                return replace(output, span=span(output.span), speaker=speaker, words=words)
            case SpeakersRevised(changes, reason):
                return SpeakersRevised(
                    tuple(
                        LabelChange(
                            one.id,
                            one.rev,
                            None if one.before is None else who(one.before),
                            None if one.after is None else who(one.after),
                        )
                        for one in changes
                    ),
                    reason,
                )
            case Speaker(id_, _, _, merged_into):
                known = who(id_)
                into = None if merged_into is None else who(merged_into)
                return replace(output, id=known, color=int(known.removeprefix("spk")) - 1, merged_into=into)
            case TurnsRevised():
                turns = tuple(Turn(span(turn.span), who(turn.speaker)) for turn in output.turns)
                return replace(output, span=span(output.span), turns=turns)
            case VoicesHeard():
                return replace(output, voices=tuple(replace(one, speaker=who(one.speaker)) for one in output.voices))
        return output

    def _who(self, source_id: str, speaker: str) -> str:
        known = self._speakers[source_id]
        if speaker not in known:
            taken = {one for speakers in self._speakers.values() for one in speakers.values()}
            numbers = [int(one.removeprefix("spk")) for one in taken]
            known[speaker] = speaker if speaker not in taken else f"spk{max(numbers) + 1}"
        return known[speaker]
