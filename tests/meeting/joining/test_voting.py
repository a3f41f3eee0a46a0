"""Who speaks when by the votes of several sources."""

from __future__ import annotations

import pytest

from meeting.joining.identity import Node
from meeting.joining.voting import LONGEST_DOUBT, Claim, standing, vote
from pipelines.turns import join_turns
from pipelines.types import Span, Turn

REGION = Span(0, 100)


def person(node: Node) -> Node:
    """Whoever has the same name is one person."""
    return "", node[1]


def voted(
    best: str = "a", region: Span = REGION, **turns: list[tuple[int, int, str]]
) -> dict[str, list[tuple[int, int, str]]]:
    """The turns that stand, by source."""
    given = {id_: [Turn(Span(start, end), who) for start, end, who in mine] for id_, mine in turns.items()}
    claims: dict[Node, list[Claim]] = {}
    for who, claim in vote(given, region, best, person):
        claims.setdefault(who, []).append(claim)
    found: dict[str, list[Turn]] = {id_: [] for id_ in turns}
    for claim in (one for mine in claims.values() for one in standing(mine)):
        found[claim.source_id].append(claim.turn)
    return {
        id_: [(one.span.start, one.span.end, one.speaker) for one in join_turns(mine)] for id_, mine in found.items()
    }


def test_what_all_say_stands_once_with_the_best() -> None:
    assert voted("b", a=[(10, 20, "ANN")], b=[(10, 20, "ANN")]) == {"a": [], "b": [(10, 20, "ANN")]}


def test_of_two_one_is_enough_for_somebody_to_speak() -> None:
    assert voted(a=[(10, 20, "ANN")], b=[(15, 30, "ANN")]) == {"a": [(10, 20, "ANN")], "b": [(20, 30, "ANN")]}


def test_of_three_two_are_needed() -> None:
    said = {"a": [(10, 20, "ANN")], "b": [(15, 30, "ANN")], "c": [(18, 40, "ANN")]}
    assert voted(**said) == {"a": [(15, 20, "ANN")], "b": [(20, 30, "ANN")], "c": []}  # type: ignore[arg-type]


def test_most_votes_count_and_the_best_where_they_are_even() -> None:
    assert voted("b", a=[(0, 9, "ANN")], b=[(0, 9, "BEN")]) == {"a": [], "b": [(0, 9, "BEN")]}
    three = voted("b", a=[(0, 9, "ANN")], b=[(0, 9, "BEN")], c=[(0, 9, "ANN")])
    assert three == {"a": [(0, 9, "ANN")], "b": [], "c": []}


def test_somebody_whom_one_source_alone_tells_apart_has_as_many_votes_as_others() -> None:
    assert voted("b", a=[(0, 9, "ANN")], b=[(0, 9, "stranger")]) == {"a": [], "b": [(0, 9, "stranger")]}
    assert voted("b", a=[(0, 9, "ANN")], b=[(0, 9, "stranger")], c=[(0, 9, "ANN")])["b"] == []


def test_somebody_speaks_on_between_two_stretches_though_one_source_alone_hears_it() -> None:
    region, begin = Span(0, 100 * LONGEST_DOUBT), 2 * LONGEST_DOUBT
    one, two = [(0, 9 * LONGEST_DOUBT, "ANN")], [(0, begin, "ANN"), (3 * LONGEST_DOUBT, 9 * LONGEST_DOUBT, "ANN")]
    assert voted(region=region, a=two, b=one, c=two) == {"a": two, "b": [(begin, 3 * LONGEST_DOUBT, "ANN")], "c": []}
    longer = [(0, begin - 1, "ANN"), two[1]]
    assert voted(region=region, a=longer, b=one, c=longer) == {"a": longer, "b": [], "c": []}


def test_what_stands_may_be_of_several_regions() -> None:
    said = Turn(Span(0, 10), "ANN"), Turn(Span(10, 14), "ANN"), Turn(Span(14, 15), "ANN"), Turn(Span(15, 20), "ANN")
    first, doubtful, also, last = (Claim(turn, "a", at in (1, 2)) for at, turn in enumerate(said))
    assert list(standing([first, doubtful, also, last])) == [first, doubtful, also, last]
    assert list(standing([last, also, doubtful])) == [last]
    assert list(standing([first, also, last])) == [first, last]
    beside = Claim(Turn(Span(2, 30), "ANN"), "b")
    assert list(standing([first, beside, doubtful])) == [first, beside]


def test_what_one_source_alone_hears_before_behind_or_beside_them_does_not_stand() -> None:
    two = [(10, 20, "ANN"), (30, 40, "ANN")]
    assert voted(a=two, b=[(5, 27, "ANN"), (28, 45, "ANN")], c=two) == {"a": two, "b": [], "c": []}
    assert voted(a=two, b=[(5, 45, "BEN")], c=two) == {"a": two, "b": [], "c": []}


def test_two_may_speak_at_once() -> None:
    said = voted(a=[(0, 9, "ANN"), (5, 9, "BEN")], b=[(0, 9, "BEN"), (5, 9, "ANN")])
    assert said == {"a": [(0, 9, "ANN"), (5, 9, "BEN")], "b": []}


@pytest.mark.parametrize("region", [Span(12, 15), Span(5, 15), Span(0, 5)])
def test_turns_are_cut_to_the_region(region: Span) -> None:
    whole = Span(10, 20) & region
    expected = [(whole.start, whole.end, "ANN")] if whole else []
    assert voted(region=region, a=[(10, 20, "ANN")], b=[]) == {"a": expected, "b": []}
