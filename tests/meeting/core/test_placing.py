"""Where a source's samples stand in the meeting, and which of them is heard when: one the reverse of the other."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.placing import Anchor, Stretch, in_meeting, in_source, span_in_source, stretches
from pipelines.types import Span

ANCHORS = ((0, 1000), (100, 1100), (101, 1301), (301, 1401))
"""It begins late, stands still for 200 samples, then makes up for 100 by running at twice the speed"""

PLACES = [(0, 1000), (50, 1050), (100, 1100), (101, 1301), (201, 1351), (301, 1401), (1000, 2100)]


@st.composite
def timelines(draw: st.DrawFn) -> tuple[Anchor, ...]:
    """Anchors that rise in both."""
    steps = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), max_size=8)
    own, meeting = zip(*draw(steps.filter(bool)), strict=True)
    first = draw(st.integers(0, 300)), draw(st.integers(0, 300))
    return tuple(zip(accumulate(own, initial=first[0]), accumulate(meeting, initial=first[1]), strict=True))


@pytest.mark.parametrize(("own", "meeting"), PLACES)
def test_between_anchors_it_is_linear_and_behind_the_last_a_source_runs_as_the_meeting(own: int, meeting: int) -> None:
    assert in_meeting(ANCHORS, own) == meeting
    assert in_source(ANCHORS, meeting) == own


def test_a_source_without_anchors_has_the_samples_of_the_meeting() -> None:
    assert (in_meeting((), 7), in_source((), 7)) == (7, 7)


def test_before_a_source_began_its_first_sample_is_what_there_is() -> None:
    assert in_source(ANCHORS, 10) == 0
    assert span_in_source(ANCHORS, Span(10, 1050)) == Span(0, 50)


def test_while_a_source_stands_still_the_same_sample_is_heard() -> None:
    assert {in_source(ANCHORS, at) for at in range(1100, 1301)} == {100}


def test_a_part_of_the_meeting_is_cut_where_the_speed_of_a_source_changes() -> None:
    assert list(stretches(ANCHORS, Span(900, 1500))) == [
        Stretch(Span(900, 1000), (0, 1000)),
        Stretch(Span(1000, 1100), (0, 1000), 100, 100),
        Stretch(Span(1100, 1301), (100, 1100), 1, 201),
        Stretch(Span(1301, 1401), (101, 1301), 200, 100),
        Stretch(Span(1401, 1500), (301, 1401)),
    ]
    assert list(stretches((), Span(5, 9))) == [Stretch(Span(5, 9), (0, 0))]


@given(timelines(), st.integers(0, 5000))
def test_there_and_back_is_the_same_sample_but_for_what_runs_too_fast_to_be_told_apart(
    anchors: tuple[Anchor, ...], own: int
) -> None:
    meeting = in_meeting(anchors, own)
    if meeting > 0:
        assert in_meeting(anchors, in_source(anchors, meeting)) <= meeting <= in_meeting(anchors, own + 1)
        fastest = max(-(-(b[0] - a[0]) // (b[1] - a[1])) for a, b in pairwise(anchors))
        assert own - max(1, fastest) <= in_source(anchors, meeting) <= own


@given(timelines(), st.integers(0, 3000), st.integers(0, 3000))
def test_the_stretches_of_a_part_are_all_of_it(anchors: tuple[Anchor, ...], start: int, length: int) -> None:
    found = list(stretches(anchors, Span(start, start + length)))
    assert [at for one in found for at in range(one.span.start, one.span.end)] == list(range(start, start + length))
