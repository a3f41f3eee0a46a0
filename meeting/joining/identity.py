"""Which speakers of several sources are one person: by what is said at once, and by how they sound.

Two microphones that hear the same speech say who spoke, each with numbers of its own: whoever is said to speak at the
same time in both is one person. Where no two hear the same, voices are compared. What is in doubt stays apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

from meeting.joining.blocks import PlacedWord
from meeting.joining.selection import Choice
from meeting.voices.matching import VoiceProfile, certainty_of, nearest
from pipelines.turns import covered
from pipelines.types import Span, VoicesHeard, samples

Node = tuple[str, str]
"""A source, and what its pipeline calls a speaker"""

LEAST_SHARED = samples(1.0)
"""Speech that two speakers must share to be one person"""
SHARE = 0.6
"""Share of what either says in the hearing of the other's source that they must share"""
MOST_AGAINST = samples(1.0)
"""Speech of two speakers at once, in sources that hear different things, that tells them apart"""


@dataclass(slots=True)
class Evidence:
    """Who was said to speak while whom; in samples, so that taking back leaves no trace."""

    shared: Counter[tuple[Node, Node]] = field(default_factory=Counter)
    """Of two speakers of sources that heard the same, how long both were said to speak; the lesser one first"""
    spoken: Counter[tuple[Node, str]] = field(default_factory=Counter)
    """Of a speaker and another source, how long the one spoke while both sources heard the same"""
    against: Counter[tuple[Node, Node]] = field(default_factory=Counter)
    """Of two speakers of sources that heard different things, how long both were said to speak"""

    def add(self, other: Evidence) -> None:
        """More of it."""
        self.shared.update(other.shared)
        self.spoken.update(other.spoken)
        self.against.update(other.against)

    def take_back(self, other: Evidence) -> None:
        """What was added before, and is no more."""
        for mine, theirs in ((self.shared, other.shared), (self.spoken, other.spoken), (self.against, other.against)):
            mine.subtract(theirs)  # type: ignore[arg-type]

    def merged(self, into: Mapping[Node, Node]) -> Evidence:
        """The same of those that speakers were merged into by their pipelines."""
        found = Evidence()
        for counts, mine in ((self.shared, found.shared), (self.against, found.against)):
            for (one, other), count in counts.items():
                mine[pair(into.get(one, one), into.get(other, other))] += count
        for (node, source_id), count in self.spoken.items():
            found.spoken[into.get(node, node), source_id] += count
        return found


def pair(one: Node, other: Node) -> tuple[Node, Node]:
    """Two speakers, in an order that does not depend on who is named first."""
    return (one, other) if one <= other else (other, one)


def evidence_of(choice: Choice, said: Mapping[Node, Sequence[PlacedWord]], solo: Set[str]) -> Evidence:
    """What a block tells; `said` are the words of each speaker in it, `solo` the sources of one person each."""
    found = Evidence()
    group = {id_: number for number, ids in enumerate(choice.coherent) for id_ in ids}
    # A headset hears others, too, and calls them by its owner's name: it counts where it hears best.
    overhears = {id_ for id_ in solo if id_ in choice.better}
    spans = {node: [word.span for word in words] for node, words in said.items()}
    for node, words in spans.items():
        for id_, number in group.items():
            if id_ != node[0] and group.get(node[0]) == number and node[0] not in overhears:
                found.spoken[node, id_] += covered(words)
    for one, other in combinations(sorted(said), 2):
        if one[0] == other[0]:
            continue
        if group.get(one[0], -1) != group.get(other[0], -2):
            _add_apart(found, choice, said, one, other)
        elif not overhears & {one[0], other[0]}:
            found.shared[one, other] += common(spans[one], spans[other])
    return found


def _add_apart(
    found: Evidence, choice: Choice, said: Mapping[Node, Sequence[PlacedWord]], one: Node, other: Node
) -> None:
    """What two speakers of sources that hear different things say at once: some of it may be the same all the same."""
    same = [{*shown, *hidden} for shown, hidden in choice.twice]
    common_words = [
        ([word.span for word in said[one] if word in both], [word.span for word in said[other] if word in both])
        for both in same
    ]
    together = sum(common(first, second) for first, second in common_words)
    if together:
        found.shared[one, other] += together
        found.spoken[one, other[0]] += sum(covered(first) for first, second in common_words if second)
        found.spoken[other, one[0]] += sum(covered(second) for first, second in common_words if first)
    else:
        found.against[one, other] += common([word.span for word in said[one]], [word.span for word in said[other]])


def common(one: Sequence[Span], other: Sequence[Span]) -> int:
    """Samples that both cover."""
    return covered(one) + covered(other) - covered([*one, *other])


@dataclass(frozen=True, slots=True)
class People:
    """Which speakers are one person, as far as is known."""

    groups: tuple[frozenset[Node], ...]
    """Those that are one, of two sources or more"""

    def of(self, node: Node) -> frozenset[Node]:
        """All that a speaker is."""
        return next((group for group in self.groups if node in group), frozenset([node]))


def people(
    evidence: Evidence, alike: Iterable[tuple[Node, Node]], known: Iterable[tuple[Node, Node]], solo: Set[str]
) -> People:
    """The surest matches first; no two speakers of one source and no two of `solo` sources become one.

    `alike` are those who sound alike, the surest first, `known` those that were one in an earlier process.
    """
    groups: dict[Node, frozenset[Node]] = {}
    remembered = sorted(pair(*both) for both in known)
    untold = [both for both in (*alike, *remembered) if _unheard_together(evidence, *both)]
    for one, other in [*_shared(evidence), *untold]:
        first, second = groups.get(one, frozenset([one])), groups.get(other, frozenset([other]))
        sources = [id_ for id_, _ in (*first, *second)]
        if first == second or len(set(sources)) < len(sources) or len(solo & set(sources)) > 1:
            continue
        joined = first | second
        groups |= dict.fromkeys(joined, joined)
    return People(tuple(sorted(set(groups.values()), key=min)))


def _shared(evidence: Evidence) -> list[tuple[Node, Node]]:
    sure = [
        (-count, one, other)
        for (one, other), count in evidence.shared.items()
        if count >= LEAST_SHARED
        and count >= SHARE * max(evidence.spoken[one, other[0]], evidence.spoken[other, one[0]])
    ]
    return [(one, other) for _, one, other in sorted(sure)]


def sound_alike(voices: Mapping[str, VoicesHeard]) -> list[tuple[Node, Node]]:
    """Speakers of two sources who surely sound like each other, by how those of each source sound; the surest first."""
    found = []
    for one, other in combinations(sorted(voices), 2):
        back = _matches(voices[other], voices[one])
        for speaker, (distance, match) in _matches(voices[one], voices[other]).items():
            if back.get(match, (0.0, ""))[1] == speaker:
                found.append((distance, (one, speaker), (other, match)))
    return [(first, second) for _, first, second in sorted(found)]


def _matches(heard: VoicesHeard, others: VoicesHeard) -> dict[str, tuple[float, str]]:
    """Of each speaker the one of another source that it surely sounds like, with the distance."""
    certainty = certainty_of(heard.model)
    profiles = [
        VoiceProfile(one.speaker, one.speaker, others.model, one.embedding, one.seconds)
        for one in others.voices
        if one.seconds >= certainty.seconds and others.model == heard.model
    ]
    matches = ((voice.speaker, nearest(voice, profiles, certainty)) for voice in heard.voices)
    return {speaker: (match[0], match[1].id) for speaker, match in matches if match is not None}


def _unheard_together(evidence: Evidence, one: Node, other: Node) -> bool:
    """Whether nothing else can tell: neither was heard by the other's source, nor both at once."""
    heard = max(evidence.spoken[one, other[0]], evidence.spoken[other, one[0]])
    return heard < LEAST_SHARED and evidence.against[pair(one, other)] < MOST_AGAINST
