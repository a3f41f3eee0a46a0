"""The rough check: which lines a sentence rests on, and when it is doubted."""

from __future__ import annotations

import pytest

from meeting.core.records import NotedLine, Statement
from meeting.notes.checking import check_sentences, content_words
from meeting.notes.drafts import Sentence
from pipelines.types import SAMPLE_RATE
from tests.meeting.notes.meetings import RECORD

LINES = RECORD.segments


def doubted(text: str, *numbers: int) -> bool:
    """Whether a sentence about the planning meeting is doubtful."""
    (statement,) = check_sentences([Sentence(text, numbers)], LINES)
    return statement.doubtful


def test_a_sentence_is_linked_to_its_lines_by_their_ids() -> None:
    found = check_sentences([Sentence("The release is on Friday.", (3,), "Ann", "Friday")], LINES)
    assert found == (
        Statement("The release is on Friday.", (NotedLine("s2", 2 * SAMPLE_RATE),), False, "Ann", "Friday"),
    )


def test_a_sentence_that_names_no_line_is_doubtful() -> None:
    assert doubted("The parser is ready.")
    assert not doubted("The parser is ready.", 2)


@pytest.mark.parametrize("number", [0, 5, 99, 9_999_999])
def test_a_line_that_is_not_there_is_left_out_and_the_sentence_doubted(number: int) -> None:
    (statement,) = check_sentences([Sentence("The parser is ready.", (number,))], LINES)
    assert (statement.lines, statement.doubtful) == ((), True)
    (statement,) = check_sentences([Sentence("The parser is ready.", (2, number))], LINES)
    assert ([line.id for line in statement.lines], statement.doubtful) == (["s1"], False)


def test_a_sentence_that_shares_no_content_word_with_its_lines_is_doubtful() -> None:
    assert doubted("The budget was cut in half.", 2)
    assert doubted("They will have been there about this.", 4)  # only words that are everywhere
    assert not doubted("Ben announces the parser.", 4, 2)


def test_the_name_of_a_speaker_is_no_support() -> None:
    assert doubted("Ben resigned.", 2)


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("We released it.", "The release is out."),
        ("Straßenbau beginnt", "STRASSENBAU"),
        ("Ça été décidé à Évry", "decide"),
        ("At 15 we stop", "The end is at 15."),
        ("会议将在星期五举行", "星期五开会"),
        ("การประชุมวันศุกร์", "ประชุม"),
        ("회의는 금요일에 있습니다", "금요일 회의"),
        ("решили выпустить в пятницу", "Решили в пятницу."),
    ],
)
def test_words_are_the_same_where_they_begin_alike_in_any_script(said: str, noted: str) -> None:
    assert content_words(said) & content_words(noted)


def test_short_and_common_words_say_nothing() -> None:
    assert content_words("It is on, and they will do that there. a1") == {"a1"}
