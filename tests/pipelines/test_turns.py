"""Turns: revised, joined, and given to others by people."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.turns import (
    assign_lines,
    assign_turns,
    covered,
    join_spans,
    join_turns,
    keep_sentences_whole,
    label_words,
    replace_turns,
)
from pipelines.types import UNKNOWN, Span, Turn, TurnsRevised, Word, samples


def turn(start: int, end: int, speaker: str) -> Turn:
    return Turn(Span(start, end), speaker)


def test_touching_and_overlapping_turns_of_one_speaker_become_one() -> None:
    turns = [turn(5, 9, "a"), turn(0, 5, "a"), turn(3, 8, "b"), turn(10, 12, "a"), turn(4, 4, "c")]
    assert join_turns(turns) == [turn(0, 9, "a"), turn(3, 8, "b"), turn(10, 12, "a")]


def test_a_revision_cuts_what_reaches_into_its_span_and_clips_what_reaches_out() -> None:
    old = [turn(0, 100, "a"), turn(20, 30, "b"), turn(90, 120, "b")]
    new = TurnsRevised(Span(10, 50), (turn(0, 20, "c"), turn(60, 70, "d")))
    assert join_turns(replace_turns(old, new)) == [
        turn(0, 10, "a"),
        turn(10, 20, "c"),
        turn(50, 100, "a"),
        turn(90, 120, "b"),
    ]


def test_a_revision_of_nothing_changes_nothing() -> None:
    old = [turn(0, 100, "a")]
    assert replace_turns(old, TurnsRevised(Span(50, 50), (turn(0, 100, "b"),))) == old


def test_a_labelled_line_gives_the_turn_that_is_mostly_heard_in_it_to_its_speaker() -> None:
    turns = [turn(0, 100, "a"), turn(60, 70, "b")]
    assert assign_turns(turns, Span(40, 80), "c") == [
        turn(0, 40, "a"), turn(40, 80, "c"), turn(60, 70, "b"), turn(80, 100, "a"),
    ]  # fmt: skip
    assert assign_turns(turns, Span(40, 80), "a") == join_turns(turns)
    assert assign_turns(turns, Span(200, 300), "c") == [*join_turns(turns), turn(200, 300, "c")]


SPANS = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))


@given(
    turns=st.lists(st.builds(Turn, SPANS, st.sampled_from("abc"))),
    lines=st.lists(st.tuples(SPANS, st.sampled_from("abcd")), max_size=8),
)
def test_many_lines_are_given_as_one_after_the_other(turns: list[Turn], lines: list[tuple[Span, str]]) -> None:
    one_by_one = join_turns(turns)
    for span, speaker in sorted(lines):
        one_by_one = assign_turns(one_by_one, span, speaker)
    assert sorted(assign_lines(join_turns(turns), lines)) == sorted(one_by_one)


def test_ten_thousand_lines_are_given_with_a_look_at_their_neighbours_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def counted(turns: Iterable[Turn], span: Span, speaker: str) -> list[Turn]:
        turns = list(turns)
        looked.append(len(turns))
        return assign_turns(turns, span, speaker)

    monkeypatch.setattr("pipelines.turns.assign_turns", counted)
    turns = [turn(i * 10, i * 10 + 12, "ab"[i % 2]) for i in range(10_000)]
    assigned = assign_lines(turns, [(Span(i * 10, i * 10 + 10), "c") for i in range(10_000)])
    assert (len(looked), max(looked) < 8) == (10_000, True)
    assert {one.speaker for one in assigned} <= {"a", "b", "c"}


def test_revised_turns_replace_what_lies_inside_and_keep_what_reaches_out() -> None:
    before = [turn(0, 60, "a"), turn(20, 30, "b")]
    after = replace_turns(before, TurnsRevised(Span(20, 40), (turn(25, 35, "b"),)))
    assert after == [turn(0, 20, "a"), turn(25, 35, "b"), turn(40, 60, "a")]


def test_a_stretch_may_be_revised_to_silence() -> None:
    assert replace_turns([turn(0, 6, "a")], TurnsRevised(Span(0, 6), ())) == []


def test_turns_that_touch_stay_apart_until_they_are_joined() -> None:
    revised = replace_turns([turn(0, 9, "a")], TurnsRevised(Span(9, 12), (turn(9, 12, "a"),)))
    assert revised == [turn(0, 9, "a"), turn(9, 12, "a")]
    assert join_turns(revised) == [turn(0, 12, "a")]


def test_spans_that_touch_or_are_a_pause_apart_become_one() -> None:
    spans = [Span(5, 6), Span(0, 2), Span(1, 3), Span(3, 4), Span(8, 8)]
    assert join_spans(spans) == [Span(0, 4), Span(5, 6), Span(8, 8)]
    assert join_spans(spans, 1) == [Span(0, 6), Span(8, 8)]
    assert join_spans(spans, 2) == [Span(0, 8)]


def test_what_several_spans_cover_counts_once() -> None:
    assert covered([Span(0, 10), Span(5, 20), Span(30, 40)]) == 30
    assert covered([]) == 0


@given(spans=st.lists(SPANS, max_size=8))
def test_what_spans_cover_is_as_long_as_they_are_joined(spans: list[Span]) -> None:
    assert covered(spans) == sum(map(len, join_spans(spans)))


def heard(speaker: str, start: float, end: float) -> Turn:
    """A turn in seconds."""
    return Turn(Span(samples(start), samples(end)), speaker)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([heard("a", 1.0, 2.0)], "a"),
        ([heard("a", 1.0, 1.2), heard("b", 1.2, 2.0)], "b"),
        ([heard("a", 0.0, 0.5)], "a"),  # nearest turn, half a second away
        ([heard("a", 0.0, 0.49)], None),
        ([heard("a", 0.0, 0.6), heard("b", 2.2, 3.0)], "b"),  # the nearer of two
        ([heard(UNKNOWN, 1.0, 2.0)], None),
        ([heard(UNKNOWN, 1.0, 1.6), heard("a", 1.6, 2.0)], None),
        ([heard("a", 1.0, 1.3), heard("b", 1.3, 1.7), heard("a", 1.7, 2.0)], "a"),  # fragments count together
        ([heard("b", 1.0, 2.0), heard("a", 1.0, 2.0)], "a"),  # both alike: the first by name
        ([], None),
    ],
)
def test_a_word_is_labelled_by_the_turn_that_covers_most_of_it_else_by_the_nearest(
    turns: list[Turn], expected: str | None
) -> None:
    assert label_words([Word("well", Span(samples(1), samples(2)))], turns) == [expected]


def test_where_two_speak_at_once_a_word_stays_with_the_speaker_before() -> None:
    words = [Word(str(at), Span(samples(at), samples(at + 1))) for at in range(3)]
    assert label_words(words, [heard("b", 0, 1), heard("a", 1, 3), heard("b", 1, 3)]) == ["b", "b", "b"]


def said(text: str) -> list[Word]:
    """Words of half a second, one after the other."""
    return [Word(word, Span(samples(at / 2), samples((at + 1) / 2))) for at, word in enumerate(text.split())]


def test_the_shortest_edge_of_a_sentence_is_settled_first() -> None:
    words, labels = said("one two three four five six"), list("baaacc")
    assert keep_sentences_whole(words, labels, samples(0.4)) == labels
    assert keep_sentences_whole(words, labels, samples(0.75)) == list("aaaacc")
    assert keep_sentences_whole(words, labels, samples(1.25)) == list("aaaaaa")


def test_a_sentence_takes_nothing_from_the_one_beside_it() -> None:
    assert keep_sentences_whole(said("one two. three four five"), list("aabbb"), samples(1.0)) == list("aabbb")
    assert keep_sentences_whole(said("one two. three four five"), list("aaabb"), samples(1.0)) == list("aabbb")
