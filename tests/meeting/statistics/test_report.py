"""The statistics as programs and people read them."""

from __future__ import annotations

from meeting.statistics.report import StatisticsFacts, facts, table
from meeting.statistics.statistics import SpeakerStatistics, Statistics
from pipelines.types import SAMPLE_RATE, Speaker

ANN = SpeakerStatistics("spk1", 90 * SAMPLE_RATE, 4, 6, 200)
UNKNOWN = SpeakerStatistics(None, 30 * SAMPLE_RATE, 1, 1, 50)


def told(missing: int = 0) -> StatisticsFacts:
    found = Statistics(4000 * SAMPLE_RATE, (ANN, UNKNOWN), 5 * SAMPLE_RATE, 3000 * SAMPLE_RATE, missing)
    return facts("m1", found, (Speaker("spk1", "Ann"),))


def test_programs_get_seconds_shares_and_rates() -> None:
    assert told() == {
        "meeting": "m1",
        "duration": 4000.0,
        "talk_time": 120.0,
        "overlap": 5.0,
        "silence": 3000.0,
        "missing": 0.0,
        "speakers": [
            {
                "speaker": "spk1",
                "name": "Ann",
                "seconds": 90.0,
                "share": 0.75,
                "turns": 4,
                "lines": 6,
                "words": 200,
                "words_per_minute": 133.3,
            },
            {
                "speaker": None,
                "name": "Speaker ?",
                "seconds": 30.0,
                "share": 0.25,
                "turns": 1,
                "lines": 1,
                "words": 50,
                "words_per_minute": 100.0,
            },
        ],
    }


def test_without_a_word_there_are_no_shares_to_divide() -> None:
    nothing = Statistics(0, (SpeakerStatistics("spk1", 0, 1, 1, 1),), 0, 0, 0)
    assert facts("m1", nothing, ())["speakers"][0]["share"] == 0.0


def test_people_get_a_table() -> None:
    assert table(told()).splitlines() == [
        "           talk time  share  turns  words  words/min",
        "Ann          0:01:30    75%      4    200        133",
        "Speaker ?    0:00:30    25%      1     50        100",
        "",
        "1:06:40 in all: overlap 0:00:05, silence 0:50:00",
    ]
    assert table(told(SAMPLE_RATE)).endswith(", missing audio 0:00:01")
