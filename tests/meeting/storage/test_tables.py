"""The tables and their translation to values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from meeting.core.records import Source
from meeting.storage.tables import (
    Base,
    SegmentRow,
    SourceRow,
    SpeakerRow,
    TurnRow,
    UtcDateTime,
    segment_values,
    source_values,
    speaker_values,
)
from pipelines.errors import StoreError
from pipelines.types import Segment, Span, Speaker, Turn, Word

SQLITE = dialect()
SPANS = st.builds(Span, st.integers(0, 10**9), st.integers(0, 10**9))
WORDS = st.builds(Word, st.text(min_size=1), SPANS, st.none() | st.floats(0, 1))
SEGMENTS = st.builds(
    Segment,
    st.text(min_size=1),
    st.integers(0, 1000),
    st.just(True),
    st.text(),
    SPANS,
    st.none() | st.text(),
    st.lists(WORDS).map(tuple),
)


@settings(deadline=None)
@given(SEGMENTS)
def test_a_segment_comes_back_as_it_was(segment: Segment) -> None:
    back = SegmentRow(**segment_values("m", segment)).value(segment.speaker)
    assert back.words == segment.words
    assert (back.id, back.rev, back.source_id, back.span) == (segment.id, segment.rev, segment.source_id, segment.span)
    assert back.stable_chars == len(segment.text)


@settings(deadline=None)
@given(st.builds(Speaker, st.text(), st.none() | st.text(), st.integers(), st.none() | st.text()))
def test_a_speaker_comes_back_as_it_was(speaker: Speaker) -> None:
    assert SpeakerRow(**speaker_values("m", speaker)).value() == speaker


def test_a_source_comes_back_as_it_was() -> None:
    source = Source("a", "Ann", "room", "webm_opus", 48000, 2, "en", 77, "m.a.flac")
    assert SourceRow(**source_values("m", source)).value() == source


def test_a_turn_row_is_a_turn() -> None:
    assert TurnRow(meeting_id="m", start=1, end=5, speaker="spk1").value() == Turn(Span(1, 5), "spk1")


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones()))
def test_a_time_of_any_zone_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    try:
        utc = moment.astimezone(timezone.utc)
    except OverflowError:
        return
    back = UtcDateTime().process_result_value(UtcDateTime().process_bind_param(moment, SQLITE), SQLITE)
    assert back == utc
    assert back.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(StoreError, match="zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), SQLITE)


def test_what_belongs_to_a_meeting_goes_with_it() -> None:
    keys = [key for table in Base.metadata.tables.values() for key in table.foreign_keys]
    assert len(keys) == 12
    # A voice that is kept is no part of the meeting in which it was heard.
    assert {key.ondelete for key in keys if key.parent.table.name != "voice_profiles"} == {"CASCADE"}
