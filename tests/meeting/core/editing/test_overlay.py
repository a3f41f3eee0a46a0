"""People's edits laid over what the pipeline says, in words of one second each."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.editing.overlay import Overlay
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript, resolve
from pipelines.types import (
    SAMPLE_RATE,
    Hypothesis,
    LabelChange,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)
from tests.fakes.shown import ANN, BEN, CID, TEXT, Shown, gone, label, line, said


def test_without_edits_everything_passes_as_it_is() -> None:
    overlay = Overlay(Transcript())
    for output in (
        line("s1", 3, 0, 4, final=False),
        label("s1", 4, BEN),
        Speaker(ANN),
        TurnsRevised(Span(0, 9), (Turn(Span(0, 9), ANN),)),
    ):
        assert overlay(output) == [output]
    assert overlay(SpeakersRevised((), "live")) == []


def test_a_line_given_to_somebody_is_told_as_a_change_of_label() -> None:
    shown = Shown(line("s1", 4, 0, 4))
    _, (told,) = shown.overlay.edit(SegmentChange("s1", 4, True, BEN))
    assert told == SpeakersRevised((LabelChange("s1", 5, ANN, BEN),), "edit")


def test_a_labelled_line_is_neither_relabelled_nor_replaced_nor_withdrawn() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.relabel("s1", BEN)
    for output in (label("s1", 9, CID), line("s1", 10, 0, 4, CID), gone("s1", 11, 0, 4)):
        shown.take(output)
    assert shown.lines == [("s1", "a b c d", BEN)]


def test_a_line_that_was_labelled_before_a_restart_is_not_relabelled_after_it() -> None:
    first = Shown(line("s1", 1, 0, 4))
    first.relabel("s1", BEN)
    stored = Transcript(first.transcript.segments, first.transcript.speakers)
    again = Overlay(stored, first.overlay.edits, stored.speakers)
    assert again(label("s1", 9, CID)) == []


def test_a_labelled_line_is_not_cut_and_no_word_is_doubled() -> None:
    shown = Shown(line("s1", 1, 0, 8))
    shown.relabel("s1", BEN)
    shown.take(line("s1", 2, 0, 5))
    shown.take(line("s1.2", 1, 5, 8, CID))
    assert shown.lines == [("s1", TEXT, BEN)]


def test_what_a_labelled_piece_left_over_goes_on_to_be_revised() -> None:
    shown = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    shown.relabel("s1.2", CID)
    shown.take(line("s1", 2, 0, 8))
    shown.take(gone("s1.2", 2, 5, 8))
    assert shown.lines == [("s1", "a b c d e", ANN), ("s1.2", "f g h", CID)]
    shown.take(label("s1", 3, BEN))
    assert shown.lines == [("s1", "a b c d e", BEN), ("s1.2", "f g h", CID)]


def test_words_that_come_back_to_a_labelled_line_are_not_lost() -> None:
    shown = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    shown.relabel("s1", CID)
    shown.take(line("s1", 2, 0, 8))
    shown.take(gone("s1.2", 2, 5, 8))
    assert shown.lines == [("s1", "a b c d e", CID), ("s1-2", "f g h", ANN)]
    shown.relabel("s1-2", BEN)
    shown.take(line("s1", 3, 0, 8, ANN))
    shown.take(label("s1", 4, ANN))
    assert shown.lines == [("s1", "a b c d e", CID), ("s1-2", "f g h", BEN)]


def test_a_line_around_a_labelled_one_is_shown_on_both_sides_of_it() -> None:
    shown = Shown(line("s1", 1, 0, 3), line("s1.2", 1, 3, 5, BEN), line("s1.3", 1, 5, 8))
    shown.relabel("s1.2", CID)
    shown.take(line("s1", 2, 0, 8))
    shown.take(gone("s1.2", 2, 3, 5))
    shown.take(gone("s1.3", 2, 5, 8))
    assert shown.lines == [("s1", "a b c", ANN), ("s1.2", "d e", CID), ("s1-2", "f g h", ANN)]
    shown.take(line("s1", 3, 0, 3))
    shown.take(line("s1.2", 3, 3, 5, BEN))
    shown.take(line("s1.3", 3, 5, 8, BEN))
    assert shown.lines == [("s1", "a b c", ANN), ("s1.2", "d e", CID), ("s1.3", "f g h", BEN)]


def test_a_written_line_keeps_its_text_and_what_was_recognised_is_remembered() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.write("s1", "a bee c d")
    shown.write("s1", "a bee sees d")
    for output in (line("s1", 7, 0, 2), line("s1.2", 1, 2, 4), label("s1", 9, BEN)):
        shown.take(output)
    assert shown.lines == [("s1", "a bee sees d", ANN)]
    kept = shown.overlay.edits.lines["s1"]
    assert (kept.recognised, kept.labelled) == (said()[:4], False)


class Counted(dict[str, EditedLine]):
    """Edited lines that count how many of them are looked at."""

    looks = 0

    def __getitem__(self, id_: str) -> EditedLine:
        Counted.looks += 1
        return super().__getitem__(id_)


def far(id_: str, start: int, who: str | None = ANN) -> Segment:
    """A line of one second."""
    span = Span(start * SAMPLE_RATE, (start + 1) * SAMPLE_RATE)
    return Segment(id_, 1, True, "src", span, who, (Word("word", span),), 4)


@pytest.mark.slow
def test_an_edit_and_a_line_cost_as_much_beside_ten_thousand_edited_lines_as_beside_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = {f"s{i}": EditedLine(far(f"s{i}", i, BEN), far("", i).words, True) for i in range(10_000)}
    shown = Shown(edits=Edits({}, {}, Counted(lines)))
    looked: list[str] = []
    transcript_segment = Transcript.segment
    monkeypatch.setattr(Transcript, "segment", lambda self, id_: (looked.append(id_), transcript_segment(self, id_))[1])
    Counted.looks = 0
    shown.take(replace(far("s4000", 4000, CID), rev=9))
    shown.take(far("s10000", 10_000))
    shown.relabel("s10000", CID)
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(CID, merge_into=BEN))
    assert Counted.looks < 20
    assert len(looked) < 20


def test_an_edited_line_is_found_by_its_time_whatever_lies_between() -> None:
    """One long line and many short ones, in two sources."""
    long = replace(far("long", 0), span=Span(0, 900 * SAMPLE_RATE), words=said("start", 0) + said("end", 899))
    shown = Shown(*(far(f"s{i}", i) for i in range(100, 900)), long, replace(far("other", 899), source_id="src2"))
    shown.relabel("long", BEN)
    shown.relabel("other", BEN)
    again = Segment("x", 1, True, "src", Span(899 * SAMPLE_RATE, 901 * SAMPLE_RATE), ANN, said("end more", 899))
    shown.take(again)
    assert [words for id_, words, _ in shown.lines if id_ == "x"] == ["more"]


def test_a_name_stays_when_its_speaker_is_told_again_and_when_it_is_merged() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.take(Speaker(BEN, color=1))
    assert shown.names[BEN] == ("Ben", None)
    shown.take(Speaker(BEN, color=1, merged_into=ANN))
    assert shown.names == {ANN: ("Ben", None), BEN: ("Ben", ANN), CID: (None, None)}
    shown.take(Speaker(BEN, color=1))
    assert shown.names == {ANN: (None, None), BEN: ("Ben", None), CID: (None, None)}


def test_the_surviving_speaker_keeps_a_name_that_it_has() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    assert shown.names == {ANN: ("Ann", None), BEN: ("Ben", ANN), CID: (None, None)}


def test_two_speakers_with_two_names_are_not_merged_by_themselves() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.take(Speaker(BEN, color=1, merged_into=ANN))
    assert shown.names[BEN] == ("Ben", None)


def test_naming_a_merged_speaker_names_the_one_it_is_and_a_name_can_be_taken_away() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    shown.edit(SpeakerChange(BEN, True, "Ann"))
    assert shown.names[ANN] == ("Ann", None)
    shown.edit(SpeakerChange(ANN, True, None))
    assert shown.names[ANN] == (None, None)
    shown.edit(SpeakerChange(CID, True, "Cid"))
    shown.edit(SpeakerChange(CID, merge_into=BEN))
    assert shown.names[ANN] == ("Cid", None)


def test_a_merge_and_a_name_at_once_name_the_one_speaker() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(CID, True, "Cid", ANN))
    assert shown.names == {ANN: ("Cid", None), BEN: (None, None), CID: (None, ANN)}


def test_what_people_merged_stays_merged_whatever_the_pipeline_says() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    shown.take(Speaker(BEN, color=1))
    shown.take(Speaker(ANN, merged_into=BEN))
    assert (shown.names[BEN], shown.names[ANN]) == ((None, ANN), (None, None))


def test_edits_are_there_before_the_pipeline_says_anything_again_and_afterwards() -> None:
    first = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    first.write("s1.2", "f gee h")
    first.edit(SpeakerChange(BEN, True, "Ben"))
    again = Shown(edits=first.overlay.edits)
    assert again.lines == [("s1.2", "f gee h", BEN)]
    again.take(line("s1", 1, 0, 8, None))
    assert again.lines == [("s1", "a b c d e", None), ("s1.2", "f gee h", BEN)]
    again.take(line("s1", 2, 0, 5))
    again.take(line("s1.2", 1, 5, 8, CID))
    assert again.lines == first.lines
    assert again.names[BEN] == ("Ben", None)
    assert again.transcript.rev("s1.2") >= first.transcript.rev("s1.2")


def test_other_words_in_the_place_of_an_edited_line_are_taken_for_it() -> None:
    first = Shown(line("s1", 1, 0, 4))
    first.relabel("s1", BEN)
    again = Shown(edits=first.overlay.edits)
    other = Segment("s9", 1, True, "src", Span(0, 8 * SAMPLE_RATE), ANN, said("A B C D E F G H"))
    again.take(other)
    assert again.lines == [("s1", "a b c d", BEN), ("s9", "E F G H", ANN)]


def test_an_edit_made_while_the_meeting_is_rebuilt_reaches_what_was_heard_already() -> None:
    old, new = Shown(line("s1.2", 3, 5, 8, BEN)), Shown(line("s1", 1, 0, 8))
    old.relabel("s1.2", CID)
    new.show(new.overlay.take_over(old.overlay.edits))
    assert new.lines == [("s1", "a b c d e", ANN), ("s1.2", "f g h", CID)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_word_is_shown_once_and_what_was_edited_stays(data: st.DataObject) -> None:
    """The real merger cuts and labels a line anew again and again, while a person labels pieces of it."""
    from pipelines.stream.merge import Merger

    shown, merger, mine = Shown(), Merger("src"), {}
    for output in merger(Hypothesis(0, Span(0, 8 * SAMPLE_RATE), True, said())):
        shown.take(output)
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            id_ = data.draw(st.sampled_from([segment.id for segment in shown.transcript.segments]))
            shown.relabel(id_, data.draw(st.sampled_from([ANN, BEN, CID, None])))
            segment = shown.transcript.segment(id_)
            assert segment is not None
            mine[id_] = (segment.words, segment.speaker)
        cuts = sorted(data.draw(st.lists(st.integers(0, 8), max_size=3)))
        edges = [0, *cuts, 8]
        turns = tuple(
            Turn(Span(a * SAMPLE_RATE, b * SAMPLE_RATE), data.draw(st.sampled_from([ANN, BEN, CID])))
            for a, b in pairwise(edges)
            if b > a
        )
        for output in merger(TurnsRevised(Span(0, 8 * SAMPLE_RATE), turns, "recluster")):
            shown.take(output)
        assert sorted(word.text for segment in shown.transcript.segments for word in segment.words) == TEXT.split()
        for id_, kept in mine.items():
            segment = shown.transcript.segment(id_)
            assert segment is not None
            assert (segment.words, segment.speaker) == kept
    stands_for = resolve(shown.transcript.speakers)
    assert set(stands_for.values()) == {ANN, BEN, CID}
