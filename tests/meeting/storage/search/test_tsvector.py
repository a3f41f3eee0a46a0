"""The index in PostgreSQL: excerpts that are made here, and words that are taken apart as SQLite does it."""

from __future__ import annotations

import pytest

from meeting.storage.search.query import Term, parse_query, read_marks
from meeting.storage.search.tsvector import excerpt, fold


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("Über", "uber"),
        ("STRASSE", "strasse"),
        ("Straße", "straße"),
        ("café", "cafe"),
        ("ΟΔΟΣ", "οδοσ"),
        ("Йод", "йод"),
    ],
)
def test_words_are_compared_small_and_latin_ones_without_marks(word: str, folded: str) -> None:
    assert fold(word) == folded


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("friday", ["Friday"]),
        ("ship friday", ["ship", "Friday"]),
        ('"the release"', ["the release"]),
        ("rel*", ["release"]),
        ('"the rel"*', ["the release"]),
        ('the "the release"', ["the release"]),
        ("nothing", []),
        ("release-on", ["release on"]),
    ],
)
def test_what_was_found_is_marked(query: str, marked: list[str]) -> None:
    line = "We ship the release on Friday."
    text, marks = read_marks(excerpt(line, parse_query(query)))
    assert text == line
    assert [text[start:end] for start, end in marks] == marked


def test_of_a_long_line_the_words_around_what_was_found_are_shown() -> None:
    line = " ".join(f"word{number}" for number in range(100))
    text, marks = read_marks(excerpt(line, parse_query("word70 word75")))
    assert text == "…" + " ".join(f"word{number}" for number in range(68, 100)) or text.startswith("…word70")
    assert [text[start:end] for start, end in marks] == ["word70", "word75"]
    assert len(text.split()) == 32
    text, _ = read_marks(excerpt(line, parse_query("word3")))
    assert text == " ".join(f"word{number}" for number in range(32)) + "…"


def test_overlapping_finds_are_one_mark() -> None:
    text, marks = read_marks(excerpt("a b c d", (Term("a b"), Term("b c"))))
    assert (text, [text[start:end] for start, end in marks]) == ("a b c d", ["a b c"])


def test_a_mark_in_the_text_itself_is_no_word() -> None:
    assert read_marks(excerpt("x \N{COMBINING ACUTE ACCENT}y", (Term("y"),)))[0] == "x \N{COMBINING ACUTE ACCENT}y"
