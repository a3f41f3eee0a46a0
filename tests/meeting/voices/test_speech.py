"""Where somebody is heard alone."""

from __future__ import annotations

from meeting.voices.speech import spans_alone
from pipelines.types import SAMPLE_RATE, Span, Turn


def said(speaker: str, start: float, end: float) -> Turn:
    """A turn, in seconds."""
    return Turn(span(start, end), speaker)


def span(start: float, end: float) -> Span:
    """A stretch, in seconds."""
    return Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))


def test_stretches_over_which_others_speak_are_left_out() -> None:
    turns = [said("spk1", 0, 10), said("spk2", 4, 5), said("spk3", 4.5, 6), said("spk1", 20, 23), said("spk2", 22, 30)]
    assert spans_alone(turns, "spk1", 60 * SAMPLE_RATE) == [span(0, 4), span(6, 10), span(20, 22)]


def test_short_ones_say_too_little() -> None:
    assert spans_alone([said("spk1", 0, 0.9), said("spk1", 5, 6)], "spk1", 60 * SAMPLE_RATE) == [span(5, 6)]


def test_the_longest_are_taken_first_and_no_more_than_asked_for() -> None:
    turns = [said("spk1", 0, 3), said("spk1", 10, 18), said("spk1", 20, 26)]
    assert spans_alone(turns, "spk1", 12 * SAMPLE_RATE) == [span(10, 18), span(20, 24)]


def test_of_somebody_who_never_spoke_there_is_nothing() -> None:
    assert spans_alone([said("spk1", 0, 3)], "spk2", SAMPLE_RATE * 60) == []
