"""From hypotheses of utterances, some of whose words are final early, to lines with numbers and spans of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from pipelines.stream.lines import LineSplitter
from pipelines.types import BlockFailed, Hypothesis, Span, Unread, Word


def hypothesis(index: int, text: str, start: int = 0, committed: int | None = None, final: bool = False) -> Hypothesis:
    """Words of ten samples each from `start` on, in an utterance that has five more."""
    words = tuple(Word(word, Span(start + 10 * at, start + 10 * at + 8), 0.9) for at, word in enumerate(text.split()))
    return Hypothesis(index, Span(start, start + 10 * len(words) + 5), final, words, committed=committed)


def shown(lines: Iterable[object]) -> list[tuple[int, int, int, int, bool, str]]:
    """Utterance, line, start, end, whether final, and text of each."""
    return [
        (
            one.utterance_index,
            one.line,
            one.span.start,
            one.span.end,
            one.final,
            " ".join(word.text for word in one.words),
        )
        for one in lines
        if isinstance(one, Hypothesis)
    ]


def test_utterances_of_which_nothing_is_committed_are_lines_as_they_are() -> None:
    split = LineSplitter()
    for said in (hypothesis(0, "so"), hypothesis(0, "so we", final=True), hypothesis(1, "then", 100, final=True)):
        assert split(said) == [said]
    assert list(split.flush()) == []


def test_committed_words_are_a_final_line_and_the_rest_is_the_next_one() -> None:
    split = LineSplitter()
    split(hypothesis(0, "so we met."))
    assert shown(split(hypothesis(0, "So we met. And", committed=3))) == [
        (0, 0, 0, 29, True, "So we met."),
        (0, 1, 29, 45, False, "And"),
    ]
    assert shown(split(hypothesis(0, "So we met. And left"))) == [(0, 1, 29, 55, False, "And left")]
    assert shown(split(hypothesis(0, "So we met. And left. Good", committed=5))) == [
        (0, 1, 29, 49, True, "And left."),
        (0, 2, 49, 65, False, "Good"),
    ]
    assert shown(split(hypothesis(0, "So we met. And left. Good night", final=True))) == [
        (0, 2, 49, 75, True, "Good night"),
    ]
    assert shown(split(hypothesis(1, "Bye.", 200, final=True))) == [(1, 0, 200, 215, True, "Bye.")]


def test_a_pause_follows_the_last_line_of_an_utterance_only() -> None:
    split = LineSplitter()
    assert [one.pause for one in split(hypothesis(0, "So we met. And", committed=3))] == [False, False]
    assert [one.pause for one in split(replace(hypothesis(0, "So we met. And", final=True), pause=True))] == [True]


def test_the_same_words_are_committed_once() -> None:
    split = LineSplitter()
    split(hypothesis(0, "So we met. And", committed=3))
    assert shown(split(hypothesis(0, "So we met. And then", committed=3))) == [(0, 1, 29, 55, False, "And then")]


def test_a_partial_result_that_knows_less_than_is_final_says_nothing() -> None:
    split = LineSplitter()
    split(hypothesis(0, "So we met. And", committed=3))
    assert split(hypothesis(0, "So we")) == []


def test_an_empty_end_takes_back_what_was_shown_of_the_rest() -> None:
    split = LineSplitter()
    split(hypothesis(0, "So we met. And", committed=3))
    assert shown(split(hypothesis(0, "So we met.", final=True))) == [(0, 1, 29, 35, True, "")]


def test_each_line_has_its_part_of_the_audio() -> None:
    said = hypothesis(0, "So we met. And", start=100, committed=3)
    heard = Hypothesis(0, said.span, False, said.words, committed=3, audio=np.arange(100, 145, dtype=np.float32))
    first, second = LineSplitter()(heard)
    assert first.audio is not None
    assert second.audio is not None
    assert (len(first.audio), first.audio[0]) == (len(first.span), 100)
    assert (len(second.audio), second.audio[0]) == (len(second.span), second.span.start)


def unread(index: int, end: int) -> Unread:
    return Unread(index, True, BlockFailed("recogniser", "RuntimeError", Span(0, end)))


def test_of_an_utterance_that_cannot_be_read_in_the_end_the_words_shown_last_are_final() -> None:
    split = LineSplitter()
    split(hypothesis(0, "So we met. And", committed=3))
    split(hypothesis(0, "So we met. And left"))
    failure, rest = split(unread(0, 70))
    assert failure == unread(0, 70).failure
    assert isinstance(rest, Hypothesis)
    assert (shown([rest]), rest.pause) == ([(0, 1, 29, 70, True, "And left")], True)


def test_what_was_shown_of_another_utterance_is_not_taken_for_it() -> None:
    split = LineSplitter()
    split(hypothesis(0, "so we met", final=True))
    _, nothing = split(unread(1, 70))
    assert isinstance(nothing, Hypothesis)
    assert (nothing.final, nothing.words, nothing.pause) == (True, (), True)
