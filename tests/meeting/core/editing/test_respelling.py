"""What a person writes into a line, in words of one second each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.editing.respelling import MAX_WORDS, QUICK_LETTER, respell
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Span, Word
from tests.fakes.shown import said

SAMPLE = Path(__file__).parents[4] / "web" / "sample" / "sample.seglst.json"


def test_written_words_take_the_times_of_those_they_replace() -> None:
    heard = said("a b c")
    second = SAMPLE_RATE
    assert respell(heard, "a x y c") == (
        heard[0],
        Word("x", Span(second, second * 3 // 2)),
        Word("y", Span(second * 3 // 2, second * 2)),
        heard[2],
    )
    assert respell(heard, "c") == heard[2:]
    assert respell(heard, "a xxx y c")[1:3] == (
        Word("xxx", Span(second, second * 7 // 4)),
        Word("y", Span(second * 7 // 4, second * 2)),
    ), "a long word takes longer"


def shown(words: Sequence[Word]) -> list[tuple[str, int, int]]:
    """Words with where they begin and end, in milliseconds."""
    return [(word.text, word.span.start // 16, word.span.end // 16) for word in words]


def at(*words: tuple[str, int, int]) -> tuple[Word, ...]:
    """The same the other way round, as they were recognised."""
    return tuple(Word(text, Span(start * 16, end * 16), 0.9) for text, start, end in words)


PAUSED = at(("one", 1000, 1300), ("two", 3000, 3300), ("three", 3300, 3800))


def test_words_that_were_added_where_nobody_spoke_last_as_long_as_they_take_to_say() -> None:
    assert shown(respell(PAUSED, "one more two three")) == [
        ("one", 1000, 1300),
        ("more", 2760, 3000),
        ("two", 3000, 3300),
        ("three", 3300, 3800),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two and three", [("one", 1000, 1300), ("two", 3000, 3218), ("and", 3218, 3436), ("three", 3436, 3800)]),
        ("so one two three", [("so", 1000, 1120), ("one", 1120, 1300), ("two", 3000, 3300), ("three", 3300, 3800)]),
        ("one two three ok", [("one", 1000, 1300), ("two", 3000, 3300), ("three", 3300, 3657), ("ok", 3657, 3800)]),
    ],
)
def test_words_that_were_added_where_there_is_no_silence_share_the_time_of_those_beside_them(
    text: str, expected: list[tuple[str, int, int]]
) -> None:
    made = respell(PAUSED, text)
    assert shown(made) == expected
    assert [word.confidence for word in made if word.text in ("one", "two", "three")] == [0.9] * 3


def test_words_that_were_added_in_several_places_keep_their_order() -> None:
    made = respell(said("a b c"), "x a y b z c w")
    assert [word.text for word in made] == ["x", "a", "y", "b", "z", "c", "w"]
    assert all(one.span.end <= two.span.start for one, two in pairwise(made))
    assert min(len(word.span) for word in made) >= QUICK_LETTER


def test_of_a_line_of_which_every_word_was_replaced_the_time_is_shared_by_letters() -> None:
    made = respell(PAUSED, "quite another line")
    assert [word.text for word in made] == ["quite", "another", "line"]
    assert (made[0].span.start, made[-1].span.end) == (PAUSED[0].span.start, PAUSED[-1].span.end)
    assert [len(word.span) / SAMPLE_RATE for word in made] == pytest.approx([0.875, 1.225, 0.7], abs=0.001)


def test_a_few_words_in_the_place_of_a_short_one_take_some_of_the_time_around_it() -> None:
    heard = at(("good", 0, 400), ("uh", 420, 500), ("morning", 900, 1400))
    assert shown(respell(heard, "good and early morning")) == [
        ("good", 0, 400),
        ("and", 420, 600),
        ("early", 600, 900),
        ("morning", 900, 1400),
    ]


def test_characters_of_a_script_without_spaces_count_for_more_than_letters() -> None:
    heard = at(("我", 0, 200), ("们", 200, 400), ("OK", 400, 600))
    made = shown(respell(heard, "我们 今天 OK"))
    assert [text for text, _, _ in made] == ["我们", "今天", "OK"]
    assert [end - start for _, start, end in made] == [200, 200, 200]
    assert shown(respell(at(("我们讨论", 0, 800)), "我们讨论 预算")) == [("我们讨论", 0, 560), ("预算", 560, 800)]


def by_difflib(words: tuple[Word, ...], text: str) -> list[tuple[str, bool]]:
    """The words of a person's text, and which of them stayed, as the standard library finds it."""
    written, out = text.split(), list[tuple[str, bool]]()
    same = SequenceMatcher(None, [word.text for word in words], written, autojunk=False)
    for kind, _, _, c, d in same.get_opcodes():
        out += [(one, kind == "equal") for one in written[c:d]]
    return out


@settings(deadline=None)  # a busy machine is no fault of theirs
@given(data=st.data())
def test_ordinary_edits_of_real_lines_keep_the_words_that_difflib_finds(data: st.DataObject) -> None:
    lines = [row["words"] for row in json.loads(SAMPLE.read_text(encoding="utf-8"))]
    heard, other = data.draw(st.sampled_from(lines)).split(), data.draw(st.sampled_from(lines)).split()
    written = list(heard)
    for _ in range(data.draw(st.integers(1, 4))):
        at, long = data.draw(st.integers(0, len(written))), data.draw(st.integers(0, 5))
        match data.draw(st.sampled_from(["fix", "insert", "delete", "double", "retype", "capitals"])):
            case "fix":
                written[at : at + 1] = ["fixed"]
            case "insert":
                written[at:at] = other[:long]
            case "delete":
                written[at : at + long] = []
            case "double":
                written[at:at] = written[at : at + long]
            case "retype":
                written[at:] = other
            case "capitals":
                written[at : at + 1] = [word.capitalize() for word in written[at : at + 1]]
    text = " ".join(written) or "x"
    made = respell(said(" ".join(heard)), text)
    assert [(word.text, word.confidence is not None) for word in made] == by_difflib(said(" ".join(heard)), text)


@given(st.lists(st.sampled_from("ab"), min_size=1), st.lists(st.sampled_from("ab"), min_size=1))
def test_written_words_are_all_there_and_their_times_in_order(heard: list[str], written: list[str]) -> None:
    words = said(" ".join(heard))
    made = respell(words, " ".join(written))
    assert [word.text for word in made] == written
    assert all(one.span.start <= one.span.end <= two.span.start for one, two in pairwise(made))
    assert words[0].span.start <= made[0].span.start <= made[-1].span.end <= words[-1].span.end
    assert min(len(word.span) for word in made) > SAMPLE_RATE // 1000 or len(made) > 30 * len(words)


def test_a_line_of_more_words_than_could_be_said_is_shared_evenly_at_once() -> None:
    heard = said("a b")
    made = respell(heard, "a " + "x a " * 900 + "b")
    assert len(made) == 1802
    assert all(one.span.start <= one.span.end <= two.span.start for one, two in pairwise(made))
    assert made[-1].span.end == heard[-1].span.end


def test_a_line_of_more_words_than_anyone_says_is_refused_with_their_number() -> None:
    assert len(respell(said(), "a " * MAX_WORDS)) == MAX_WORDS
    with pytest.raises(MeetingError, match=f"{MAX_WORDS} words, this text has {MAX_WORDS + 1}"):
        respell(said(), "a " * (MAX_WORDS + 1))
