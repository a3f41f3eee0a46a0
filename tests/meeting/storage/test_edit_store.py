"""People's edits on a real database: kept, read again, and taken into meetings that are over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.editing.changes import (
    Change,
    JoinChange,
    LinesChange,
    SeenLine,
    SegmentChange,
    SpeakerChange,
    SplitChange,
    Undo,
)
from meeting.core.editing.edits import MAX_LINES
from meeting.core.errors import Conflict
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits, Meeting, State
from meeting.storage.edit_store import EditStore
from meeting.storage.search.query import Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word

pytestmark = pytest.mark.usefixtures("every_database")

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
        TranscriptStore(opened).save_turns(A, "src", TurnsRevised(LINE.span, (Turn(LINE.span, "spk1"),))).result()
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


def seen(store: Store, *ids: str) -> tuple[SeenLine, ...]:
    """Lines as they are kept."""
    return tuple(SeenLine(id_, TranscriptStore(store).line(A, id_)[0].rev) for id_ in ids)


def look(store: Store) -> tuple[list[tuple[str, str, str | None]], list[tuple[str | None, str | None]]]:
    """Lines and voices as they are kept; what a search finds of them."""
    record = TranscriptStore(store).record(A)
    searches = [Search(parse_query(word)) for word in ("we", "meat", "too")]
    found = {hit.segment_id for search in searches for hit in SearchStore(store).all_hits(search)}
    assert found == {segment.id for segment in record.segments}
    lines = [(segment.id, segment.text, segment.speaker) for segment in record.segments]
    return lines, [(speaker.name, speaker.merged_into) for speaker in record.speakers]


@pytest.mark.slow
def test_all_changes_are_taken_back_one_after_another_by_the_next_server_and_made_again(store: Store) -> None:
    later = replace(LINE, id="s2", span=Span(40_000, 56_000), words=(Word("too", Span(40_000, 56_000)),))
    TranscriptStore(store).save_segments(A, [later]).result()
    edit_store, looks, made = EditStore(store), [look(store)], list[str]()

    def change(one: Change) -> None:
        made.append(f"change{len(made)}")
        edit_store.change(A, one, made[-1])
        looks.append(look(store))

    change(SpeakerChange("spk1", True, "Ann"))
    change(SegmentChange("s1", *rev(store, "s1"), text="we meat too"))
    change(SplitChange("s1", *rev(store, "s1"), ("we meat", "too")))
    change(LinesChange(seen(store, "s1", "s2"), new_speaker="Dee"))
    change(JoinChange(*seen(store, "s1", "s1-2")))
    change(SpeakerChange("spk2", merge_into="spk1"))
    assert looks[-1][0] == [("s1", "we meat too", "hand1"), ("s2", "too", "hand1")]
    back: list[str] = []
    with Store(store.data_dir) as next_server:
        again = EditStore(next_server)
        for id_ in reversed(made):
            looks.pop()
            back.append(f"back of {id_}")
            again.change(A, Undo(again.step(A, id_)), back[-1])
            assert look(next_server) == looks[-1]
            with pytest.raises(Conflict):
                again.change(A, Undo(again.step(A, id_)))
    assert edit_store.edits(A) == Edits()
    for id_ in reversed(back):
        edit_store.change(A, Undo(edit_store.step(A, id_)))
    assert look(store)[0] == [("s1", "we meat too", "hand1"), ("s2", "too", "hand1")]


def rev(store: Store, id_: str) -> tuple[int]:
    """The revision of a line."""
    return (seen(store, id_)[0].rev,)


def test_a_split_takes_no_id_that_another_line_has(store: Store) -> None:
    taken = [replace(LINE, id=id_, span=Span(at, at + 10)) for id_, at in (("s1-2", 40_000), ("s1-%", 50_000))]
    TranscriptStore(store).save_segments(A, taken).result()
    EditStore(store).change(A, SplitChange("s1", 3, ("we", "meat")))
    assert [line.id for line in TranscriptStore(store).record(A).segments] == ["s1", "s1-3", "s1-2", "s1-%"]


def test_lines_with_others_between_them_are_not_joined(store: Store) -> None:
    lines = [replace(LINE, id=f"s{n}", span=Span(n * 40_000, n * 40_000 + 10)) for n in range(2, 9)]
    TranscriptStore(store).save_segments(A, lines).result()
    for far in ("s3", "s8"):
        with pytest.raises(MeetingError, match="the next one"):
            EditStore(store).change(A, JoinChange(*seen(store, "s1", far)))
    EditStore(store).change(A, JoinChange(*seen(store, "s7", "s8")))


def test_a_line_is_joined_across_lines_of_other_sources_and_of_none_of_its_own(store: Store) -> None:
    def line(id_: str, second: int, source: str) -> Segment:
        return replace(LINE, id=id_, source_id=source, span=Span(second * SAMPLE_RATE, (second + 1) * SAMPLE_RATE))

    others = [line(f"x{n}", n, "other") for n in range(5, 11)]
    TranscriptStore(store).save_segments(A, [line("s2", 4, "src"), *others, line("s3", 12, "src")]).result()
    with pytest.raises(MeetingError, match="the next one"):
        EditStore(store).change(A, JoinChange(*seen(store, "s1", "s3")))
    with pytest.raises(MeetingError, match="the next one"):
        EditStore(store).change(A, JoinChange(*seen(store, "s2", "x5")))
    EditStore(store).change(A, JoinChange(*seen(store, "s2", "s3")))


def test_a_line_is_not_joined_across_one_of_its_own_where_many_begin_at_once(store: Store) -> None:
    lines = [replace(LINE, id=f"s{n}", span=Span(40_000, 40_010)) for n in range(3, 9)]
    TranscriptStore(store).save_segments(A, [replace(LINE, id="s2", span=Span(30_000, 40_000)), *lines]).result()
    with pytest.raises(MeetingError, match="the next one"):
        EditStore(store).change(A, JoinChange(*seen(store, "s1", "s3")))
    EditStore(store).change(A, JoinChange(*seen(store, "s2", "s3")))


def test_only_so_many_changes_can_be_taken_back_and_none_of_another_meeting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.storage.edit_store.MOST_STEPS", 2)
    edit_store = EditStore(store)
    for n in range(4):
        edit_store.change(A, SpeakerChange("spk1", True, f"Ann {n}"), f"change{n}")
    for gone in ("change0", "change1", "never"):
        with pytest.raises(NotFound):
            edit_store.step(A, gone)
    edit_store.change(A, Undo(edit_store.step(A, "change3")))
    assert TranscriptStore(store).record(A).speakers[0].name == "Ann 2"
    with pytest.raises(NotFound):
        edit_store.step("b" * 16, "change3")


@pytest.mark.slow
def test_as_many_lines_as_may_be_given_at_once_are_and_all_come_back(store: Store) -> None:
    many = [replace(LINE, id=f"m{n}", span=Span(n * 10, n * 10 + 5)) for n in range(MAX_LINES)]
    TranscriptStore(store).save_segments(A, many).result()
    edit_store = EditStore(store)
    edit_store.change(A, LinesChange(tuple(SeenLine(line.id, line.rev) for line in many), "spk2"), "all")
    assert {line.speaker for line in TranscriptStore(store).record(A).segments} == {"spk1", "spk2"}
    edit_store.change(A, Undo(edit_store.step(A, "all")))
    assert {line.speaker for line in TranscriptStore(store).record(A).segments} == {"spk1"}
    assert edit_store.edits(A) == Edits()
