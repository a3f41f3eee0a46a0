"""Who speaks when, of all sources as it is told: each one's turns but for the time in which another one is shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from meeting.joining.choices import Choices
from meeting.joining.identity import Node
from meeting.joining.lines import Lines
from meeting.joining.numbering import OWNER, Numbering
from meeting.joining.turns import NEAR_LINE, SourceTurns, owners_speak, spoken, without
from meeting.joining.voting import LONGEST_DOUBT, Claim, standing, vote
from pipelines.turns import join_spans, join_turns
from pipelines.types import UNKNOWN, Segment, Span, Turn, TurnsRevised, samples

JOINED = "joined"
"""Why lines or turns have changed that no pipeline changed"""
SETTLED = samples(4.0)
"""How long after a time it is told whose turns are shown in it, where no pipeline tells: choices change until then"""

USUAL = samples(300.0)
"""How long before a time lines tell how loud somebody usually is"""

OUTVOTED = 2
"""How many times as much of a line as its own speaker another one must be said to speak to be taken for who says it"""


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
        self._unsettled.append(revised.span)  # those of others may stand, or fall, because of this
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

    def ended(self) -> None:
        """Nothing more comes of a source: what was told by how loud people were until then is told again."""
        if self._headsets_only:
            self._unsettled += [Span(line.own.span.start, line.own.span.end) for line in self._lines if line.own.final]

    def settle(self, now: int) -> list[TurnsRevised]:
        """Whose turns stand where anything has changed, for what is long enough ago, now and then."""
        due = [span for span in self._unsettled if span.end + SETTLED <= now]
        if not any(span.end + 2 * SETTLED <= now for span in due):
            return []
        self._unsettled = [span for span in self._unsettled if span.end + SETTLED > now]
        regions = join_spans(Span(max(0, span.start - SETTLED // 2), span.end + SETTLED // 2) for span in due)
        standing = [(region, self.standing(region)) for region in regions]
        return [
            TurnsRevised(region, self._labelled(id_, turns[id_]), JOINED, id_)
            for id_ in self._turns
            for region, turns in standing
        ]

    def _told(self, source_id: str, span: Span, reason: str) -> TurnsRevised:
        turns = self.standing(span)[source_id]
        return TurnsRevised(span, self._labelled(source_id, turns), reason, source_id)

    def speaker_of(self, line: Segment) -> Node | None:
        """Who says a line: as its pipeline says, unless the turns that stand say that it is mostly somebody else."""
        numbering = self._numbering
        if line.source_id in numbering.solo:
            return numbering.node(line.source_id, line.speaker)
        own = None if line.speaker is None else numbering.node(line.source_id, line.speaker)
        hearing = {id_ for _, ids, _ in self._choices.groups(line.span) if line.source_id in ids for id_ in ids}
        if not hearing:
            return own
        said: Counter[Node] = Counter()
        words = [word.span for word in line.words]
        for id_, turns in self.standing(line.span).items():
            for turn in turns if id_ in hearing else ():
                if turn.speaker != UNKNOWN:
                    who = numbering.person(numbering.node(id_, turn.speaker))
                    said[who] += sum(len(turn.span & word) for word in words)
        most = max(sorted(said), key=lambda who: said[who], default=None)
        known = 0 if own is None else said[numbering.person(own)]
        if most is None or said[most] <= OUTVOTED * known or 2 * said[most] < sum(map(len, words)):
            return own
        return most

    def standing(self, span: Span) -> dict[str, list[Turn]]:
        """The turns of each source in a span that stand: all but those in which it is outvoted."""
        if self._headsets_only:
            return self._turns_of_owners(span)
        found: dict[str, list[Turn]] = {id_: [] for id_ in self._turns}
        wide = Span(max(0, span.start - 2 * LONGEST_DOUBT), span.end + 2 * LONGEST_DOUBT)
        for claims in self._claims(wide).values():
            for claim in standing(claims):
                found[claim.source_id].append(Turn(claim.turn.span & span, claim.turn.speaker))
        return {id_: join_turns(turns) for id_, turns in found.items()}

    def _claims(self, span: Span) -> dict[Node, list[Claim]]:
        """When each person speaks, by whom, and whether more say otherwise."""
        numbering, found = self._numbering, defaultdict[Node, list[Claim]](list)
        groups = [group for group in self._choices.groups(span) if group[0] & span]
        for id_ in self._turns:
            inside = [region for region, ids, _ in groups if id_ in ids]
            for turn in without(self._within(id_, span), inside):
                found[numbering.person((id_, turn.speaker))].append(Claim(turn, id_))
        for region, ids, best in groups:
            # A headset hears others, too, and gives them its owner's name.
            voters = [id_ for id_ in ids if id_ == best or id_ not in numbering.solo]
            mine = {id_: self._within(id_, region) for id_ in voters}
            for person, claim in vote(mine, region & span, best, numbering.person):
                found[person].append(claim)
        return found

    @property
    def _headsets_only(self) -> bool:
        """Whether there are several sources, of one person each, who are told apart by what they hear."""
        return len(self._turns) > 1 and all(
            id_ in self._choices.tracks and self._known_by_words(id_) for id_ in self._turns
        )

    def _turns_of_owners(self, span: Span) -> dict[str, list[Turn]]:
        shown, own = defaultdict[str, list[Span]](list), defaultdict[str, list[Span]](list)
        for line in self._lines.near(Span(max(0, span.start - USUAL), span.end)):
            id_, told = line.own.source_id, line.told
            if told is not None and told.final and told.words:
                shown[id_].append(told.span)
            if line.own.final:
                own[id_].append(Span(max(0, line.own.span.start - NEAR_LINE), line.own.span.end + NEAR_LINE))
        found = owners_speak(self._choices.tracks, shown, span)
        return {
            id_: join_turns(Turn(one & near, OWNER) for one in found[id_] for near in own[id_] if one & near)
            for id_ in self._turns
        }

    def _within(self, source_id: str, span: Span) -> list[Turn]:
        if self._known_by_words(source_id):
            return self._turns_of_words(source_id, span)
        return self._turns[source_id].within(span)

    def _known_by_words(self, source_id: str) -> bool:
        """No pipeline looks for turns where there is one speaker."""
        return source_id in self._numbering.solo and not self._turns[source_id].span

    def _turns_of_words(self, source_id: str, span: Span) -> list[Turn]:
        lines = (line.told for line in self._lines.near(span) if line.own.source_id == source_id)
        words = (word.span for line in lines if line is not None and line.final for word in line.words)
        return [Turn(part & span, OWNER) for part in spoken(words) if part & span]

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
