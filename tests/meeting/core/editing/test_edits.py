"""What people change by hand, in words of one second each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from meeting.core.editing.alignment import Match, align
from meeting.core.editing.changes import (
    Change,
    JoinChange,
    LinesChange,
    SeenLine,
    SegmentChange,
    SpeakerChange,
    SplitChange,
)
from meeting.core.editing.edits import MAX_LINES, SPLIT_STEPS, answer, prepare
from meeting.core.editing.respelling import MAX_WORDS, respell
from meeting.core.editing.steps import Step
from meeting.core.errors import Conflict
from meeting.core.messages import SegmentMessage, SpeakerMessage
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span
from tests.fakes.shown import ANN, BEN, CID, Shown, line, said


def test_an_old_revision_a_partial_line_and_strangers_are_refused() -> None:
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


def test_a_line_can_be_given_to_nobody_and_to_a_speaker_that_was_merged() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.relabel("s1", None)
    assert shown.lines == [("s1", "a b c d", None)]
    shown.edit(SpeakerChange(CID, merge_into=BEN))
    shown.relabel("s1", CID)
    assert shown.lines == [("s1", "a b c d", BEN)]


def test_a_change_is_prepared_for_the_words_that_it_was_made_for_and_for_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Shown(line("s1", 1, 0, 4))
    change = prepare(SegmentChange("s1", 1, text="a bee c d"), shown.transcript.segment("s1"))
    other = prepare(SegmentChange("s1", 1, text="a bee c d"), replace(line("s1", 1, 0, 4), words=said("A B C D", 9)))
    expected = respell(said("a b c d"), "a bee c d")
    assert isinstance(change, SegmentChange)
    assert change.respelling is not None
    again = Shown(line("s1", 1, 0, 4))
    again.edit(other)
    assert again.overlay.edits.lines["s1"].segment.words == expected
    monkeypatch.setattr("meeting.core.editing.edits.respell", None)
    shown.edit(change)
    assert shown.overlay.edits.lines["s1"].segment.words == expected


def test_what_cannot_be_prepared_is_left_as_it_is() -> None:
    for change in (
        SpeakerChange(ANN, True, "Ann"),
        SegmentChange("s1", 1, True, BEN),
        SegmentChange("s1", 9, text="a"),
    ):
        assert prepare(change, line("s1", 1, 0, 4)) is change
    assert prepare(SegmentChange("s9", 1, text="a"), None) == SegmentChange("s9", 1, text="a")
    with pytest.raises(MeetingError):
        prepare(SegmentChange("s1", 1, text=" "), line("s1", 1, 0, 4))


def test_who_made_a_change_is_told_what_is_now() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    written = SegmentChange("s1", 1, text="a bee c d")
    (told,) = answer(written, shown.do(written), shown.transcript)
    assert isinstance(told, SegmentMessage)
    assert told.text == "a bee c d"
    same = SpeakerChange(ANN, True, None)
    assert [v.id for v in answer(same, Step(), shown.transcript) if isinstance(v, SpeakerMessage)] == [
        ANN, BEN, CID,
    ]  # fmt: skip


def joined(shown: Shown, first: str, second: str) -> JoinChange:
    """Two lines as they are shown, to be joined."""
    return JoinChange(*(SeenLine(id_, shown.transcript.rev(id_)) for id_ in (first, second)))


def split(shown: Shown, id_: str, *texts: str) -> SplitChange:
    """A line as it is shown, to be split."""
    first, second = texts
    return SplitChange(id_, shown.transcript.rev(id_), (first, second))


def given(shown: Shown, *ids: str, **to: str) -> LinesChange:
    """Lines as they are shown, to be given to somebody."""
    return LinesChange(tuple(SeenLine(id_, shown.transcript.rev(id_)) for id_ in ids), **to)


def times(segment: Segment | None) -> tuple[int, int]:
    """Where a line begins and ends, in seconds."""
    assert segment is not None
    return segment.span.start // SAMPLE_RATE, segment.span.end // SAMPLE_RATE


def test_a_line_is_split_between_two_words_and_each_part_keeps_its_times() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.edit(split(shown, "s1", "a", "b c d"))
    shown.edit(split(shown, "s1-2", "b c", "d"))
    assert shown.lines == [("s1", "a", ANN), ("s1-2", "b c", ANN), ("s1-2-2", "d", ANN)]
    assert [times(segment) for segment in shown.transcript.segments] == [(0, 1), (1, 3), (3, 4)]
    kept = shown.overlay.edits.lines
    assert [[word.text for word in kept[id_].recognised] for id_, _, _ in shown.lines] == [["a"], ["b", "c"], ["d"]]
    assert not any(one.labelled for one in kept.values())


def test_a_pause_stays_behind_the_last_part_of_a_line() -> None:
    shown = Shown(line("s1", 1, 0, 2), replace(line("s2", 1, 2, 4), pause=True))
    shown.edit(split(shown, "s2", "c", "d"))
    assert [one.pause for one in shown.transcript.segments] == [False, False, True]
    shown.edit(joined(shown, "s2", "s2-2"))
    assert [one.pause for one in shown.transcript.segments] == [False, True]


def test_what_was_written_behind_a_line_and_split_off_stays_before_the_next_line() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.edit(split(shown, "s1", "a b", "c d"))
    shown.edit(SegmentChange("s1", shown.transcript.rev("s1"), text="a b too"))
    shown.edit(split(shown, "s1", "a b", "too"))
    assert [text for _, text, _ in shown.lines] == ["a b", "too", "c d"]
    shown.edit(joined(shown, "s1", "s1-3"))
    shown.edit(joined(shown, "s1", "s1-2"))
    assert shown.lines == [("s1", "a b too c d", ANN)]


def test_what_a_person_writes_while_splitting_is_kept_beside_what_was_recognised() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    change = prepare(split(shown, "s1", "a bee", "sees dee"), shown.transcript.segment("s1"))
    assert isinstance(change, SplitChange)
    assert change.respelling is not None
    shown.edit(change)
    assert [text for _, text, _ in shown.lines] == ["a bee", "sees dee"]
    recognised = [[word.text for word in one.recognised] for one in shown.overlay.edits.lines.values()]
    assert recognised == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a b wholeheartedly", "c d"),
        ("a b", "wholeheartedly c d"),
        ("a wholeheartedly b", "c d"),
        ("a wholeheartedly b", "c d wholeheartedly"),
        ("a b and a b", "and then c d and c d"),
        ("wholeheartedly", "a b c d"),
        ("a b c d", "wholeheartedly"),
    ],
)
def test_a_word_that_stayed_goes_with_the_part_of_a_split_that_it_is_in_whatever_was_added_beside_it(
    first: str, second: str, before: bool
) -> None:
    shown = Shown(line("s1", 1, 0, 4))
    if before:
        shown.write("s1", f"{first} {second}")
    shown.edit(split(shown, "s1", first, second))
    recognised = [" ".join(word.text for word in one.recognised) for one in shown.overlay.edits.lines.values()]
    halves = {"wholeheartedly": ("", "a b c d"), "a b c d": ("a b c d", "")}
    assert tuple(recognised) == halves.get(first, ("a b", "c d"))


def test_a_split_of_words_that_repeat_takes_a_bounded_number_of_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(first: Sequence[str], second: Sequence[str], steps: int) -> list[Match]:
        asked.append(steps)
        return align(first, second, steps)

    monkeypatch.setattr("meeting.core.editing.edits.align", counted)
    shown = Shown(Segment("s1", 1, True, "s", Span(0, 2 * MAX_WORDS), ANN, said("a " * MAX_WORDS, 0)))
    shown.edit(split(shown, "s1", "a", "a " * (MAX_WORDS - 1)))
    assert asked == [SPLIT_STEPS]
    recognised = [len(one.recognised) for one in shown.overlay.edits.lines.values()]
    assert recognised == [1, MAX_WORDS - 1]


def test_a_line_is_joined_with_the_next_one_and_said_by_the_speaker_of_the_first() -> None:
    shown = Shown(line("s1", 1, 0, 2), line("s2", 1, 2, 4, BEN), line("s3", 1, 4, 6))
    shown.write("s2", "sea dee")
    shown.edit(joined(shown, "s1", "s2"))
    assert shown.lines == [("s1", "a b sea dee", ANN), ("s3", "e f", ANN)]
    assert times(shown.transcript.segment("s1")) == (0, 4)
    kept = shown.overlay.edits.lines
    assert list(kept) == ["s1"]
    assert ([word.text for word in kept["s1"].recognised], kept["s1"].labelled) == (["a", "b", "c", "d"], True)


def test_several_lines_go_to_a_speaker_at_once_or_to_a_new_one() -> None:
    shown = Shown(line("s1", 1, 0, 2), line("s2", 1, 2, 4), line("s3", 1, 4, 6))
    shown.edit(given(shown, "s1", "s3", speaker=BEN))
    assert [who for _, _, who in shown.lines] == [BEN, ANN, BEN]
    shown.edit(given(shown, "s2", "s3", new_speaker="Dee"))
    assert [who for _, _, who in shown.lines] == [BEN, "hand1", "hand1"]
    assert shown.names["hand1"] == ("Dee", None)
    shown.edit(given(shown, "s3"))
    assert [who for _, _, who in shown.lines] == [BEN, "hand1", None]


def test_changes_that_make_no_sense_are_refused_as_a_whole() -> None:
    shown = Shown(line("s1", 1, 0, 2), line("s2", 1, 2, 4), line("s3", 1, 4, 6), line("s4", 1, 6, 8, final=False))
    shown.edit(given(shown, "s2", new_speaker="Dee"))
    other = replace(line("x1", 1, 6, 8), source_id="other")
    shown.take(other)
    many = tuple(SeenLine("s1", 1) for _ in range(MAX_LINES + 1))
    refused: list[tuple[Change, type[MeetingError]]] = [
        (split(shown, "s1", "a", " "), MeetingError),
        (split(shown, "s1", "", "b"), MeetingError),
        (split(shown, "s9", "a", "b"), NotFound),
        (split(shown, "s4", "g", "h"), Conflict),
        (SplitChange("s1", 7, ("a", "b")), Conflict),
        (split(shown, "s1", "a " * MAX_WORDS, "b"), MeetingError),
        (joined(shown, "s1", "s3"), MeetingError),
        (joined(shown, "s2", "s1"), MeetingError),
        (joined(shown, "s1", "s1"), MeetingError),
        (joined(shown, "s3", "x1"), MeetingError),
        (joined(shown, "s3", "s4"), Conflict),
        (JoinChange(SeenLine("s1", 1), SeenLine("s2", 1)), Conflict),
        (LinesChange((SeenLine("s1", 1), SeenLine("s2", 1)), BEN), Conflict),
        (LinesChange((), BEN), MeetingError),
        (LinesChange(many, BEN), MeetingError),
        (given(shown, "s1", speaker="spk9"), MeetingError),
        (SpeakerChange("hand1", True, None), MeetingError),
    ]
    before = shown.overlay.edits
    for change, error in refused:
        with pytest.raises(error) as caught:
            shown.overlay.edit(change)
        assert type(caught.value) is error, change
    assert shown.overlay.edits == before


def test_a_joined_line_has_no_more_words_than_may_be_written() -> None:
    long = replace(line("s1", 1, 0, 2), words=said("a " * MAX_WORDS), span=Span(0, 2 * SAMPLE_RATE))
    shown = Shown(long, line("s2", 1, 2, 4))
    with pytest.raises(MeetingError, match=f"{MAX_WORDS} words, these two have {MAX_WORDS + 2}"):
        shown.overlay.edit(joined(shown, "s1", "s2"))
