"""Outlines of meetings on a real database: the same as the record, and different after every change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.edits import SegmentChange, SpeakerChange
from meeting.core.records import Meeting, Source, State
from meeting.storage.edit_store import EditStore
from meeting.storage.store import Store
from meeting.storage.summary import Summary, read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word

A, B = "a" * 16, "b" * 16
NOW = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)


def line(id_: str, rev: int) -> Segment:
    span = Span(0, SAMPLE_RATE)
    return Segment(id_, rev, True, "src", span, "spk1", (Word("meat", span),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        for meeting in (A, B):
            opened.create_meeting(Meeting(meeting, "t", State.OPEN, NOW)).result()
            TranscriptStore(opened).save_source(meeting, Source("src", "Ann", "room", "pcm_s16le", 16000, 1)).result()
            TranscriptStore(opened).save_speakers(meeting, [Speaker("spk2", color=1), Speaker("spk1")]).result()
            TranscriptStore(opened).save_segments(meeting, [line("s1", 3), line("s2", 4)]).result()
            opened.set_state(meeting, State.ENDED).result()
        yield opened


def test_an_outline_says_what_the_record_says(store: Store) -> None:
    record, found = TranscriptStore(store).record(A), read_summary(store, A)
    assert found == Summary(record.meeting, record.sources, record.speakers, record.gaps, 7)
    assert found.meeting.segments == 2


def test_a_meeting_without_lines_has_an_outline_and_an_unknown_one_has_none(store: Store) -> None:
    store.create_meeting(Meeting("c" * 16, "t", State.OPEN, NOW)).result()
    assert read_summary(store, "c" * 16).revisions == 0
    with pytest.raises(NotFound):
        read_summary(store, "d" * 16)


def test_every_change_makes_another_outline_and_only_of_its_meeting(store: Store) -> None:
    edit_store, other, seen = EditStore(store), read_summary(store, B), [read_summary(store, A)]
    for change in (
        SegmentChange("s1", 3, False, None, "meet"),
        SegmentChange("s2", 4, True, "spk2"),
        SpeakerChange("spk1", True, "Ann"),
        SpeakerChange("spk1", merge_into="spk2"),
    ):
        edit_store.change(A, change)
        seen.append(read_summary(store, A))
    store.rename_meeting(A, "Other").result()
    seen.append(read_summary(store, A))
    assert [one for at, one in enumerate(seen) if one in seen[:at]] == []
    assert read_summary(store, B) == other
