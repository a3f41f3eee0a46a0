"""Partial results: what was recognised long ago is kept, the rest is recognised again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.asr.partials import MAX_REREAD, REREAD, PartialTranscript
from pipelines.asr.recogniser import RecognisedWord, RecognitionResult
from pipelines.types import samples

UTTERANCE = (3, 16000)


def word(text: str, start: float, end: float) -> RecognisedWord:
    """A word with times in seconds."""
    return RecognisedWord(text, samples(start), samples(end))


def heard(*words: RecognisedWord, draft: object = None) -> RecognitionResult:
    """A reading."""
    return RecognitionResult(words, "en", draft=draft)


def test_a_short_utterance_is_read_whole_each_time_from_the_draft_of_the_last() -> None:
    partial = PartialTranscript()
    assert partial.start(UTTERANCE, samples(1.0)) == 0
    assert partial.extend(heard(word("so", 0.1, 0.4), draft="draft")).text == "so"
    assert partial.start(UTTERANCE, samples(4.9)) == 0
    assert partial.draft == "draft"


def test_another_utterance_starts_afresh() -> None:
    partial = PartialTranscript()
    partial.start(UTTERANCE, samples(1.0))
    partial.extend(heard(word("so", 0.1, 0.4), draft="draft"))
    assert partial.start((4, 0), samples(9.0)) == 0
    assert (partial.draft, partial.settled_text) == (None, "")
    assert partial.extend(heard(word("We", 0.0, 0.2))).text == "We"


def test_a_long_one_is_cut_in_the_longest_pause_and_keeps_what_is_before_it() -> None:
    partial = PartialTranscript()
    partial.start(UTTERANCE, samples(5.0))
    before = [word(text, at, at + 0.5) for text, at in (("one", 0.0), ("two", 0.6), ("three", 1.2), ("four", 2.1))]
    after = [word("five", 2.7, 3.2), word("six", 3.3, 3.9)]
    partial.extend(heard(*before, *after, draft="draft"))
    anchor = partial.start(UTTERANCE, samples(5.2))
    assert samples(1.7) <= anchor <= samples(2.1)
    assert partial.settled_text == "one two three"
    assert partial.draft is None
    again = partial.extend(heard(word("Four", 0.2, 0.6), word("fives", 0.8, 1.3)))
    assert again.text == "one two three four fives"
    assert again.words[-1].start == anchor + samples(0.8)


def test_without_a_word_to_cut_at_all_is_read_again() -> None:
    partial = PartialTranscript()
    partial.start(UTTERANCE, samples(5.0))
    partial.extend(heard(word("aaah", 0.0, 4.9)))
    assert partial.start(UTTERANCE, samples(6.0)) == 0


@given(st.lists(st.tuples(st.floats(0.05, 0.6), st.floats(0.0, 0.5)), min_size=1, max_size=40))
def test_kept_words_stay_and_times_never_go_back(rhythm: list[tuple[float, float]]) -> None:
    said: list[RecognisedWord] = []
    at = 0.0
    for number, (length, pause) in enumerate(rhythm):
        said.append(word(f"w{number}", at, at + length))
        at += length + pause
    partial, kept = PartialTranscript(), 0
    for now in range(samples(0.5), samples(at) + 1, samples(0.5)):
        anchor = partial.start(UTTERANCE, now)
        behind = [w for w in said if w.start >= anchor and w.end <= now]
        told = partial.extend(heard(*(RecognisedWord(w.text, w.start - anchor, w.end - anchor) for w in behind)))
        texts = [w.text for w in told.words]
        assert texts == [w.text for w in said[: len(texts)]]
        assert len(texts) == sum(w.end <= now for w in said)
        assert len(partial.settled) >= kept
        kept = len(partial.settled)
        if kept:
            assert now - anchor <= MAX_REREAD or not [w for w in behind if w.start <= now - REREAD]
