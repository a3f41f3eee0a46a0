"""Who speaks when by the votes of several sources."""

from __future__ import annotations

import pytest

from meeting.joining.identity import Node
from meeting.joining.voting import Person, vote
from pipelines.types import Span, Turn

REGION = Span(0, 100)


def person(node: Node) -> Person:
    """Whoever has the same name is one person; those with a small one are known to one source only."""
    return ("", node[1].casefold()), node[1].isupper()


def voted(
    best: str = "a", region: Span = REGION, **turns: list[tuple[int, int, str]]
) -> dict[str, list[tuple[int, int, str]]]:
    """The turns that stand, by source."""
    given = {id_: [Turn(Span(start, end), who) for start, end, who in mine] for id_, mine in turns.items()}
    found = vote(given, region, best, person)
    return {id_: [(one.span.start, one.span.end, one.speaker) for one in mine] for id_, mine in found.items()}


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


def test_somebody_whom_one_source_alone_tells_apart_counts_less() -> None:
    assert voted("b", a=[(0, 9, "ANN")], b=[(0, 9, "stranger")]) == {"a": [(0, 9, "ANN")], "b": []}
    assert voted("b", a=[], b=[(0, 9, "stranger")]) == {"a": [], "b": [(0, 9, "stranger")]}


def test_two_may_speak_at_once() -> None:
    said = voted(a=[(0, 9, "ANN"), (5, 9, "BEN")], b=[(0, 9, "BEN"), (5, 9, "ANN")])
    assert said == {"a": [(0, 9, "ANN"), (5, 9, "BEN")], "b": []}


@pytest.mark.parametrize("region", [Span(12, 15), Span(5, 15), Span(0, 5)])
def test_turns_are_cut_to_the_region(region: Span) -> None:
    whole = Span(10, 20) & region
    expected = [(whole.start, whole.end, "ANN")] if whole else []
    assert voted(region=region, a=[(10, 20, "ANN")], b=[]) == {"a": expected, "b": []}
