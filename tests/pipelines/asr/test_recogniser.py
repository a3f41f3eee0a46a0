"""What every recogniser's result goes through: times, context, place in the meeting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.asr.recogniser import (
    RecognisedWord,
    RecognitionResult,
    absolute_words,
    fix_word_times,
    trim_context,
)
from pipelines.types import SAMPLE_RATE, Span, Word


def heard(text: str, **measures: float) -> RecognitionResult:
    """Words half a second apart."""
    words = [RecognisedWord(word, i * 8000, i * 8000 + 6000) for i, word in enumerate(text.split())]
    return RecognitionResult(tuple(words), "en", **measures)


def test_text_is_the_words_joined_by_spaces() -> None:
    assert heard("we meet").text == "we meet"


def test_good_times_are_left_alone() -> None:
    words = heard("we meet on Thursday").words
    assert fix_word_times(words, 4 * SAMPLE_RATE) == words


def test_a_word_ends_where_the_next_begins() -> None:
    words = [RecognisedWord("we", 0, 9000), RecognisedWord("meet", 8000, 12000)]
    assert [(word.start, word.end) for word in fix_word_times(words, 16000)] == [(0, 8000), (8000, 12000)]


def test_words_beyond_the_audio_are_pulled_inside() -> None:
    (word,) = fix_word_times([RecognisedWord("late", 20000, 24000)], 16000)
    assert 0 <= word.start < word.end <= 16000


def test_blank_words_are_dropped_and_spaces_stripped() -> None:
    assert [
        word.text for word in fix_word_times([RecognisedWord(" we", 0, 10), RecognisedWord("  ", 10, 20)], 16000)
    ] == ["we"]


def test_no_audio_holds_no_words() -> None:
    assert fix_word_times([RecognisedWord("we", 0, 10)], 0) == ()


times = st.integers(min_value=-50_000, max_value=100_000)


@given(st.lists(st.tuples(times, times), max_size=40), st.integers(min_value=0, max_value=60_000))
def test_tidied_words_go_forward_within_the_audio_and_are_never_empty(
    spans: list[tuple[int, int]], samples: int
) -> None:
    tidied = fix_word_times([RecognisedWord(str(i), start, end) for i, (start, end) in enumerate(spans)], samples)
    assert len(tidied) == (len(spans) if samples >= len(spans) else 0)
    edges = [edge for word in tidied for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= word.start < word.end <= samples for word in tidied)


def spaced(text: str) -> RecognitionResult:
    """Words of 4000 samples, one after the other."""
    return RecognitionResult(
        tuple(RecognisedWord(word, i * 4000, (i + 1) * 4000) for i, word in enumerate(text.split())), "en", -0.5
    )


def test_what_was_heard_for_context_is_taken_off_by_the_middle_of_each_word() -> None:
    assert trim_context(spaced("a b c d"), 8000, 8000) == spaced("c d")
    assert trim_context(spaced("a b c d"), 9990, 6010).words == (
        RecognisedWord("c", 0, 2010),
        RecognisedWord("d", 2010, 6010),
    )
    assert trim_context(spaced("a b c d"), 10010, 5990).words == (RecognisedWord("d", 1990, 5990),)
    assert trim_context(spaced("a b c d"), 50000, 8000).words == ()
    assert trim_context(replace(spaced("a"), draft="anything"), 0, 4000).draft is None


@pytest.mark.parametrize(
    ("before", "words"),
    [("b.", "c d"), ("A", "b c d"), ("C", "d"), ("d", "c d"), ("x", "c d"), (None, "c d")],
)
def test_the_last_word_before_an_utterance_is_the_seam_where_it_is_near(before: str | None, words: str) -> None:
    assert trim_context(spaced("a b c d"), 8000, 8000, before).text == words


def test_words_behind_the_seam_begin_with_the_slice() -> None:
    found = trim_context(spaced("a b c d"), 8000, 8000, "a").words
    assert [(word.text, word.start, word.end) for word in found] == [("b", 0, 320), ("c", 320, 4000), ("d", 4000, 8000)]


def test_words_are_placed_in_the_meeting() -> None:
    assert absolute_words(RecognitionResult((RecognisedWord("we", 100, 200, 0.5),)), 1000) == (
        Word("we", Span(1100, 1200), 0.5),
    )
