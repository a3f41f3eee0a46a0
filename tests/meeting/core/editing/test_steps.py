"""Taking changes back, in words of one second each: by the step that each was, whatever the pipeline says meanwhile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from meeting.core.editing.steps import Step, difference, with_step
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import Edits
from pipelines.types import SAMPLE_RATE, Hypothesis, Output, Span, Speaker, Turn, TurnsRevised
from tests.fakes.shown import ANN, BEN, CID, TEXT, Shown, gone, label, line, said


def seen(shown: Shown, *ids: str) -> tuple[SeenLine, ...]:
    """Lines as they are shown."""
    return tuple(SeenLine(id_, shown.transcript.rev(id_)) for id_ in ids)


def test_every_change_is_taken_back_one_after_another_and_made_again() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 6, BEN), line("s3", 1, 6, 8))
    looks = [(shown.lines, shown.names)]

    def then() -> None:
        looks.append((shown.lines, shown.names))

    shown.edit(SpeakerChange(ANN, True, "Ann"))
    then()
    shown.write("s1", "a bee c d")
    then()
    shown.relabel("s1", BEN)
    then()
    shown.edit(SplitChange("s1", shown.transcript.rev("s1"), ("a bee", "sea d")))
    then()
    shown.edit(JoinChange(*seen(shown, "s1-2", "s2")))
    then()
    shown.edit(LinesChange(seen(shown, "s1", "s3"), None, "Dee"))
    then()
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    steps = list(shown.steps)
    redo: list[Step] = []
    for step in reversed(steps):
        redo.append(shown.do(Undo(step)))
        lines, names = looks.pop()
        made = {id_: name for id_, name in shown.names.items() if id_ in names or name != (None, None)}
        assert (shown.lines, made) == (lines, names)
    assert shown.overlay.edits == Edits()
    for step in reversed(redo):
        shown.do(Undo(step))
    assert [(id_, text) for id_, text, _ in shown.lines] == [("s1", "a bee"), ("s1-2", "sea d e f"), ("s3", "g h")]
    assert [who for _, _, who in shown.lines] == ["hand1", BEN, "hand1"]
    assert shown.names["hand1"] == ("Dee", None)


def test_what_has_changed_since_cannot_be_taken_back() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 8))
    shown.relabel("s1", BEN)
    shown.write("s1", "a bee")
    shown.edit(SpeakerChange(ANN, True, "Ann"))
    shown.edit(SpeakerChange(ANN, True, "Anna"))
    labelled, written, named, again = shown.steps
    before = shown.overlay.edits
    for step in (labelled, named):
        with pytest.raises(Conflict, match="undo what came later first") as caught:
            shown.do(Undo(step))
        assert caught.value.code is ErrorCode.OUTDATED
    assert shown.overlay.edits == before
    for step in (again, written, named, labelled):
        shown.do(Undo(step))
        with pytest.raises(Conflict):  # it was taken back already
            shown.do(Undo(step))
    assert shown.lines == [("s1", "a b c d", ANN), ("s2", "e f g h", ANN)]


def test_a_line_whose_edit_was_taken_back_is_the_pipelines_again() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.relabel("s1", BEN)
    shown.take(label("s1", 2, CID))  # not shown, but remembered
    shown.undo()
    assert shown.lines == [("s1", "a b c d", CID)]
    shown.take(label("s1", 3, ANN))
    assert shown.lines == [("s1", "a b c d", ANN)]
    shown.take(line("s1", 4, 0, 2))
    assert shown.lines == [("s1", "a b", ANN)]


def test_a_line_that_the_pipeline_has_cut_or_withdrawn_since_comes_back_as_it_is_now() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 8))
    shown.write("s1", "a bee c d")
    shown.take(line("s1", 2, 0, 2))
    shown.take(line("s1.2", 1, 2, 4, BEN))
    assert [text for _, text, _ in shown.lines] == ["a bee c d", "e f g h"]
    shown.undo()
    assert shown.lines == [("s1", "a b", ANN), ("s1.2", "c d", BEN), ("s2", "e f g h", ANN)]
    shown.relabel("s2", BEN)
    shown.take(gone("s2", 5, 4, 8))
    shown.undo()
    assert [id_ for id_, _, _ in shown.lines] == ["s1", "s1.2"]


def test_a_split_that_was_taken_back_leaves_what_the_pipeline_says_now() -> None:
    shown = Shown(line("s1", 1, 0, 4))
    shown.edit(SplitChange("s1", 1, ("a b", "c d")))
    shown.take(line("s1", 2, 0, 3))
    shown.take(line("s1.2", 1, 3, 4, BEN))
    assert [text for _, text, _ in shown.lines] == ["a b", "c d"]
    shown.undo()
    assert shown.lines == [("s1", "a b c", ANN), ("s1.2", "d", BEN)]


def test_revisions_only_ever_grow_also_of_lines_that_were_away() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 8))
    for _ in range(3):
        shown.edit(SplitChange("s1", shown.transcript.rev("s1"), ("a b", "c d")))
        shown.undo()
        shown.edit(JoinChange(*seen(shown, "s1", "s2")))
        shown.undo()  # `Shown` insists that each output is news
    assert [text for _, text, _ in shown.lines] == ["a b c d", "e f g h"]


def test_a_voice_that_has_other_lines_by_now_is_not_taken_away() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 8))
    shown.edit(LinesChange(seen(shown, "s1"), None, "Dee"))
    shown.relabel("s2", "hand1")
    with pytest.raises(Conflict):
        shown.do(Undo(shown.steps[0]))
    shown.undo()
    shown.undo()
    assert [who for _, _, who in shown.lines] == [ANN, ANN]
    assert shown.names["hand1"] == (None, None)


def test_two_voices_are_not_made_each_others_by_making_a_merge_again() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, merge_into=BEN))
    back = shown.do(Undo(shown.steps[0]))
    shown.edit(SpeakerChange(BEN, merge_into=ANN))
    with pytest.raises(Conflict):
        shown.do(Undo(back))


def test_a_merge_that_is_taken_back_shows_what_the_pipeline_holds_of_both() -> None:
    shown = Shown()
    shown.edit(SpeakerChange(ANN, True, "Ann", BEN))
    shown.take(Speaker(ANN, merged_into=CID))
    assert shown.names[ANN] == (None, BEN)
    shown.undo()
    assert shown.names == {ANN: (None, CID), BEN: (None, None), CID: (None, None)}


def test_the_difference_of_two_edits_leads_from_one_to_the_other() -> None:
    shown = Shown(line("s1", 1, 0, 4), line("s2", 1, 4, 8))
    shown.relabel("s1", BEN)
    before = shown.overlay.edits
    shown.edit(SpeakerChange(ANN, True, None, BEN))
    shown.write("s2", "e")
    after = shown.overlay.edits
    assert with_step(before, difference(before, after)) == after
    assert with_step(after, difference(after, before)) == before
    assert difference(after, after) == Step()


def cut_and_labelled(data: st.DataObject) -> TurnsRevised:
    """Somebody else speaks now and then."""
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, 8), max_size=3))), 8]
    spans = [Span(a * SAMPLE_RATE, b * SAMPLE_RATE) for a, b in pairwise(edges) if b > a]
    turns = tuple(Turn(span, data.draw(st.sampled_from([ANN, BEN, CID]))) for span in spans)
    return TurnsRevised(Span(0, 8 * SAMPLE_RATE), turns, "recluster")


def by_hand(data: st.DataObject, shown: Shown) -> Change:
    """Any change of a line that makes sense."""
    segments = shown.transcript.segments
    at = data.draw(st.integers(0, len(segments) - 1))
    line, rest = segments[at], segments[at + 1 :]
    words = line.text.split()
    who = data.draw(st.sampled_from([ANN, BEN, CID, None]))
    match data.draw(st.sampled_from(["label", "label", "split", "join", "several"])):
        case "split" if len(words) > 1:
            cut = data.draw(st.integers(1, len(words) - 1))
            return SplitChange(line.id, line.rev, (" ".join(words[:cut]), " ".join(words[cut:])))
        case "join" if rest:
            return JoinChange(*seen(shown, line.id, rest[0].id))
        case "several" if rest:
            return LinesChange(seen(shown, line.id, rest[0].id), who)
    return SegmentChange(line.id, line.rev, True, who)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_was_done_in_whichever_order_no_word_is_lost_or_doubled_and_nothing_is_left_of_it_once_taken_back(
    data: st.DataObject,
) -> None:
    """The real merger cuts and labels a line anew again and again, while a person changes what is shown of it."""
    from pipelines.stream.merge import Merger

    shown, plain, merger, heard = Shown(), Shown(), Merger("src"), list[Output]()

    def hear(outputs: list[Output]) -> None:
        for output in outputs:
            heard.append(output)
            shown.take(output)
            plain.take(output)

    hear(merger(Hypothesis(0, Span(0, 8 * SAMPLE_RATE), True, said())))
    for _ in range(data.draw(st.integers(1, 8))):
        what = data.draw(st.sampled_from(["hear", "change", "change", "undo"]))
        if what == "hear":
            hear(merger(cut_and_labelled(data)))
        elif what == "change":
            shown.edit(by_hand(data, shown))
        elif shown.steps:
            shown.undo()
        assert sorted(word.text for one in shown.transcript.segments for word in one.words) == TEXT.split()
        for id_, kept in shown.overlay.edits.lines.items():
            segment = shown.transcript.segment(id_)
            assert segment is not None
            assert (segment.words, segment.speaker) == (kept.segment.words, kept.segment.speaker)
    if data.draw(st.booleans()):  # the server dies, and hears all of it once more, while a person goes on
        crashed, shown = shown, Shown(edits=shown.overlay.edits)
        shown.steps = crashed.steps
        early = data.draw(st.integers(0, len(heard)))
        for at, output in enumerate(heard):
            if at == early and shown.steps:
                crashed.undo()  # the stored text is edited, and the edits are laid over the rebuilt one
                shown.show(shown.overlay.take_over(crashed.overlay.edits))
            shown.take(output)
        assert sorted(word.text for one in shown.transcript.segments for word in one.words) == TEXT.split()
    while shown.steps:
        shown.undo()
    assert [one[1:] for one in shown.lines] == [one[1:] for one in plain.lines]
