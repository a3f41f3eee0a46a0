"""People's edits on a real database: kept, read again, and taken into meetings that are over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.errors import Conflict
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits, Meeting, State
from meeting.storage.edit_store import EditStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word

A = "a" * 16
NOW = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)
WORDS = tuple(Word(text, Span(at * SAMPLE_RATE, (at + 1) * SAMPLE_RATE), 0.5) for at, text in enumerate(("we", "meat")))
LINE = Segment("s1", 3, True, "src", Span(0, 2 * SAMPLE_RATE), "spk1", WORDS, 7, True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        opened.create_meeting(Meeting(A, "t", State.OPEN, NOW)).result()
        TranscriptStore(opened).save_speakers(
            A, [Speaker("spk1"), Speaker("spk2", color=1), Speaker("spk3", color=2)]
        ).result()
        TranscriptStore(opened).save_segments(A, [LINE]).result()
        TranscriptStore(opened).save_turns(A, TurnsRevised(LINE.span, (Turn(LINE.span, "spk1"),))).result()
        opened.set_state(A, State.ENDED).result()
        yield opened


def test_edits_come_back_as_they_were_and_go_with_the_meeting(store: Store) -> None:
    edit_store = EditStore(store)
    assert edit_store.edits(A) == Edits()
    mine = EditedLine(replace(LINE, speaker=None), WORDS, True)
    edits = Edits({"spk1": "Ann", "spk2": None}, {"spk3": "spk2"}, {"s1": mine})
    edit_store.save(A, edits, ["s1"]).result()
    assert edit_store.edits(A) == edits
    fewer = replace(edits, names={})
    edit_store.save(A, fewer).result()
    assert edit_store.edits(A) == fewer
    store.delete_meeting(A).result()
    assert edit_store.edits(A) == Edits()
    with pytest.raises(NotFound):
        edit_store.save(A, edits).result()


def test_a_record_names_the_lines_that_a_person_has_changed(store: Store) -> None:
    TranscriptStore(store).save_segments(A, [replace(LINE, id="s2", span=Span(40_000, 50_000))]).result()
    assert TranscriptStore(store).record(A).edited == frozenset()
    edit_store = EditStore(store)
    edit_store.change(A, SpeakerChange("spk1", True, "Ann"))
    edit_store.change(A, SegmentChange("s1", 3, False, None, "we meet"))
    assert TranscriptStore(store).record(A).edited == {"s1"}


def test_a_voice_of_a_meeting_that_is_over_is_named_and_merged(store: Store) -> None:
    edit_store = EditStore(store)
    told = edit_store.change(A, SpeakerChange("spk3", True, "Ann", "spk1"))
    assert [(v.id, v.name, v.merged_into) for v in told if isinstance(v, SpeakerMessage)] == [
        ("spk1", "Ann", None),
        ("spk2", None, None),
        ("spk3", None, "spk1"),
    ]
    assert [speaker.name for speaker in TranscriptStore(store).record(A).speakers] == ["Ann", None, None]
    assert edit_store.edits(A) == Edits({"spk1": "Ann"}, {"spk3": "spk1"})
    edit_store.change(A, SpeakerChange("spk1", True, None))
    assert [speaker.name for speaker in TranscriptStore(store).record(A).speakers] == [None, None, None]


def test_a_line_of_a_meeting_that_is_over_is_labelled_and_written_and_its_turn_with_it(store: Store) -> None:
    edit_store = EditStore(store)
    (told,) = edit_store.change(A, SegmentChange("s1", 3, True, "spk2", "we meet"))
    assert isinstance(told, SegmentMessage)
    assert (told.rev, told.speaker, told.text, told.overlap) == (4, "spk2", "we meet", True)
    record = TranscriptStore(store).record(A)
    assert [(s.text, s.speaker, s.rev) for s in record.segments] == [("we meet", "spk2", 4)]
    assert record.turns == (Turn(LINE.span, "spk2"),)
    kept = edit_store.edits(A).lines["s1"]
    assert (kept.recognised, kept.labelled, kept.segment.words[0]) == (WORDS, True, WORDS[0])
    with pytest.raises(Conflict):
        edit_store.change(A, SegmentChange("s1", 3, True, "spk1"))
    edit_store.change(A, SegmentChange("s1", 4, text="wee meet"))
    assert edit_store.edits(A).lines["s1"].recognised == WORDS
    assert edit_store.edits(A).lines["s1"].labelled


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (SpeakerChange("spk9", True, "Ann"), NotFound),
        (SpeakerChange("spk1", merge_into="spk9"), MeetingError),
        (SegmentChange("s9", 1, True, None), NotFound),
        (SegmentChange("s1", 3, True, "spk9"), MeetingError),
    ],
)
def test_what_cannot_be_changes_nothing(store: Store, change: SpeakerChange, error: type[MeetingError]) -> None:
    before = TranscriptStore(store).record(A)
    with pytest.raises(error) as caught:
        EditStore(store).change(A, change)
    assert type(caught.value) is error
    assert (TranscriptStore(store).record(A), EditStore(store).edits(A)) == (before, Edits())


def test_a_meeting_that_another_process_holds_or_that_is_not_there_is_left_alone(store: Store) -> None:
    store.set_state(A, State.LIVE).result()
    with pytest.raises(Conflict):
        EditStore(store).change(A, SpeakerChange("spk1", True, "Ann"))
    with pytest.raises(NotFound):
        EditStore(store).change("b" * 16, SpeakerChange("spk1", True, "Ann"))
