"""What the times of lines and turns add up to."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from meeting.core.records import Gap, Meeting, State
from meeting.statistics.statistics import SpeakerStatistics, Statistics, statistics
from meeting.storage.summary import Speech, SpokenLine
from pipelines.types import SAMPLE_RATE, Span, Turn

MEETING = Meeting("m", "t", State.ENDED, datetime(2026, 1, 2, tzinfo=timezone.utc), samples=100 * SAMPLE_RATE)


def span(start: float, end: float) -> Span:
    return Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))


def of(
    lines: list[tuple[float, float, str | None, int]],
    turns: list[tuple[float, float, str]] | None = None,
    gaps: list[tuple[float, float]] | None = None,
    samples: int | None = None,
) -> Statistics:
    speech = Speech(
        MEETING,
        (),
        tuple(SpokenLine(span(start, end), who, words) for start, end, who, words in lines),
        tuple(Turn(span(start, end), who) for start, end, who in turns or []),
        tuple(Gap("a", span(start, end), "lost") for start, end in gaps or []),
    )
    return statistics(speech, samples)


def test_a_meeting_without_a_word_is_all_silence() -> None:
    assert of([]) == Statistics(100 * SAMPLE_RATE, (), 0, 100 * SAMPLE_RATE, 0)
    assert of([]).talk_time == 0


def test_talk_time_and_words_are_those_of_the_lines_and_who_said_most_comes_first() -> None:
    found = of([(0, 2, "spk1", 4), (3, 9, "spk2", 30), (9, 10, None, 1), (12, 13.5, "spk1", 3)])
    assert found.speakers == (
        SpeakerStatistics("spk2", 6 * SAMPLE_RATE, 1, 1, 30),
        SpeakerStatistics("spk1", 3 * SAMPLE_RATE + SAMPLE_RATE // 2, 2, 2, 7),
        SpeakerStatistics(None, SAMPLE_RATE, 1, 1, 1),
    )
    assert found.talk_time == 10 * SAMPLE_RATE + SAMPLE_RATE // 2
    assert [one.words_per_minute for one in found.speakers] == [300, 120, 60]


@pytest.mark.parametrize(
    ("lines", "turns"),
    [
        ([(0, 2, "spk1", 1), (2.5, 4, "spk1", 1)], 1),
        ([(0, 2, "spk1", 1), (5, 6, "spk1", 1)], 1),
        ([(0, 2, "spk1", 1), (5.1, 6, "spk1", 1)], 2),
        ([(0, 2, "spk1", 1), (2, 3, "spk2", 1), (3, 4, "spk1", 1)], 2),
        ([(0, 9, "spk1", 1), (1, 2, "spk1", 1)], 1),
    ],
)
def test_a_turn_goes_on_over_a_short_pause_unless_somebody_else_speaks(
    lines: list[tuple[float, float, str | None, int]], turns: int
) -> None:
    assert next(one.turns for one in of(lines).speakers if one.speaker == "spk1") == turns


def test_overlap_is_where_two_or_more_are_heard_and_counts_once() -> None:
    turns = [(0.0, 10.0, "spk1"), (4.0, 6.0, "spk2"), (5.0, 7.0, "spk3"), (10.0, 12.0, "spk2"), (20.0, 21.0, "?")]
    assert of([], turns).overlap == 3 * SAMPLE_RATE


def test_silence_is_where_neither_words_nor_voices_nor_gaps_are() -> None:
    found = of([(10, 20, "spk1", 9)], [(15.0, 30.0, "spk1")], [(25.0, 40.0), (50.0, 60.0)])
    assert (found.silence, found.missing) == (60 * SAMPLE_RATE, 25 * SAMPLE_RATE)


def test_a_live_meeting_is_as_long_as_it_is_said_to_be_or_as_what_was_heard() -> None:
    assert of([], samples=160 * SAMPLE_RATE).samples == 160 * SAMPLE_RATE
    assert of([(0, 170, "spk1", 1)], samples=160 * SAMPLE_RATE).samples == 170 * SAMPLE_RATE


def test_a_line_of_no_length_has_no_pace() -> None:
    assert of([(3, 3, "spk1", 2)]).speakers[0].words_per_minute == 0
