"""CSV: what was said is read back as it was, and a spreadsheet computes none of it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings

from meeting.core.documents.table import cell, table
from meeting.core.export import export
from meeting.core.records import Record
from tests.meeting.core.test_export import EVIL, SHORT, evil, plain, records

STARTS = tuple("=+-@＝＋－＠")
"""What begins a formula"""


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    """The cells, as a program reads them that parts cells so."""
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter, strict=delimiter == ","))


def computed(text: str) -> list[str]:
    """The cells that a spreadsheet would compute, wherever it parts them."""
    cells = [one for delimiter in (",", ";", "\t") for row in rows(text, delimiter) for one in row]
    return [one for one in cells if one.strip(" \t\r\n\"'").startswith(STARTS) and not one.strip().startswith("'")]


def test_a_row_for_each_line_has_title_times_speaker_and_text() -> None:
    text = export(SHORT, "csv")
    assert text.startswith("\ufeff")
    assert rows(text) == [
        ["title", "start", "end", "speaker", "text"],
        ["Plans & <budget>", "00:00:00.500", "00:01:00.000", "Ann", "Hello there."],
        ["Plans & <budget>", "00:01:00.000", "00:01:00.500", "Speaker ?", "Who?"],
        ["Plans & <budget>", "00:01:01.000", "00:01:01.250", "Speaker 2", "Me."],
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("-5 degrees", "'-5 degrees"),
        ("＝1", "'＝1"),
        ('"=1', "'\"=1"),
        ("'=1", "''=1"),
        (' \t"@SUM(A1)', "' \t\"@SUM(A1)"),
        ('a";=cmd|x', "a\";'=cmd|x"),
        ("a; b; +1", "a; b; '+1"),
        ("one, -5, a=b", "one, -5, a=b"),
        ("", ""),
    ],
)
def test_an_apostrophe_stands_before_what_would_be_computed_and_nowhere_else(text: str, shown: str) -> None:
    assert cell(text) == shown
    assert computed(table(["a"], [[text]])) == []


@pytest.mark.parametrize("text", [*EVIL, "=cmd|' /C calc'!A0", 'x";=1+1;"', "+1;-1", "@a\n=b"])
def test_names_titles_and_words_of_any_kind_are_cells_that_nothing_computes(text: str) -> None:
    written = export(evil(text), "csv")
    assert computed(written) == []
    (_, (title, _, _, name, said)) = rows(written)
    whole = plain(text)
    assert [one.replace("'", "") for one in (title, name, said)] == [
        one.replace("'", "") for one in (whole, whole, f"{whole} end")
    ]


@settings(deadline=None, max_examples=40)
@given(records())
def test_whatever_was_said_there_is_a_row_of_five_cells_for_each_line(record: Record) -> None:
    written = export(record, "csv")
    assert {len(row) for row in rows(written)} == {5}
    assert len(rows(written)) - 1 == written.count("\n") - 1 <= len(record.segments)
    assert computed(written) == []
