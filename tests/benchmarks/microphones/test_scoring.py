"""Figures: lines that are there twice, speech that is nowhere, the best microphone."""

from __future__ import annotations

import pytest

from benchmarks.microphones.scoring import Figures, best, lost, twice
from meeting.evaluation.scores import Accuracy, Share
from pipelines.types import SAMPLE_RATE, Segment, Span, Turn, Word


def span(start: float, end: float) -> Span:
    return Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))


def line(id_: str, source: str, start: float, end: float, text: str) -> Segment:
    there = span(start, end)
    return Segment(id_, 1, True, source, there, "spk1", tuple(Word(word, there) for word in text.split()))


LONG = line("s1", "mic1", 0, 4, "We meet again on Tuesday at noon.")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (line("s2", "mic2", 0.2, 3.9, "we meet again Tuesday, at noon"), True),
        (line("s2", "mic2", 0.0, 2.0, "We meet again"), True),  # the other microphone cut it in two
        (line("s2", "mic1", 0.2, 3.9, "We meet again on Tuesday at noon."), False),  # one source says what it says
        (line("s2", "mic2", 3.0, 7.0, "We meet again on Tuesday at noon."), False),  # at another time
        (line("s2", "mic2", 1.0, 2.0, "no, Friday"), False),  # somebody else
        (line("s2", "mic2", 0.2, 3.9, "on Tuesday there was snow everywhere"), False),
    ],
)
def test_a_line_is_there_twice_where_two_sources_say_the_same_at_the_same_time(other: Segment, same: bool) -> None:
    assert bool(twice([LONG, other])) == same
    assert bool(twice([other, LONG])) == same


def test_each_line_that_is_too_much_counts_once() -> None:
    again = [line(f"s{at}", f"mic{at}", 0, 4, "We meet again on Tuesday at noon.") for at in (2, 3)]
    assert len(twice([LONG, *again])) == 2


def test_speech_is_lost_where_no_line_covers_it() -> None:
    turns = [Turn(span(0, 4), "Ann"), Turn(span(3, 6), "Ben"), Turn(span(10, 12), "Ann")]
    found = lost(turns, [LONG])
    assert found.whole == pytest.approx(8)
    assert found.part == pytest.approx(8 - 4.25)
    assert lost(turns, []).rate == 1.0


def accuracy(wer: float, cpwer: float, wrong: float) -> Accuracy:
    return Accuracy(Share(wer, 10), Share(cpwer, 10), Share(wrong, 10), Share(0, 10), Share(0, 10), 2, 2)


def test_the_best_microphone_is_another_one_for_each_figure() -> None:
    alone = {"mic1": Figures(accuracy(3, 4, 1)), "mic2": Figures(accuracy(2, 5, 2)), "mic3": Figures()}
    assert [best(alone, rate) for rate in ("WER", "cpWER", "DER")] == ["mic2", "mic1", "mic1"]


def test_meetings_are_pooled() -> None:
    one = Figures(accuracy(3, 4, 1), 2, 5, Share(1, 10), [0.5], 0.2, Share(3, 10))
    both = one + Figures(accuracy(1, 2, 1), 0, 5, Share(3, 10), [1.5], 0.1, Share(1, 10))
    told = both.told()
    assert (told["misplaced"], told["changed"]) == (0.2, 0.2)
    assert (told["WER"], told["twice"], told["lines"], told["lost"], told["final_p50"]) == (0.2, 2, 10, 0.2, 1.0)
