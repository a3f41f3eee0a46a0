"""Text as a terminal may have it: nothing in it is obeyed, and all of it can be read."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.terminal_text import clock, printable

ANY = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界 👋 a\u0301", "Grüße, 世界 👋 a\u0301"),
        ("\x1b[2J\x1b]0;owned\x07", "\\u001b[2J\\u001b]0;owned\\u0007"),
        ("\x9b31mred\x7f", "\\u009b31mred\\u007f"),
        ("a\nb\r\tc", "a\\u000ab\\u000d\\u0009c"),
        ("name\u202egnp.exe", "name\\u202egnp.exe"),
        ("\udcff.wav", "\\udcff.wav"),
    ],
)
def test_what_would_be_obeyed_is_shown_as_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_ends_and_tabs_stay_where_lines_are_meant() -> None:
    assert printable("a\n\tb\r\x1bc", lines=True) == "a\n\tb\\u000d\\u001bc"


@given(ANY)
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    for lines in (False, True):
        kinds = {unicodedata.category(one) for one in printable(text, lines) if one not in "\n\t"}
        assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert "\n" not in printable(text)
    assert printable(printable(text)) == printable(text)


@given(ANY)
def test_json_stays_the_same_json(text: str) -> None:
    assert json.loads(printable(json.dumps([text, {text: 1}], ensure_ascii=False, indent=1), lines=True)) == [
        text,
        {text: 1},
    ]


def test_a_time_has_hours_minutes_and_seconds() -> None:
    assert [clock(0), clock(65.9), clock(36_000)] == ["0:00:00", "0:01:05", "10:00:00"]
