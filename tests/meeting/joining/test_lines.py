"""Lines by time, whatever becomes of them, and what is left of one without some of its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meeting.joining.lines import Lines, with_words
from pipelines.types import Segment, Span, Word


def line(id_: str, start: int, end: int, rev: int = 1) -> Segment:
    """A line of one word."""
    return Segment(id_, rev, True, "a", Span(start, end), "spk1", (Word("so", Span(start, end)),))


def near(lines: Lines, start: int, end: int) -> list[str]:
    """Ids of the lines that meet a span."""
    return [one.own.id for one in lines.near(Span(start, end))]


def test_lines_are_found_by_time_in_its_order() -> None:
    lines = Lines()
    for one in (line("s2", 30, 40), line("s1", 0, 100), line("m1", 30, 50), line("s3", 60, 70)):
        assert lines.put(one) == one.span
    assert near(lines, 35, 36) == ["s1", "m1", "s2"]
    assert near(lines, 40, 45) == ["s1", "m1", "s2"]
    assert near(lines, 51, 59) == ["s1"]
    assert near(lines, 101, 200) == []
    assert [one.own.id for one in lines] == ["s2", "s1", "m1", "s3"]


def test_a_line_that_moves_is_found_where_it_is_now() -> None:
    lines = Lines()
    lines.put(line("s1", 0, 10))
    assert lines.put(line("s1", 50, 60, rev=2)) == Span(0, 60)
    assert near(lines, 0, 20) == []
    assert near(lines, 55, 58) == ["s1"]


def test_a_revision_that_is_older_changes_nothing() -> None:
    lines = Lines()
    lines.put(line("s1", 0, 10, rev=3))
    assert not lines.put(line("s1", 5, 50, rev=3))
    found = lines.get("s1")
    assert found is not None
    assert found.own.span == Span(0, 10)
    assert lines.get("s2") is None


def test_revisions_rise_with_what_is_told_and_with_the_pipelines() -> None:
    lines = Lines()
    lines.put(line("s1", 0, 10, rev=3))
    found = lines.get("s1")
    assert found is not None
    assert found.next_rev() == 3
    found.told = replace(found.own, rev=5)
    assert found.next_rev() == 6
    lines.put(line("s1", 0, 10, rev=9))
    assert found.next_rev() == 9


WORDS = tuple(Word(text, Span(at * 10, at * 10 + 8)) for at, text in enumerate(["we", "will", "see", "it"]))
WHOLE = Segment("s1", 4, True, "a", Span(0, 40), "spk1", WORDS, stable_chars=11, overlap=True)


def test_a_line_with_all_of_its_words_is_as_it_was() -> None:
    assert with_words(WHOLE, [True] * 4) is WHOLE


def test_a_line_without_words_is_withdrawn() -> None:
    assert with_words(WHOLE, [False] * 4) == Segment("s1", 4, True, "a", Span(0, 40), None, ())


@pytest.mark.parametrize(
    ("kept", "text", "span", "stable"),
    [
        ("1100", "we will", Span(0, 18), "we will"),
        ("0111", "will see it", Span(10, 38), "will see"),
        ("1011", "we see it", Span(0, 38), "we see"),
        ("0001", "it", Span(30, 38), ""),
    ],
)
def test_of_a_line_the_words_are_left_that_are_kept(kept: str, text: str, span: Span, stable: str) -> None:
    left = with_words(WHOLE, [one == "1" for one in kept])
    assert (left.text, left.span, left.text[: left.stable_chars]) == (text, span, stable)
    assert left == replace(WHOLE, words=left.words, span=span, stable_chars=len(stable))
