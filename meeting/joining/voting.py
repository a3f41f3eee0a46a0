"""Who speaks when, by the votes of all sources that hear the same.

Each source's pipeline tells people apart by itself, some better than others. Where several hear the same speech, as
many speak as they say in the mean, and those whom most of them name (as DOVER-Lap does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from meeting.joining.identity import Node
from pipelines.types import Span, Turn

KNOWN, STRANGER = 2, 1
"""Votes for somebody whom other sources know as well, and for somebody whom this one alone tells apart"""

Person = tuple[Node, bool]
"""One of those who are one person, always the same, and whether several sources know them"""


def vote(
    turns: Mapping[str, Sequence[Turn]], region: Span, best: str, person: Callable[[Node], Person]
) -> dict[str, list[Turn]]:
    """Of each source the turns that stand, cut to a region, of all turns of the sources that hear the same in it.

    Where as many are for one as for another, `best` decides, the source that hears best. Each stands once, with
    that source if it is for it.
    """
    mine = [(id_, turn, person((id_, turn.speaker))) for id_ in sorted(turns) for turn in turns[id_]]
    mine = [(id_, turn, who) for id_, turn, who in mine if turn.span & region]
    edges = {region.start, region.end}
    edges.update(edge for _, turn, _ in mine for edge in (turn.span.start, turn.span.end))
    standing: dict[str, list[Turn]] = {id_: [] for id_ in turns}
    for start, end in pairwise(sorted(edge for edge in edges if region.start <= edge <= region.end)):
        said: dict[Person, dict[str, Turn]] = {}
        for id_, turn, who in mine:
            if turn.span.start <= start and end <= turn.span.end:
                said.setdefault(who, {}).setdefault(id_, turn)
        count = (2 * sum(map(len, said.values())) + len(turns)) // (2 * len(turns))
        votes = {who: len(by) * (KNOWN if who[1] else STRANGER) for who, by in said.items()}
        for who in sorted(said, key=lambda who: (-votes[who], best not in said[who], who))[:count]:
            by = best if best in said[who] else min(said[who])
            _extend(standing[by], Turn(Span(start, end), said[who][by].speaker))
    return standing


def _extend(turns: list[Turn], piece: Turn) -> None:
    for at in range(len(turns) - 1, max(-1, len(turns) - 4), -1):
        if turns[at].speaker == piece.speaker and turns[at].span.end == piece.span.start:
            turns[at] = Turn(turns[at].span | piece.span, piece.speaker)
            return
    turns.append(piece)
