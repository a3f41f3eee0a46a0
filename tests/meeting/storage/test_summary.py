"""Outlines of meetings on a real database: the same as the record, and different after every change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.records import Meeting, Source, State
from meeting.storage.edit_store import EditStore
from meeting.storage.store import Store
from meeting.storage.summary import (
    SpokenLine,
    Summary,
    new_lines,
    newest_lines,
    read_speakers,
    read_speech,
    read_states,
    read_summary,
    text_lines,
)
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word

pytestmark = pytest.mark.usefixtures("every_database")

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
    assert found == Summary(record.meeting, record.sources, record.speakers, record.gaps, 7, found.lines)
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


def said(id_: str, start: int, text: str, speaker: str | None = None) -> Segment:
    span = Span(start, start + SAMPLE_RATE)
    return Segment(id_, 1, True, "src", span, speaker, tuple(Word(word, span) for word in text.split()))


@pytest.fixture
def spoken(tmp_path: Path) -> Iterator[Store]:
    """A meeting whose lines were not stored in the order in which they were said, beside another one."""
    with Store(tmp_path / "spoken") as opened:
        for meeting in (A, B):
            opened.create_meeting(Meeting(meeting, "t", State.OPEN, NOW)).result()
        transcripts = TranscriptStore(opened)
        transcripts.save_speakers(A, [Speaker("spk1"), Speaker("spk2", merged_into="spk1")]).result()
        second, first = said("s2", 2 * SAMPLE_RATE, "b c", "spk2"), said("s1", 0, "a", "spk1")
        for meeting, lines in ((A, [second]), (B, [first]), (A, [first, said("s3", 2 * SAMPLE_RATE, "d e f")])):
            transcripts.save_segments(meeting, lines).result()
        yield opened


def test_lines_that_come_and_go_make_another_outline_though_their_number_and_revisions_add_up_to_the_same(
    store: Store,
) -> None:
    before, transcripts = read_summary(store, A), TranscriptStore(store)
    transcripts.save_segments(A, [replace(line("s2", 5), words=()), line("s3", 4)]).result()
    after = read_summary(store, A)
    assert (after.meeting.segments, after.revisions) == (before.meeting.segments, before.revisions)
    assert after != before


def test_lines_are_read_in_order_of_time_from_a_place_on(spoken: Store) -> None:
    assert [line.text for line in text_lines(spoken, A, 9)] == ["a", "b c", "d e f"]
    assert [line.id for line in text_lines(spoken, A, 1)] == ["s1"]
    assert [line.id for line in text_lines(spoken, A, 9, after=(2 * SAMPLE_RATE, "s2"))] == ["s3"]
    assert text_lines(spoken, "nowhere", 9) == []


def test_lines_of_a_time_or_of_some_speakers_are_read(spoken: Store) -> None:
    def ids(start: int, end: int) -> list[str]:
        return [line.id for line in text_lines(spoken, A, 9, within=Span(start, end))]

    assert (ids(0, 1), ids(SAMPLE_RATE, 2 * SAMPLE_RATE), ids(3 * SAMPLE_RATE - 1, 2**60)) == (["s1"], [], ["s2", "s3"])
    assert [line.id for line in text_lines(spoken, A, 9, speakers={"spk1", "spk2"})] == ["s1", "s2"]
    assert text_lines(spoken, A, 9, speakers=set()) == []


def test_new_lines_are_those_that_were_stored_after_one(spoken: Store) -> None:
    newest = newest_lines(spoken, A, 2)
    assert [line.id for line in newest] == ["s1", "s3"]
    assert new_lines(spoken, A, 9, newest[-1].number) == []
    assert [line.id for line in new_lines(spoken, A, 9, newest[0].number)] == ["s3"]
    assert [line.id for line in new_lines(spoken, A, 2, 0)] == ["s2", "s1"]
    TranscriptStore(spoken).save_segments(A, [said("s4", 0, "late")]).result()
    assert [line.id for line in new_lines(spoken, A, 9, newest[-1].number)] == ["s4"]


def test_voices_are_read_without_the_lines(spoken: Store) -> None:
    assert read_speakers(spoken, A) == (Speaker("spk1"), Speaker("spk2", merged_into="spk1"))
    assert read_speakers(spoken, B) == ()


def test_who_spoke_when_is_told_by_whom_a_voice_turned_out_to_be(spoken: Store) -> None:
    revised = TurnsRevised(Span(0, 9), (Turn(Span(0, 5), "spk1"), Turn(Span(3, 9), "spk2")))
    TranscriptStore(spoken).save_turns(A, "src", revised).result()
    second = Span(2 * SAMPLE_RATE, 3 * SAMPLE_RATE)
    found = read_speech(spoken, A)
    assert found.lines == (
        SpokenLine(Span(0, SAMPLE_RATE), "spk1", 1),
        SpokenLine(second, "spk1", 2),
        SpokenLine(second, None, 3),
    )
    assert found.turns == TranscriptStore(spoken).record(A).turns == (Turn(Span(0, 9), "spk1"),)
    assert found.meeting.segments == 3
    with pytest.raises(NotFound):
        read_speech(spoken, "nowhere")


def test_the_states_of_all_meetings_are_told_by_their_ids(store: Store) -> None:
    store.create_meeting(Meeting("new", "t", State.OPEN, NOW)).result()
    assert read_states(store) == {A: "ended", B: "ended", "new": "open"}
