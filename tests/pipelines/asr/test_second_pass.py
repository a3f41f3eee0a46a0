"""Second readings: what is read again, when it is believed, and to which line each word goes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipelines.asr.second_pass import (
    Passage,
    SecondPassBuffer,
    SecondPassOptions,
    is_better,
    mean_log_confidence,
    revised_hypotheses,
)
from pipelines.types import Hypothesis, Span, Word, samples


def span(start: float, end: float) -> Span:
    """A span in seconds."""
    return Span(samples(start), samples(end))


def words(text: str, confidence: float | None = 0.9, start: float = 0.0, each: float = 0.5) -> tuple[Word, ...]:
    """Words of equal length, one after the other."""
    return tuple(
        Word(word, span(start + at * each, start + (at + 1) * each), confidence) for at, word in enumerate(text.split())
    )


def heard(
    *edges: tuple[float, float], confidence: float = 0.9, options: SecondPassOptions | None = None
) -> list[Passage]:
    """What is to be read again of utterances from one second to another, their audio counting seconds."""
    cuts = SecondPassBuffer(options)
    for index, (start, end) in enumerate(edges):
        where = span(start, end)
        audio = (np.arange(where.start, where.end) / samples(1)).astype(np.float32)
        cuts.add(Hypothesis(index, where, True, words("a", confidence, start)), audio)
    return cuts.flush()


def test_utterances_that_touch_are_read_as_one() -> None:
    (stretch,) = heard((1, 4), (4, 6), (6, 9))
    assert stretch.span == stretch.utterance.span == span(1, 9)
    assert [reading.utterance_index for reading in stretch.hypotheses] == [0, 1, 2]
    assert stretch.utterance.final
    assert len(stretch.audio) == len(stretch.span)
    assert stretch.audio[[0, -1]].tolist() == pytest.approx([1, 9], abs=0.001)


def test_utterances_with_a_whole_pause_between_them_were_cut_well() -> None:
    assert heard((1, 4), (4.1, 6), (7, 9)) == []


def test_no_stretch_is_longer_than_a_recogniser_reads_well_and_no_utterance_is_in_two() -> None:
    found = heard(*pairwise(range(0, 40, 4)))
    assert [stretch.span for stretch in found] == [span(0, 12), span(12, 24), span(24, 36)]


def test_a_click_between_two_utterances_keeps_them_apart() -> None:
    cuts = SecondPassBuffer()
    for index, (start, end, length) in enumerate([(0, 3, 3), (3, 4, 0), (4, 7, 3)]):
        cuts.add(Hypothesis(index, span(start, end), True, ()), np.zeros(samples(length), np.float32))
    assert cuts.flush() == []


def test_the_surest_stretch_goes_first_where_too_much_would_be_kept() -> None:
    cuts = SecondPassBuffer(SecondPassOptions(max_kept=10.0))
    for index, sure in enumerate([0.5, 0.5, 0.9, 0.9, 0.7, 0.7]):
        start = 2.0 * index + (index // 2)
        cuts.add(
            Hypothesis(index, span(start, start + 2), True, words("a", sure, start)), np.zeros(samples(2), np.float32)
        )
    assert [[reading.utterance_index for reading in stretch.hypotheses] for stretch in cuts.flush()] == [[0, 1], [4, 5]]


def test_nothing_is_kept_after_a_flush() -> None:
    cuts = SecondPassBuffer()
    for index in range(2):
        cuts.add(Hypothesis(index, span(index, index + 1), True, ()), np.zeros(samples(1), np.float32))
    assert len(cuts.flush()) == 1
    assert cuts.flush() == []


def test_sureness_is_the_mean_log_confidence_where_every_word_has_one() -> None:
    assert mean_log_confidence(words("a b", 0.5)) == pytest.approx(np.log(0.5))
    assert mean_log_confidence(words("a", 0.0)) == pytest.approx(np.log(0.001))
    assert mean_log_confidence(()) is None
    assert mean_log_confidence((*words("a"), *words("b", None))) is None


def test_a_second_reading_is_believed_when_it_is_surer_and_leaves_little_out() -> None:
    first = words("we meat on thirst day", 0.7)
    assert is_better(first, words("we meet on Thursday", 0.8))
    assert not is_better(first, words("we meet on Thursday", 0.71))
    assert not is_better(first, words("we meet on", 0.99))
    assert not is_better(first, ())
    assert not is_better((), words("we"))


def test_without_confidences_the_first_reading_stands() -> None:
    assert not is_better(words("we meat", None), words("we meet", None))
    assert not is_better(words("we meat", 0.5), words("we meet", None))


def test_each_word_goes_to_the_utterance_that_holds_its_middle() -> None:
    (stretch,) = heard((0, 2), (2, 4))
    made = revised_hypotheses(stretch, words("one two three", start=0.0, each=1.3))
    assert [[word.text for word in reading.words] for reading in made] == [["one", "two"], ["three"]]
    assert all(reading.second_pass and reading.final for reading in made)
    assert [reading.span for reading in made] == [span(0, 2), span(2, 4)]


@pytest.mark.parametrize("each", [0.1, 0.37, 0.5, 1.0])
def test_no_word_is_lost_or_doubled(each: float) -> None:
    (stretch,) = heard((0, 2), (2, 3), (3, 4))
    said = words("a b c d e f g h"[: 2 * int(4 / each) - 1], each=each)
    assert tuple(word for reading in revised_hypotheses(stretch, said) for word in reading.words) == said
