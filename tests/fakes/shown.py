"""A transcript as it is shown behind people's edits, and lines for it, in words of one second each."""

from __future__ import annotations

from meeting.core.editing.changes import Change, SegmentChange, Undo
from meeting.core.editing.overlay import Overlay
from meeting.core.editing.steps import Step
from meeting.core.records import Edits
from meeting.core.transcript import Transcript
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    TurnsRevised,
    Word,
)

ANN, BEN, CID = "spk1", "spk2", "spk3"


TEXT = "a b c d e f g h"


def said(text: str = TEXT, start: int = 0) -> tuple[Word, ...]:
    """Words of one second each."""
    return tuple(
        Word(word, Span((start + i) * SAMPLE_RATE, (start + i + 1) * SAMPLE_RATE), 0.9)
        for i, word in enumerate(text.split())
    )


def line(id_: str, rev: int, first: int, last: int, who: str | None = ANN, final: bool = True) -> Segment:
    """The words `first` to `last` of the text as a segment."""
    words = said()[first:last]
    span = Span(first * SAMPLE_RATE, last * SAMPLE_RATE)
    segment = Segment(id_, rev, final, "src", span, who, words)
    return Segment(id_, rev, final, "src", span, who, words, len(segment.text) if final else 0)


def gone(id_: str, rev: int, first: int, last: int) -> Segment:
    """A segment withdrawn."""
    return Segment(id_, rev, True, "src", Span(first * SAMPLE_RATE, last * SAMPLE_RATE), None, ())


def label(id_: str, rev: int, after: str | None) -> SpeakersRevised:
    return SpeakersRevised((LabelChange(id_, rev, None, after),), "recluster")


class Shown:
    """A transcript behind its overlay, fed as a meeting does; insists that each output is news."""

    def __init__(self, *outputs: Output, edits: Edits | None = None) -> None:
        self.transcript = Transcript()
        self.steps: list[Step] = []
        self.overlay = Overlay(self.transcript, edits)
        for speaker in (Speaker(ANN), Speaker(BEN, color=1), Speaker(CID, color=2)):
            self.take(speaker)
        self.show(self.overlay.show_all())
        for output in outputs:
            self.take(output)

    def take(self, output: Output) -> None:
        self.show(self.overlay(output))

    def edit(self, change: Change) -> None:
        self.steps.append(self.do(change))

    def do(self, change: Change) -> Step:
        """Let a person change something; what that did."""
        step, outputs = self.overlay.edit(change)
        self.show(outputs)
        return step

    def undo(self) -> None:
        """Take back the last change that was not taken back."""
        self.do(Undo(self.steps.pop()))

    def show(self, outputs: list[Output]) -> None:
        for output in outputs:
            if not isinstance(output, TurnsRevised):
                assert self.transcript.apply(output), output

    def relabel(self, id_: str, who: str | None) -> None:
        self.edit(SegmentChange(id_, self.transcript.rev(id_), True, who))

    def write(self, id_: str, text: str) -> None:
        self.edit(SegmentChange(id_, self.transcript.rev(id_), text=text))

    @property
    def lines(self) -> list[tuple[str, str, str | None]]:
        """(id, text, speaker) in order of time."""
        return [(segment.id, segment.text, segment.speaker) for segment in self.transcript.segments]

    @property
    def names(self) -> dict[str, tuple[str | None, str | None]]:
        """Voice -> its name, and what it is merged into."""
        return {speaker.id: (speaker.name, speaker.merged_into) for speaker in self.transcript.speakers}
