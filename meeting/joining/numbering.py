"""What the speakers of all sources are called in the meeting: numbers in the order in which they first speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from meeting.core.records import Source
from meeting.core.transcript import follow
from meeting.joining.identity import Node, People
from pipelines.types import Speaker

OWNER = "spk1"
"""What the one speaker of a `solo` source is called in it"""


class Numbering:
    """Ids of the meeting for speakers of its sources; one that was given is never given to somebody else."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._ids: dict[Node, str] = {}
        """Of those that have a number of their own"""
        self._known: dict[str, list[Node]] = {}
        """By id, who had it in an earlier process"""
        self._into: dict[Node, Node] = {}
        """What pipelines merged"""
        self._people = People(())
        self._taken = 0
        self._shown: dict[Node, str | None] = {}
        """What has been found out since any of the above changed"""

    def add(self, source: Source) -> None:
        """One more source, whose speakers may be known from an earlier process."""
        self._sources[source.id] = source
        for speaker, id_ in source.speakers.items():
            self._taken = max(self._taken, _number(id_))
            node = self.node(source.id, speaker)
            sharing = self._known.setdefault(id_, [])
            if not sharing:
                self._ids[node] = id_
            sharing.append(node)
        self._shown.clear()

    @property
    def sources(self) -> int:
        """Number of sources."""
        return len(self._sources)

    def knows(self, source_id: str) -> bool:
        """Whether a source has been added."""
        return source_id in self._sources

    @property
    def solo(self) -> frozenset[str]:
        """Sources of one person each."""
        return frozenset(id_ for id_, source in self._sources.items() if source.kind == "solo")

    def node(self, source_id: str, speaker: str | None) -> Node:
        """A speaker of a source by what its pipeline says: who owns a `solo` one, whatever that is."""
        return source_id, OWNER if source_id in self.solo or speaker is None else speaker

    def merge(self, node: Node, into: Node | None) -> None:
        """A pipeline says that a speaker turned out to be another one, or none."""
        if into is None or into == node:
            self._into.pop(node, None)
        else:
            self._into[node] = into
        self._shown.clear()

    @property
    def merged(self) -> dict[Node, Node]:
        """Of each speaker that a pipeline merged, who that turned out to be."""
        return {one: follow(one, self._into) for one in self._into}

    def person(self, node: Node) -> Node:
        """One of those that a speaker is, always the same."""
        return min(self._people.of(self.merged.get(node, node)))

    def remembered(self) -> Iterator[tuple[Node, Node]]:
        """Speakers that were one in an earlier process."""
        for nodes in self._known.values():
            yield from combinations(nodes, 2)

    def set_people(self, people: People) -> None:
        """Which speakers of several sources are one."""
        self._people = people
        self._shown.clear()

    def known(self, node: Node) -> str | None:
        """The id that a speaker is shown with; None where nobody has been shown with it yet."""
        if node not in self._shown:
            self._shown[node] = self._find(node)
        return self._shown[node]

    def id_of(self, node: Node) -> str:
        """The id that a speaker is shown with, from now on if it has none yet."""
        known = self.known(node)
        if known is not None:
            return known
        return self.own_id(self.merged.get(node, node))

    def own_id(self, node: Node) -> str:
        """The id that a speaker has whoever it turned out to be, from now on if it has none yet."""
        if node not in self._ids:
            number = _number(node[1])
            if len(self._sources) > 1 or not number or self._is_taken(node[1]):
                number = self._taken + 1
            self._taken = max(self._taken, number)
            self._ids[node] = f"spk{number}"
            self._shown.clear()
        return self._ids[node]

    def _is_taken(self, id_: str) -> bool:
        return id_ in self._ids.values() or id_ in self._known

    def _find(self, node: Node) -> str | None:
        merged = self.merged
        group = self._people.of(merged.get(node, node))
        own = [one for one in group if one in self._ids]
        owners = [one for one in own if one[0] in self.solo]
        others = [one for one, into in merged.items() if into in group and one in self._ids]
        return min((self._ids[one] for one in owners or own or others), key=_number, default=None)

    def speakers(self) -> dict[str, Speaker]:
        """All that have an id, as the meeting knows them, by it."""
        return {id_: self._speaker(node, id_) for node, id_ in self._ids.items()}

    def stored(self, source_id: str) -> Mapping[str, str]:
        """The ids that a source's speakers have, or are shown with."""
        nodes = [*self._ids, *(node for group in self._people.groups for node in group)]
        mine = dict.fromkeys(node for node in nodes if node[0] == source_id)
        ids = ((node[1], self._ids.get(node) or self.known(node)) for node in mine)
        return {speaker: id_ for speaker, id_ in ids if id_ is not None}

    def _speaker(self, node: Node, id_: str) -> Speaker:
        shown = self.known(node)
        owners = sorted(one[0] for one in self._people.of(node) if one[0] in self.solo)
        name = next((self._sources[one].name for one in owners if self._sources[one].name), None)
        return Speaker(id_, name, _number(id_) - 1, None if shown == id_ else shown)


def _number(id_: str) -> int:
    number = id_.removeprefix("spk")
    return int(number) if number.isdecimal() else 0
