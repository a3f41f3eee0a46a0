"""The values of the pipeline: times, spans and their algebra."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import types
from pipelines.types import (
    SAMPLE_RATE,
    STEP,
    WINDOW,
    Output,
    Segment,
    Span,
    SpeakerCount,
    Step,
    Turn,
    Utterance,
    Word,
    milliseconds,
    samples,
    seconds,
)

DAY = 24 * 3600 * SAMPLE_RATE
times = st.integers(min_value=-WINDOW, max_value=DAY)
spans = st.tuples(times, times).map(lambda edges: Span(min(edges), max(edges)))
segment = Segment("s1", 1, True, "a", Span(0, 100), None, ())


@pytest.mark.parametrize(
    ("text", "least", "most"), [("4", 4, 4), ("2-5", 2, 5), ("5-2", 2, 5), ("1", 1, 1), ("1-100", 1, 100)]
)
def test_how_many_people_speak_is_a_number_or_from_to(text: str, least: int, most: int) -> None:
    assert SpeakerCount.parse(text) == SpeakerCount(least, most)
    assert SpeakerCount.parse(str(SpeakerCount(least, most))) == SpeakerCount(least, most)


@pytest.mark.parametrize("text", ["", "0", "0-3", "101", "2-", "-2", "two", "2-3-4", "2.5", " 4", "4\n", "٤"])
def test_what_says_not_how_many_people_speak_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="a number such as 4, or from-to such as 2-5, from 1 to 100"):
        SpeakerCount.parse(text)


@pytest.mark.parametrize(("least", "most"), [(0, 1), (3, 2), (1, 101)])
def test_no_other_numbers_of_people_can_be_meant(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        SpeakerCount(least, most)


@given(st.integers(0, 9), st.integers(1, 5), st.integers(0, 4))
def test_a_number_is_wrong_by_what_is_missing_or_too_many(count: int, least: int, more: int) -> None:
    away = SpeakerCount(least, least + more).away(count)
    assert away == min(abs(count - right) for right in range(least, least + more + 1))


def test_a_window_is_a_whole_number_of_steps() -> None:
    assert STEP == 8000
    assert WINDOW % STEP == 0


@pytest.mark.parametrize(
    ("count", "time"),
    [(0, 0), (7, 0), (8, 0.001), (16, 0.001), (23, 0.001), (24, 0.002), (40, 0.003), (959_992, 60.0), (-16, -0.001)],
)
def test_seconds_are_rounded_to_the_millisecond_half_of_one_up(count: int, time: float) -> None:
    assert seconds(count) == time


@given(times)
def test_seconds_have_three_decimals_and_are_off_by_half_a_millisecond_at_most(count: int) -> None:
    time = seconds(count)
    assert time == round(time, 3)
    assert abs(samples(time) - count) <= 8


@given(times, times)
def test_seconds_keep_the_order_of_samples(one: int, other: int) -> None:
    assert seconds(min(one, other)) <= seconds(max(one, other))


@given(times)
def test_messages_and_exports_round_alike(count: int) -> None:
    assert seconds(count) == milliseconds(count) / 1000


@given(st.integers(min_value=-1000, max_value=24 * 3_600_000))
def test_whole_milliseconds_survive_the_way_through_samples(milliseconds: int) -> None:
    assert seconds(samples(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(("time", "count"), [(0.5, 8000), (0.00003, 0), (0.00004, 1), (1 / 3, 5333)])
def test_samples_are_the_nearest_whole_ones(time: float, count: int) -> None:
    assert samples(time) == count


@pytest.mark.parametrize("span", [Span(5, 5), Span(6, 5), Span(0, 0)])
def test_a_span_that_holds_nothing_is_false_and_has_no_length(span: Span) -> None:
    assert not span
    assert len(span) == 0


def test_a_span_includes_its_start_and_excludes_its_end() -> None:
    assert Span(3, 4)
    assert len(Span(3, 4)) == 1
    assert not Span(0, 3) & Span(3, 6)


@given(spans, spans)
def test_what_two_spans_share_lies_in_both(one: Span, other: Span) -> None:
    shared = one & other
    assert shared == other & one
    if shared:
        assert shared & one == shared == shared & other


@given(spans, spans)
def test_the_union_covers_both_and_the_gap_between_them(one: Span, other: Span) -> None:
    cover = one | other
    assert cover == other | one
    assert cover & one == one
    assert cover & other == other
    assert len(cover) == len(one) + len(other) - len(one & other) + one.gap(other)


@given(spans, spans)
def test_a_gap_is_the_same_from_both_sides_and_none_where_they_meet(one: Span, other: Span) -> None:
    assert one.gap(other) == other.gap(one) >= 0
    if one & other:
        assert one.gap(other) == 0


def test_spans_that_touch_have_no_gap() -> None:
    assert Span(0, 5).gap(Span(5, 9)) == 0
    assert Span(0, 5).gap(Span(6, 9)) == 1


def test_spans_and_turns_are_ordered_by_time_then_speaker() -> None:
    assert sorted([Span(2, 3), Span(1, 9), Span(1, 2)]) == [Span(1, 2), Span(1, 9), Span(2, 3)]
    turns = [Turn(Span(1, 2), "spk2"), Turn(Span(1, 2), "spk1"), Turn(Span(0, 9), "spk3")]
    assert [turn.speaker for turn in sorted(turns)] == ["spk3", "spk1", "spk2"]


def test_a_step_covers_its_audio() -> None:
    assert Step(2, 2 * STEP, np.zeros(100, np.float32)).span == Span(2 * STEP, 2 * STEP + 100)


def test_steps_and_utterances_compare_without_their_audio_and_do_not_show_it() -> None:
    zeros, ones = np.zeros(3, np.float32), np.ones(3, np.float32)
    assert Step(0, 0, zeros) == Step(0, 0, ones)
    assert Utterance(0, Span(0, 3), zeros, True) == Utterance(0, Span(0, 3), ones, True)
    assert "array" not in repr(Utterance(0, Span(0, 3), ones, True)) + repr(Step(0, 0, ones))


def test_the_text_of_a_segment_is_its_words_joined_by_spaces() -> None:
    words = (Word("Hello,", Span(0, 10)), Word("Ann.", Span(10, 20)))
    assert Segment("s1", 1, True, "a", Span(0, 20), None, words).text == "Hello, Ann."
    assert segment.text == ""


def test_equal_segments_are_equal_whoever_made_them() -> None:
    assert segment == Segment("s1", 1, True, "a", Span(0, 100), None, ())
    assert len({segment, Segment("s1", 1, True, "a", Span(0, 100), None, ())}) == 1


def test_values_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        segment.rev = 2  # type: ignore[misc]


def test_every_value_is_a_frozen_dataclass_with_slots() -> None:
    values = [value for value in vars(types).values() if isinstance(value, type) and value.__module__ == types.__name__]
    assert set(get_args(Output)) <= set(values)
    for kind in values:
        if kind is types.ModelInfo:  # goes into messages, the database and exports as it is
            continue
        assert is_dataclass(kind), kind
        assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]
        assert set(kind.__slots__) == {spec.name for spec in fields(kind)}, kind  # type: ignore[attr-defined]
