"""What people set by hand, laid over what the pipeline says: pure, in words of one second each."""

from __future__ import annotations

import json
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.edits import (
    MOST_WORDS,
    Change,
    Overlay,
    SegmentChange,
    SpeakerChange,
    answer,
    prepared,
    respell,
    voices,
)
from meeting.core.errors import Conflict
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript, resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import (
    SAMPLE_RATE,
    Hypothesis,
    LabelChange,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)

ANN, BEN, CID = "spk1", "spk2", "spk3"
TEXT = "a b c d e f g h"


def said(text: str = TEXT, start: int = 0) -> tuple[Word, ...]:
    """Words of one second each."""
    return tuple(
        Word(word, Span((start + i) * SAMPLE_RATE, (start + i + 1) * SAMPLE_RATE), 0.9)
        for i, word in enumerate(text.split())
    )


def line(id_: str, rev: int, first: int, last: int, who: str | None = ANN, final: bool = True) -> Segment:
    """The words `first` to `last` of the text as a segment."""
    words = said()[first:last]
    span = Span(first * SAMPLE_RATE, last * SAMPLE_RATE)
    segment = Segment(id_, rev, final, "src", span, who, words)
    return Segment(id_, rev, final, "src", span, who, words, len(segment.text) if final else 0)


def gone(id_: str, rev: int, first: int, last: int) -> Segment:
    """A segment withdrawn."""
    return Segment(id_, rev, True, "src", Span(first * SAMPLE_RATE, last * SAMPLE_RATE), None, ())


def label(id_: str, rev: int, after: str | None) -> SpeakersRevised:
    return SpeakersRevised((LabelChange(id_, rev, None, after),), "recluster")


class Shown:
    """A transcript behind its overlay, fed as a meeting does; insists that each output is news."""

    def __init__(self, *outputs: Output, edits: Edits | None = None) -> None:
        self.transcript = Transcript()
        self.overlay = Overlay(self.transcript, edits)
        for speaker in (Speaker(ANN), Speaker(BEN, color=1), Speaker(CID, color=2)):
            self.hear(speaker)
        self.show(self.overlay.lay())
        for output in outputs:
            self.hear(output)

    def hear(self, output: Output) -> None:
        self.show(self.overlay(output))

    def edit(self, change: Change) -> None:
        self.show(self.overlay.edit(change))

    def show(self, outputs: list[Output]) -> None:
        for output in outputs:
            if not isinstance(output, TurnsRevised):
                assert self.transcript.apply(output), output

    def relabel(self, id_: str, who: str | None) -> None:
        self.edit(SegmentChange(id_, self.transcript.rev(id_), True, who))

    def write(self, id_: str, text: str) -> None:
        self.edit(SegmentChange(id_, self.transcript.rev(id_), text=text))

    @property
    def lines(self) -> list[tuple[str, str, str | None]]:
        """(id, text, speaker) in order of time."""
        return [(segment.id, segment.text, segment.speaker) for segment in self.transcript.segments]

    @property
    def names(self) -> dict[str, tuple[str | None, str | None]]:
        """Voice -> its name, and what it is merged into."""
        return {speaker.id: (speaker.name, speaker.merged_into) for speaker in self.transcript.speakers}


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


# Lines


def test_a_line_given_to_somebody_is_told_as_a_change_of_label() -> None:
    shown = Shown(line("s1", 4, 0, 4))
    (told,) = shown.overlay.edit(SegmentChange("s1", 4, True, BEN))
    assert told == SpeakersRevised((LabelChange("s1", 5, ANN, BEN),), "edit")


def test_a_labelled_line_is_neither_relabelled_nor_replaced_nor_withdrawn() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.relabel("s1", BEN)
    for output in (label("s1", 9, CID), line("s1", 10, 0, 4, CID), gone("s1", 11, 0, 4)):
        shown.hear(output)
    assert shown.lines == [("s1", "a b c d", BEN)]


def test_a_labelled_line_is_not_cut_and_no_word_is_doubled() -> None:
    shown = Shown(line("s1", 1, 0, 8))
    shown.relabel("s1", BEN)
    shown.hear(line("s1", 2, 0, 5))
    shown.hear(line("s1.2", 1, 5, 8, CID))
    assert shown.lines == [("s1", TEXT, BEN)]


def test_what_a_labelled_piece_left_over_goes_on_to_be_revised() -> None:
    shown = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    shown.relabel("s1.2", CID)
    shown.hear(line("s1", 2, 0, 8))
    shown.hear(gone("s1.2", 2, 5, 8))
    assert shown.lines == [("s1", "a b c d e", ANN), ("s1.2", "f g h", CID)]
    shown.hear(label("s1", 3, BEN))
    assert shown.lines == [("s1", "a b c d e", BEN), ("s1.2", "f g h", CID)]


def test_words_that_come_back_to_a_labelled_line_are_not_lost() -> None:
    shown = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    shown.relabel("s1", CID)
    shown.hear(line("s1", 2, 0, 8))
    shown.hear(gone("s1.2", 2, 5, 8))
    assert shown.lines == [("s1", "a b c d e", CID), ("s1-2", "f g h", ANN)]
    shown.relabel("s1-2", BEN)
    shown.hear(line("s1", 3, 0, 8, ANN))
    shown.hear(label("s1", 4, ANN))
    assert shown.lines == [("s1", "a b c d e", CID), ("s1-2", "f g h", BEN)]


def test_a_line_around_a_labelled_one_is_shown_on_both_sides_of_it() -> None:
    shown = Shown(line("s1", 1, 0, 3), line("s1.2", 1, 3, 5, BEN), line("s1.3", 1, 5, 8))
    shown.relabel("s1.2", CID)
    shown.hear(line("s1", 2, 0, 8))
    shown.hear(gone("s1.2", 2, 3, 5))
    shown.hear(gone("s1.3", 2, 5, 8))
    assert shown.lines == [("s1", "a b c", ANN), ("s1.2", "d e", CID), ("s1-2", "f g h", ANN)]
    shown.hear(line("s1", 3, 0, 3))
    shown.hear(line("s1.2", 3, 3, 5, BEN))
    shown.hear(line("s1.3", 3, 5, 8, BEN))
    assert shown.lines == [("s1", "a b c", ANN), ("s1.2", "d e", CID), ("s1.3", "f g h", BEN)]


def test_a_written_line_keeps_its_text_and_what_was_heard_is_remembered() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.write("s1", "a bee c d")
    shown.write("s1", "a bee sees d")
    for output in (line("s1", 7, 0, 2), line("s1.2", 1, 2, 4), label("s1", 9, BEN)):
        shown.hear(output)
    assert shown.lines == [("s1", "a bee sees d", ANN)]
    kept = shown.overlay.edits.lines["s1"]
    assert (kept.recognised, kept.labelled) == (said()[:4], False)


def test_an_old_revision_a_growing_line_and_strangers_are_refused() -> None:
    shown = Shown(line("s1", 2, 0, 4), line("s2", 1, 4, 8, final=False))
    refused: list[tuple[Change, type[MeetingError]]] = [
        (SegmentChange("s1", 1, True, BEN), Conflict),
        (SegmentChange("s1", 3, True, BEN), Conflict),
        (SegmentChange("s2", 1, True, BEN), Conflict),
        (SegmentChange("s9", 1, True, BEN), NotFound),
        (SegmentChange("s1", 2, True, "spk9"), MeetingError),
        (SegmentChange("s1", 2, text="\x1c "), MeetingError),
        (SpeakerChange("spk9", True, "Ann"), NotFound),
        (SpeakerChange(ANN, merge_into="spk9"), MeetingError),
        (SpeakerChange(ANN, merge_into=ANN), MeetingError),
    ]
    before = shown.overlay.edits
    for change, error in refused:
        with pytest.raises(error) as caught:
            shown.overlay.edit(change)
        assert type(caught.value) is error
    assert shown.overlay.edits == before


def test_a_line_can_be_given_to_nobody_and_to_a_voice_that_was_merged() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.relabel("s1", None)
    assert shown.lines == [("s1", "a b c d", None)]
    shown.edit(SpeakerChange(CID, merge_into=BEN))
    shown.relabel("s1", CID)
    assert shown.lines == [("s1", "a b c d", BEN)]


def test_written_words_take_the_times_of_those_they_replace() -> None:
    heard = said("a b c")
    second = SAMPLE_RATE
    assert respell(heard, "a x y c") == (
        heard[0],
        Word("x", Span(second, second * 3 // 2)),
        Word("y", Span(second * 3 // 2, second * 2)),
        heard[2],
    )
    assert respell(heard, "c") == heard[2:]
    assert respell(heard, "a b c d")[-1] == Word("d", Span(second * 3, second * 3))


SAMPLE = Path(__file__).parents[3] / "web" / "sample" / "sample.seglst.json"


def by_difflib(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """What a person's text comes to where the standard library finds the words that stayed."""
    written, out = text.split(), list[Word]()
    same = SequenceMatcher(None, [word.text for word in words], written, autojunk=False)
    for kind, a, b, c, d in same.get_opcodes():
        if kind == "equal":
            out += words[a:b]
        elif d > c:
            start = words[a].span.start if a < len(words) else words[-1].span.end
            end = words[b - 1].span.end if b > a else start
            edges = [start + (end - start) * i // (d - c) for i in range(d - c + 1)]
            out += [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written[c:d])]
    return tuple(out)


@given(data=st.data())
def test_ordinary_edits_of_real_lines_keep_the_times_that_difflib_finds(data: st.DataObject) -> None:
    lines = [row["words"] for row in json.loads(SAMPLE.read_text(encoding="utf-8"))]
    heard, other = data.draw(st.sampled_from(lines)).split(), data.draw(st.sampled_from(lines)).split()
    written = list(heard)
    for _ in range(data.draw(st.integers(1, 4))):
        at, long = data.draw(st.integers(0, len(written))), data.draw(st.integers(0, 5))
        match data.draw(st.sampled_from(["fix", "insert", "delete", "double", "retype", "capitals"])):
            case "fix":
                written[at : at + 1] = ["fixed"]
            case "insert":
                written[at:at] = other[:long]
            case "delete":
                written[at : at + long] = []
            case "double":
                written[at:at] = written[at : at + long]
            case "retype":
                written[at:] = other
            case "capitals":
                written[at : at + 1] = [word.capitalize() for word in written[at : at + 1]]
    text = " ".join(written) or "x"
    assert respell(said(" ".join(heard)), text) == by_difflib(said(" ".join(heard)), text)


@given(st.lists(st.sampled_from("ab"), min_size=1), st.lists(st.sampled_from("ab"), min_size=1))
def test_written_words_are_all_there_and_their_times_in_order(heard: list[str], written: list[str]) -> None:
    words = said(" ".join(heard))
    made = respell(words, " ".join(written))
    assert [word.text for word in made] == written
    assert all(one.span.start <= one.span.end <= two.span.start for one, two in pairwise(made))
    assert made[-1].span.end <= words[-1].span.end


def test_a_line_of_more_words_than_anyone_says_is_refused_with_their_number() -> None:
    assert len(respell(said(), "a " * MOST_WORDS)) == MOST_WORDS
    with pytest.raises(MeetingError, match=f"{MOST_WORDS} words, this text has {MOST_WORDS + 1}"):
        respell(said(), "a " * (MOST_WORDS + 1))


def test_a_change_is_prepared_for_the_words_that_it_was_made_for_and_for_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Shown(line("s1", 1, 0, 4))
    change = prepared(SegmentChange("s1", 1, text="a bee c d"), shown.transcript.segment("s1"))
    other = prepared(SegmentChange("s1", 1, text="a bee c d"), replace(line("s1", 1, 0, 4), words=said("A B C D", 9)))
    expected = respell(said("a b c d"), "a bee c d")
    assert isinstance(change, SegmentChange)
    assert change.respelling is not None
    again = Shown(line("s1", 1, 0, 4))
    again.edit(other)
    assert again.overlay.edits.lines["s1"].segment.words == expected
    monkeypatch.setattr("meeting.core.edits.respell", None)
    shown.edit(change)
    assert shown.overlay.edits.lines["s1"].segment.words == expected


def test_what_cannot_be_prepared_is_left_as_it_is() -> None:
    for change in (
        SpeakerChange(ANN, True, "Ann"),
        SegmentChange("s1", 1, True, BEN),
        SegmentChange("s1", 9, text="a"),
    ):
        assert prepared(change, line("s1", 1, 0, 4)) is change
    assert prepared(SegmentChange("s9", 1, text="a"), None) == SegmentChange("s9", 1, text="a")
    with pytest.raises(MeetingError):
        prepared(SegmentChange("s1", 1, text=" "), line("s1", 1, 0, 4))


# Many edits


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


def test_an_edit_and_a_line_cost_as_much_beside_ten_thousand_edited_lines_as_beside_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = {f"s{i}": EditedLine(far(f"s{i}", i, BEN), far("", i).words, True) for i in range(10_000)}
    shown = Shown(edits=Edits({}, {}, Counted(lines)))
    looked: list[str] = []
    transcript_segment = Transcript.segment
    monkeypatch.setattr(Transcript, "segment", lambda self, id_: (looked.append(id_), transcript_segment(self, id_))[1])
    Counted.looks = 0
    shown.hear(replace(far("s4000", 4000, CID), rev=9))
    shown.hear(far("s10000", 10_000))
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
    shown.hear(again)
    assert [words for id_, words, _ in shown.lines if id_ == "x"] == ["more"]


def test_a_hundred_voices_merged_one_into_the_next_are_one_voice() -> None:
    heard = [Speaker(f"spk{n}", color=n - 1, merged_into=f"spk{n + 1}" if n < 100 else None) for n in range(1, 101)]
    found = voices(heard, Edits({"spk50": "Ann"}))
    assert set(resolve(found).values()) == {"spk100"}
    assert {speaker.id: speaker.name for speaker in found}["spk100"] == "Ann"


# Voices


def test_a_name_stays_when_its_voice_is_told_again_and_when_it_is_merged() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.hear(Speaker(BEN, color=1))
    assert shown.names[BEN] == ("Ben", None)
    shown.hear(Speaker(BEN, color=1, merged_into=ANN))
    assert shown.names == {ANN: ("Ben", None), BEN: ("Ben", ANN), CID: (None, None)}
    shown.hear(Speaker(BEN, color=1))
    assert shown.names == {ANN: (None, None), BEN: ("Ben", None), CID: (None, None)}


def test_the_surviving_voice_keeps_a_name_that_it_has() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    assert shown.names == {ANN: ("Ann", None), BEN: ("Ben", ANN), CID: (None, None)}


def test_two_voices_with_two_names_are_not_merged_by_themselves() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(BEN, True, "Ben"))
    shown.hear(Speaker(BEN, color=1, merged_into=ANN))
    assert shown.names[BEN] == ("Ben", None)


def test_naming_a_merged_voice_names_the_one_it_is_and_a_name_can_be_taken_away() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    shown.edit(SpeakerChange(BEN, True, "Ann"))
    assert shown.names[ANN] == ("Ann", None)
    shown.edit(SpeakerChange(ANN, True, None))
    assert shown.names[ANN] == (None, None)
    shown.edit(SpeakerChange(CID, True, "Cid"))
    shown.edit(SpeakerChange(CID, merge_into=BEN))
    assert shown.names[ANN] == ("Cid", None)


def test_a_merge_and_a_name_at_once_name_the_one_voice() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(CID, True, "Cid", ANN))
    assert shown.names == {ANN: ("Cid", None), BEN: (None, None), CID: (None, ANN)}


def test_what_people_merged_stays_merged_whatever_the_pipeline_says() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    shown.hear(Speaker(BEN, color=1))
    shown.hear(Speaker(ANN, merged_into=BEN))
    assert (shown.names[BEN], shown.names[ANN]) == ((None, ANN), (None, None))


# After a crash


def test_edits_are_there_before_the_pipeline_says_anything_again_and_afterwards() -> None:
    first = Shown(line("s1", 1, 0, 5), line("s1.2", 1, 5, 8, BEN))
    first.write("s1.2", "f gee h")
    first.edit(SpeakerChange(BEN, True, "Ben"))
    again = Shown(edits=first.overlay.edits)
    assert again.lines == [("s1.2", "f gee h", BEN)]
    again.hear(line("s1", 1, 0, 8, None))
    assert again.lines == [("s1", "a b c d e", None), ("s1.2", "f gee h", BEN)]
    again.hear(line("s1", 2, 0, 5))
    again.hear(line("s1.2", 1, 5, 8, CID))
    assert again.lines == first.lines
    assert again.names[BEN] == ("Ben", None)
    assert again.transcript.rev("s1.2") >= first.transcript.rev("s1.2")


def test_other_words_in_the_place_of_an_edited_line_are_taken_for_it() -> None:
    first = Shown(line("s1", 1, 0, 4))
    first.relabel("s1", BEN)
    again = Shown(edits=first.overlay.edits)
    other = Segment("s9", 1, True, "src", Span(0, 8 * SAMPLE_RATE), ANN, said("A B C D E F G H"))
    again.hear(other)
    assert again.lines == [("s1", "a b c d", BEN), ("s9", "E F G H", ANN)]


def test_an_edit_made_while_the_meeting_is_rebuilt_reaches_what_was_heard_already() -> None:
    old, new = Shown(line("s1.2", 3, 5, 8, BEN)), Shown(line("s1", 1, 0, 8))
    old.relabel("s1.2", CID)
    new.show(new.overlay.take(old.overlay.edits))
    assert new.lines == [("s1", "a b c d e", ANN), ("s1.2", "f g h", CID)]


def test_a_voice_that_only_edits_know_of_is_there_with_its_name() -> None:
    mine = EditedLine(line("s1", 1, 0, 4, "spk7"), said()[:4], True)
    found = voices([], Edits({"spk4": "Dee", "odd": None}, {}, {"s1": mine}))
    assert [(speaker.id, speaker.name, speaker.color) for speaker in found] == [
        ("spk4", "Dee", 3), ("odd", None, 0), ("spk7", None, 6),
    ]  # fmt: skip


def test_who_made_a_change_is_told_what_is_now() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    (told,) = answer(SegmentChange("s1", 1), shown.transcript)
    assert isinstance(told, SegmentMessage)
    assert [v.id for v in answer(SpeakerChange(ANN), shown.transcript) if isinstance(v, SpeakerMessage)] == [
        ANN, BEN, CID,
    ]  # fmt: skip


# Whatever comes in whatever order


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_word_is_shown_once_and_what_was_edited_stays(data: st.DataObject) -> None:
    """The real merger cuts and labels a line anew again and again, while a person labels pieces of it."""
    from pipelines.stream.merge import Merger

    shown, merger, mine = Shown(), Merger("src"), {}
    for output in merger(Hypothesis(0, Span(0, 8 * SAMPLE_RATE), True, said())):
        shown.hear(output)
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
            shown.hear(output)
        assert sorted(word.text for segment in shown.transcript.segments for word in segment.words) == TEXT.split()
        for id_, kept in mine.items():
            segment = shown.transcript.segment(id_)
            assert segment is not None
            assert (segment.words, segment.speaker) == kept
    stands_for = resolve(shown.transcript.speakers)
    assert set(stands_for.values()) == {ANN, BEN, CID}
