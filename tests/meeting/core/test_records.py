"""What is kept of a meeting: names to print, values that compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from meeting.core.records import ENDED, ENDING, LIVE, OPEN, STATES, Meeting, Record, Source, display_name
from pipelines.types import Speaker

MEETING = Meeting("m1", "Monday", ENDED, datetime(2024, 5, 6, 9, tzinfo=timezone.utc))
RECORD = Record(MEETING, (), (Speaker("spk1", "Ann"), Speaker("spk2")), (), ())


def test_a_meeting_goes_through_its_states_in_order() -> None:
    assert STATES == (OPEN, LIVE, ENDING, ENDED)
    assert len(set(STATES)) == 4


@pytest.mark.parametrize(
    ("speaker", "name"),
    [("spk1", "Ann"), ("spk2", "Speaker 2"), (None, "Speaker ?"), ("spk7", "spk7")],
)
def test_speakers_are_printed_by_name_else_by_number_else_as_unknown(speaker: str | None, name: str) -> None:
    assert RECORD.speaker_name(speaker) == name


def test_an_empty_name_is_no_name() -> None:
    assert display_name(Speaker("spk3", "")) == "Speaker 3"


def test_a_renamed_speaker_is_printed_by_the_new_name() -> None:
    renamed = replace(RECORD, speakers=(Speaker("spk1", "Anna"),))
    assert renamed.speaker_name("spk1") == "Anna"


def test_a_new_meeting_has_no_times_no_audio_and_no_text() -> None:
    assert (MEETING.started_at, MEETING.ended_at, MEETING.samples, MEETING.segments) == (None, None, 0, 0)
    assert MEETING.models == {}


def test_equal_records_are_equal_and_models_are_not_shared() -> None:
    other = Meeting("m1", "Monday", ENDED, datetime(2024, 5, 6, 9, tzinfo=timezone.utc))
    assert other == MEETING
    assert MEETING.models is not other.models


def test_a_source_keeps_the_format_it_was_sent_in() -> None:
    source = Source("a", "Ann", "solo", "pcm_s16le", 48000, 2)
    assert (source.language, source.samples, source.audio) == (None, 0, None)
