"""What people change by hand, in words of one second each."""

from __future__ import annotations

import json
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.editing.edits import (
    MAX_WORDS,
    Change,
    SegmentChange,
    SpeakerChange,
    answer,
    edited_speakers,
    prepare,
    respell,
)
from meeting.core.errors import Conflict
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SAMPLE_RATE, Span, Speaker, Word
from tests.fakes.shown import ANN, BEN, CID, Shown, line, said

SAMPLE = Path(__file__).parents[4] / "web" / "sample" / "sample.seglst.json"


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


@settings(deadline=None)  # a busy machine is no fault of theirs
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
    assert len(respell(said(), "a " * MAX_WORDS)) == MAX_WORDS
    with pytest.raises(MeetingError, match=f"{MAX_WORDS} words, this text has {MAX_WORDS + 1}"):
        respell(said(), "a " * (MAX_WORDS + 1))


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


def test_a_hundred_speakers_merged_one_into_the_next_are_one_speaker() -> None:
    heard = [Speaker(f"spk{n}", color=n - 1, merged_into=f"spk{n + 1}" if n < 100 else None) for n in range(1, 101)]
    found = edited_speakers(heard, Edits({"spk50": "Ann"}))
    assert set(resolve(found).values()) == {"spk100"}
    assert {speaker.id: speaker.name for speaker in found}["spk100"] == "Ann"


def test_a_speaker_that_only_edits_know_of_is_there_with_its_name() -> None:
    mine = EditedLine(line("s1", 1, 0, 4, "spk7"), said()[:4], True)
    found = edited_speakers([], Edits({"spk4": "Dee", "odd": None}, {}, {"s1": mine}))
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
