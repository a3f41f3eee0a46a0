"""What a person writes into a line, in words of one second each."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.editing.respelling import MAX_WORDS, respell
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
    assert respell(heard, "a b c d")[-1] == Word("d", Span(second * 3, second * 3))


def by_difflib(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """What a person's text comes to where the standard library finds the words that stayed."""
    written, out = text.split(), list[Word]()
    same = SequenceMatcher(None, [word.text for word in words], written, autojunk=False)
    for kind, a, b, c, d in same.get_opcodes():
        if kind == "equal":
            out += words[a:b]
        elif d > c:
            start = words[a].span.start if a < len(words) else words[-1].span.end
            end = words[b - 1].span.end if b > a else start
            edges = [start + (end - start) * i // (d - c) for i in range(d - c + 1)]
            out += [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written[c:d])]
    return tuple(out)


@settings(deadline=None)  # a busy machine is no fault of theirs
@given(data=st.data())
def test_ordinary_edits_of_real_lines_keep_the_times_that_difflib_finds(data: st.DataObject) -> None:
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
    assert respell(said(" ".join(heard)), text) == by_difflib(said(" ".join(heard)), text)


@given(st.lists(st.sampled_from("ab"), min_size=1), st.lists(st.sampled_from("ab"), min_size=1))
def test_written_words_are_all_there_and_their_times_in_order(heard: list[str], written: list[str]) -> None:
    words = said(" ".join(heard))
    made = respell(words, " ".join(written))
    assert [word.text for word in made] == written
    assert all(one.span.start <= one.span.end <= two.span.start for one, two in pairwise(made))
    assert made[-1].span.end <= words[-1].span.end


def test_a_line_of_more_words_than_anyone_says_is_refused_with_their_number() -> None:
    assert len(respell(said(), "a " * MAX_WORDS)) == MAX_WORDS
    with pytest.raises(MeetingError, match=f"{MAX_WORDS} words, this text has {MAX_WORDS + 1}"):
        respell(said(), "a " * (MAX_WORDS + 1))
