"""Queries taken apart, days, and excerpts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.storage.search.query import (
    MAX_QUERY,
    MAX_TERMS,
    Search,
    Term,
    parse_moment,
    parse_query,
    parse_search,
    read_marks,
)
from pipelines.errors import MeetingError


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("release friday", [Term("release"), Term("friday")]),
        ('the "release date" moved', [Term("the"), Term("release date"), Term("moved")]),
        ("“release  date”", [Term("release date")]),
        ("„release date“", [Term("release date")]),
        ("rel* date", [Term("rel", True), Term("date")]),
        ('"release da"*', [Term("release da", True)]),
        ('"release date', [Term("release date")]),
        ("don't re-open C++", [Term("don't"), Term("re-open"), Term("C++")]),
        (
            "a OR NOT near(b) text:x ^y",
            [Term("a"), Term("OR"), Term("NOT"), Term("near(b)"), Term("text:x"), Term("^y")],
        ),
        ("a\0b", [Term("a"), Term("b")]),
        ("word -- * ** !!!", [Term("word")]),
        ("预算 Q3计划*", [Term("预 算"), Term("Q3 计 划")]),
    ],
)
def test_a_query_is_words_phrases_and_prefixes_and_all_else_is_literal(query: str, terms: list[Term]) -> None:
    assert list(parse_query(query)) == terms


@pytest.mark.parametrize("query", ["", "   ", "***", '""', '"', "-- ()", "\0"])
def test_a_query_without_a_word_says_what_to_give(query: str) -> None:
    with pytest.raises(MeetingError, match="nothing to search for"):
        parse_query(query)


def test_a_query_is_not_too_long() -> None:
    assert parse_query("x" * MAX_QUERY)
    with pytest.raises(MeetingError, match="at most 500 characters, not 100000"):
        parse_query("x" * 100_000)
    with pytest.raises(MeetingError, match="at most 32 words and phrases, not 33"):
        parse_query("x " * (MAX_TERMS + 1))


def test_the_start_of_a_word_is_more_than_a_letter() -> None:
    with pytest.raises(MeetingError, match="at least 2 letters, not r"):
        parse_query("r*")
    with pytest.raises(MeetingError, match="at least 2 letters, not r"):
        parse_query('"the r"*')


@given(st.text(max_size=MAX_QUERY))
def test_no_query_does_anything_but_be_taken_apart_or_refused(query: str) -> None:
    try:
        terms = parse_query(query)
    except MeetingError:
        return
    assert terms
    assert all(term.text == term.text.strip() and term.text.encode() for term in terms)


def test_a_day_begins_at_its_midnight_here_and_ends_with_the_next() -> None:
    assert parse_moment("2026-05-04") == datetime(2026, 5, 4).astimezone()
    assert parse_moment("2026-05-04", end=True) == datetime(2026, 5, 5).astimezone()


@pytest.mark.parametrize("end", [False, True])
def test_a_moment_is_taken_as_it_is_written(end: bool) -> None:
    zone = timezone(timedelta(hours=2))
    assert parse_moment("2026-05-04T12:30:00+02:00", end) == datetime(2026, 5, 4, 12, 30, tzinfo=zone)
    assert parse_moment("2026-05-04T12:30:00Z", end) == datetime(2026, 5, 4, 12, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+23:00", "9999-12-31", "9" * 5000])
def test_what_is_no_day_says_how_one_is_written(text: str) -> None:
    with pytest.raises(MeetingError, match="a day is written as 2026-05-04"):
        parse_moment(text, end=True)


def test_a_search_is_made_of_what_was_written_and_of_that_alone() -> None:
    written = parse_search("the release", "Ann", "2026-05-04", "2026-05-04", "m1")
    days = datetime(2026, 5, 4).astimezone(), datetime(2026, 5, 5).astimezone()
    assert written == Search((Term("the"), Term("release")), "Ann", *days, "m1")
    assert parse_search("release", since="", until="") == Search((Term("release"),))


@pytest.mark.parametrize(
    ("marked", "text", "marks"),
    [
        ("… on \x02Friday\x03 at \x02noon\x03", "… on Friday at noon", ((5, 11), (15, 19))),
        ("nothing", "nothing", ()),
        ("", "", ()),
        ("\x02a\x03\x02b\x03", "ab", ((0, 1), (1, 2))),
        ("odd \x02text\x02 of\x03 a line\x03", "odd text of a line", ((8, 11),)),
    ],
)
def test_an_excerpt_is_read_without_its_marks(marked: str, text: str, marks: tuple[tuple[int, int], ...]) -> None:
    assert read_marks(marked) == (text, marks)
