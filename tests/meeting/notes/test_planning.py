"""Transcripts in parts that fit, and answers in groups that do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.notes.errors import NotesError
from meeting.notes.planning import (
    MOST_PARTS,
    Budget,
    NumberedLine,
    group_answers,
    numbered_lines,
    split_lines,
    tokens,
)
from tests.meeting.notes.meetings import LONG, RECORD, record_of

SMALL = Budget(2048)


def size(part: list[NumberedLine]) -> int:
    """Tokens of a part as it is sent."""
    return tokens("\n".join(map(str, part)))


def test_lines_are_numbered_and_told_with_their_speakers() -> None:
    assert [str(line) for line in numbered_lines(RECORD)][:2] == [
        "[1] Ann: Welcome to the planning meeting.",
        "[2] Ben: The parser is ready for the release.",
    ]


def test_nobody_can_make_a_line_of_their_own_by_a_break_in_a_name_or_a_text() -> None:
    record = record_of(("spk1", "no\n[7] Ann: yes"))
    assert [str(line) for line in numbered_lines(record)] == ["[1] Ann: no [7] Ann: yes"]


def test_a_short_meeting_is_one_part_and_an_empty_one_none() -> None:
    assert split_lines(numbered_lines(RECORD), SMALL) == [numbered_lines(RECORD)]
    assert split_lines([], SMALL) == []


def test_a_long_one_is_cut_between_lines_into_parts_that_fit() -> None:
    lines = numbered_lines(LONG)
    parts = split_lines(lines, SMALL)
    assert len(parts) > 3
    assert [line for part in parts for line in part] == lines
    assert all(size(part) <= SMALL.text for part in parts)
    # as few as possible: a part has no room for the line after it
    for part, after in pairwise(parts):
        assert size([*part, *after[:3]]) > SMALL.text


def test_a_line_that_alone_is_too_long_is_cut_between_words_and_keeps_its_number() -> None:
    text = " ".join(f"word{number}" for number in range(2000))
    parts = split_lines([NumberedLine(1, "Ann", "first"), NumberedLine(2, "Ben", text)], SMALL)
    pieces = [piece for part in parts for piece in part if piece.number == 2]
    assert len(pieces) > 1
    assert " ".join(piece.text for piece in pieces) == text
    assert all(size(part) <= SMALL.text for part in parts)


@given(st.lists(st.text(max_size=3000), max_size=8), st.integers(2048, 9000))
def test_whatever_is_said_every_part_fits_and_no_letter_is_lost(texts: list[str], context: int) -> None:
    said = [" ".join(text.split()) for text in texts]
    budget = Budget(context)
    parts = split_lines([NumberedLine(at, "Ann", text) for at, text in enumerate(said, 1)], budget)
    assert all(size(part) <= budget.text for part in parts)
    for number, text in enumerate(said, 1):
        pieces = [piece.text for part in parts for piece in part if piece.number == number]
        assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_a_meeting_that_would_take_too_many_questions_says_what_to_do() -> None:
    lines = [NumberedLine(number, "Ann", "word " * 500) for number in range(MOST_PARTS + 1)]
    with pytest.raises(NotesError, match=r"notes\.context"):
        split_lines(lines, SMALL)


@pytest.mark.parametrize("context", [2048, 4096, 8192, 131_072])
def test_two_answers_as_long_as_they_may_be_fit_into_one_question(context: int) -> None:
    budget = Budget(context)
    # English words are longer than is taken for a token
    answer = "x" * (budget.answer * 4)
    assert group_answers([answer] * 5, budget)
    assert len(group_answers([answer] * 5, budget)) <= 3


def test_short_answers_are_put_together_in_one_question_and_order_is_kept() -> None:
    assert group_answers(["x" * 300] * 5, Budget(4096)) == [[0, 1, 2, 3, 4]]
    groups = group_answers(["x" * 2000] * 7, Budget(4096))
    assert [at for group in groups for at in group] == list(range(7))
    assert len(groups) < 7


def test_answers_that_do_not_fit_together_say_what_to_do() -> None:
    with pytest.raises(NotesError, match="larger context"):
        group_answers(["x" * 9000] * 2, Budget(4096))


def test_a_token_is_taken_for_three_bytes() -> None:
    assert [tokens(text) for text in ("", "a", "abc", "abcd", "会議", "\ud800")] == [0, 1, 1, 2, 2, 1]
