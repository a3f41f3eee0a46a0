"""What is kept of a meeting: names to print, values that compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from meeting.core.records import Meeting, Record, Source, State, display_name, iso_time, plain_name
from pipelines.types import Speaker

MEETING = Meeting("m1", "Monday", State.ENDED, datetime(2024, 5, 6, 9, tzinfo=timezone.utc))
RECORD = Record(MEETING, (), (Speaker("spk1", "Ann"), Speaker("spk2")), (), ())


def test_a_meeting_goes_through_its_states_in_order() -> None:
    assert [state.value for state in State] == ["open", "live", "ending", "ended"]
    assert len(set(State)) == 4


def test_a_state_prints_as_it_is_stored_and_sent() -> None:
    assert (str(State.LIVE), f"{State.LIVE:6}", State.LIVE) == ("live", "live  ", "live")


@pytest.mark.parametrize(
    ("speaker", "name"),
    [("spk1", "Ann"), ("spk2", "Speaker 2"), (None, "Speaker ?"), ("spk7", "spk7")],
)
def test_speakers_are_printed_by_name_else_by_number_else_as_unknown(speaker: str | None, name: str) -> None:
    assert RECORD.speaker_name(speaker) == name


def test_an_empty_name_is_no_name() -> None:
    assert display_name(Speaker("spk3", "")) == "Speaker 3"


def test_a_name_is_asked_for_in_any_case_and_spacing() -> None:
    assert plain_name("  ann  STRASSE ") == plain_name("Ann Straße") != plain_name("Annstraße")


def test_a_renamed_speaker_is_printed_by_the_new_name() -> None:
    renamed = replace(RECORD, speakers=(Speaker("spk1", "Anna"),))
    assert renamed.speaker_name("spk1") == "Anna"


def test_a_new_meeting_has_no_times_no_audio_and_no_text() -> None:
    assert (MEETING.started_at, MEETING.ended_at, MEETING.samples, MEETING.segments) == (None, None, 0, 0)
    assert MEETING.models == {}


def test_equal_records_are_equal_and_models_are_not_shared() -> None:
    other = Meeting("m1", "Monday", State.ENDED, datetime(2024, 5, 6, 9, tzinfo=timezone.utc))
    assert other == MEETING
    assert MEETING.models is not other.models


def test_a_source_keeps_the_format_it_was_sent_in() -> None:
    source = Source("a", "Ann", "solo", "pcm_s16le", 48000, 2)
    assert (source.language, source.samples, source.audio) == (None, 0, None)


def test_a_moment_is_told_in_utc_with_milliseconds() -> None:
    assert iso_time(None) is None
    assert iso_time(datetime(2026, 5, 4, 12, 0, 0, 1234, tzinfo=timezone.utc)) == "2026-05-04T12:00:00.001Z"
    there = timezone(timedelta(hours=2))
    assert iso_time(datetime(2026, 5, 4, 14, tzinfo=there)) == "2026-05-04T12:00:00.000Z"
