"""Who speaks when, of all sources as it is told: each one's turns but for the time in which another one is shown."""

from __future__ import annotations

from collections.abc import Iterable

from meeting.joining.choices import Choices
from meeting.joining.lines import Lines
from meeting.joining.numbering import OWNER, Numbering
from meeting.joining.turns import SourceTurns, join_spans, spoken
from pipelines.types import UNKNOWN, Segment, Span, Turn, TurnsRevised, samples

JOINED = "joined"
"""Why lines or turns have changed that no pipeline changed"""
SETTLED = samples(4.0)
"""How long after a time it is told whose turns are shown in it, where no pipeline tells: choices change until then"""


class MeetingTurns:
    """Turns in the meeting's time, with the speakers of their sources; told with those of the meeting."""

    def __init__(self, lines: Lines, choices: Choices, numbering: Numbering) -> None:
        self._lines = lines
        self._choices = choices
        self._numbering = numbering
        self._turns: dict[str, SourceTurns] = {}
        self._unsettled: list[Span] = []
        """Where it is still to be told whose turns are shown"""

    def add(self, source_id: str) -> None:
        """One more source."""
        self._turns[source_id] = SourceTurns()

    def revise(self, source_id: str, revised: TurnsRevised) -> TurnsRevised:
        """A pipeline tells of a span; what is told because of it."""
        self._turns[source_id].replace(revised)
        if self._numbering.sources == 1:
            return TurnsRevised(revised.span, self._labelled(source_id, revised.turns), revised.reason)
        return self._told(source_id, revised.span, revised.reason)

    def of_owner(self, line: Segment, span: Span) -> list[TurnsRevised]:
        """What is told because of a line in a span, where its source is of one person, of whom no pipeline tells."""
        if not line.final or not self._known_by_words(line.source_id):
            return []
        return [self._told(line.source_id, span, "live")]

    def all_of(self, source_id: str) -> list[TurnsRevised]:
        """All turns of a source, told again."""
        span = self._turns[source_id].span
        return [self._told(source_id, span, JOINED)] if span else []

    def unsettled(self, spans: Iterable[Span]) -> None:
        """Where it has changed which words are shown."""
        self._unsettled += spans

    def settle(self, now: int) -> list[TurnsRevised]:
        """Whose turns are shown where choices have changed, for what is long enough ago."""
        due = [span for span in self._unsettled if span.end + SETTLED <= now]
        if not due:
            return []
        self._unsettled = [span for span in self._unsettled if span.end + SETTLED > now]
        regions = join_spans(Span(max(0, span.start - SETTLED // 2), span.end + SETTLED // 2) for span in due)
        return [self._told(id_, region, JOINED) for id_ in self._turns for region in regions]

    def _told(self, source_id: str, span: Span, reason: str) -> TurnsRevised:
        if self._known_by_words(source_id):
            turns = self._turns_of_words(source_id, span)
        else:
            turns = self._turns[source_id].within(span, self._choices.hidden(source_id, span))
        return TurnsRevised(span, self._labelled(source_id, turns), reason, source_id)

    def _known_by_words(self, source_id: str) -> bool:
        """No pipeline looks for turns where there is one speaker."""
        return source_id in self._numbering.solo and not self._turns[source_id].span

    def _turns_of_words(self, source_id: str, span: Span) -> tuple[Turn, ...]:
        lines = (line.told for line in self._lines.near(span) if line.own.source_id == source_id)
        words = (word.span for line in lines if line is not None and line.final for word in line.words)
        return tuple(Turn(part & span, OWNER) for part in spoken(words) if part & span)

    def _labelled(self, source_id: str, turns: Iterable[Turn]) -> tuple[Turn, ...]:
        """Those of speakers that are known, with their ids in the meeting."""
        numbering, labelled = self._numbering, list[Turn]()
        for turn in turns:
            node = numbering.node(source_id, turn.speaker)
            if turn.speaker == UNKNOWN and source_id not in numbering.solo:
                labelled.append(turn)
            elif (id_ := numbering.own_id(node) if numbering.sources == 1 else numbering.known(node)) is not None:
                labelled.append(Turn(turn.span, id_))
        return tuple(labelled)
