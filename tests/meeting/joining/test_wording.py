"""Words that agree at the same time are the same words."""

from __future__ import annotations

import pytest

from meeting.joining.blocks import PlacedWord
from meeting.joining.wording import bare, in_common, says_the_same
from pipelines.types import Segment, Span, Word, samples


def said(text: str, start: float = 0.0, source: str = "a") -> list[PlacedWord]:
    """Words of half a second each."""
    placed = []
    for at, one in enumerate(text.split()):
        word = Word(one, Span(samples(start + at / 2), samples(start + at / 2 + 0.5)))
        placed.append(PlacedWord.of(word, Segment("s1", 1, True, source, word.span, None, (word,))))
    return placed


@pytest.mark.parametrize(
    ("one", "other", "start", "count"),
    [
        ("I didn't have a clue.", "i didn't have a clue", 0.1, 5),
        ("ask her to bring these things", "asked her to bring those things", 0.0, 4),
        ("we will not break even", "we will not bring to the rainbow", 0.2, 3),
        ("one two three", "one two three", 0.5, 3),
        ("one two three", "one two three", 0.6, 0),
        ("one two", "two one", 0.0, 1),
        ("", "one", 0.0, 0),
    ],
)
def test_words_are_in_common_in_the_same_order_at_about_the_same_time(
    one: str, other: str, start: float, count: int
) -> None:
    assert in_common(said(one), said(other, start, "b")) == count
    assert in_common(said(other, start, "b"), said(one)) == count


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("I didn't have a clue.", "i didn't have a clue", True),
        ("have a clue", "i think i didn't have a clue and so on", False),
        ("we will not break even", "we will not bring to the rainbow", True),
        ("we will see it then", "we will not break even", False),
        ("yes", "yes", False),
        ("yes of course", "no of course", True),
    ],
)
def test_lines_are_the_same_that_have_half_of_the_words_in_common_and_more_than_one(
    one: str, other: str, same: bool
) -> None:
    assert says_the_same(said(one), said(other, 0.0, "b")) == same


def test_case_and_marks_do_not_count_but_words_of_marks_alone_do() -> None:
    assert bare("Clue.") == bare("clue") == "clue"
    assert bare("…") != bare("?")
