"""Where somebody is heard alone."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


MOMENTS = st.tuples(st.integers(0, 30), st.integers(0, 10)).map(lambda one: (one[0], one[0] + one[1]))


@given(st.lists(MOMENTS, max_size=6), st.lists(MOMENTS, max_size=12))
def test_what_is_left_out_is_what_others_cover_and_nothing_else(
    own: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    turns = [*(said("spk1", *one) for one in own), *(said("spk2", *one) for one in others)]
    covered = {second for start, end in others for second in range(start, end)}
    alone: list[Span] = []
    for start, end in own:
        free = [second for second in range(start, end) if second not in covered]
        runs = [[second for _, second in run] for _, run in groupby(enumerate(free), lambda one: one[1] - one[0])]
        alone += [span(run[0], run[-1] + 1) for run in runs]
    assert spans_alone(turns, "spk1", 10_000 * SAMPLE_RATE) == sorted(alone)


@pytest.mark.timeout(10)
def test_a_meeting_of_a_whole_day_takes_no_time_to_speak_of() -> None:
    turns = [said(f"spk{n % 2}", n * 2, n * 2 + 2.5) for n in range(40_000)]
    assert sum(map(len, spans_alone(turns, "spk1", 60 * SAMPLE_RATE))) == 60 * SAMPLE_RATE


def test_short_ones_say_too_little() -> None:
    assert spans_alone([said("spk1", 0, 0.9), said("spk1", 5, 6)], "spk1", 60 * SAMPLE_RATE) == [span(5, 6)]


def test_the_longest_are_taken_first_and_no_more_than_asked_for() -> None:
    turns = [said("spk1", 0, 3), said("spk1", 10, 18), said("spk1", 20, 26)]
    assert spans_alone(turns, "spk1", 12 * SAMPLE_RATE) == [span(10, 18), span(20, 24)]


def test_of_somebody_who_never_spoke_there_is_nothing() -> None:
    assert spans_alone([said("spk1", 0, 3)], "spk2", SAMPLE_RATE * 60) == []
