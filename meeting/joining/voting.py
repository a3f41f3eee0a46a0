"""Who speaks when, by the votes of all sources that hear the same.

Each source's pipeline tells people apart by itself, some better than others. Where several hear the same speech, as
many speak as they say in the mean, and those whom most of them name (as DOVER-Lap does). Pipelines do not agree on
short pauses: what one of them hears between two stretches that stand is taken from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from meeting.joining.identity import Node
from pipelines.types import Span, Turn, samples

Said = dict[Node, dict[str, Turn]]
"""By person, the sources that say that it speaks, with the turn"""

LONGEST_DOUBT = samples(0.5)
"""For how long somebody speaks on whom most sources name before and after, and one of them throughout"""


@dataclass(frozen=True, order=True, slots=True)
class Claim:
    """A stretch in which a source says that somebody speaks."""

    turn: Turn
    source_id: str
    outvoted: bool = False


def vote(
    turns: Mapping[str, Sequence[Turn]], region: Span, best: str, person: Callable[[Node], Node]
) -> Iterator[tuple[Node, Claim]]:
    """Persons and when they speak, cut to a region, by all turns of the sources that hear the same in it.

    Where as many are for one as for another, `best` decides, the source that hears best. Each stands once, with
    that source if it is for it.
    """
    for span, said in _said(turns, region, person):
        count = (2 * sum(map(len, said.values())) + len(turns)) // (2 * len(turns))
        order = sorted(said, key=lambda who: (-len(said[who]), best not in said[who], who))
        for at, who in enumerate(order):
            by = best if best in said[who] else min(said[who])
            yield who, Claim(Turn(span, said[who][by].speaker), by, at >= count)


def standing(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Those of one person that stand: also what is outvoted, where it is short and between others of one stretch."""
    doubtful, until, stood = list[Claim](), -1, False
    for claim in sorted(claims):
        if claim.turn.span.start > until:
            doubtful, stood = [], False
        until = max(until, claim.turn.span.end)
        if claim.outvoted:
            doubtful.append(claim)
            continue
        if stood and sum(len(one.turn.span) for one in doubtful) <= LONGEST_DOUBT:
            yield from doubtful
        yield claim
        doubtful, stood = [], True


def _said(
    turns: Mapping[str, Sequence[Turn]], region: Span, person: Callable[[Node], Node]
) -> Iterator[tuple[Span, Said]]:
    """A region cut where anybody begins or ends, and who speaks in each part."""
    mine = [(id_, turn, person((id_, turn.speaker))) for id_ in sorted(turns) for turn in turns[id_]]
    mine = [(id_, turn, who) for id_, turn, who in mine if turn.span & region]
    edges = {region.start, region.end}
    edges.update(edge for _, turn, _ in mine for edge in (turn.span.start, turn.span.end))
    for start, end in pairwise(sorted(edge for edge in edges if region.start <= edge <= region.end)):
        said: Said = {}
        for id_, turn, who in mine:
            if turn.span.start <= start and end <= turn.span.end:
                said.setdefault(who, {}).setdefault(id_, turn)
        yield Span(start, end), said
