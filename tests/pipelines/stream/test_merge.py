"""Merging words with turns, in numbers written by hand; and that the order of arrival leaves no trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.stream.merge import MergeOptions, Merger, common_prefix
from pipelines.stream.split import (
    SpeakerRun,
    split_by_speaker,
)
from pipelines.turns import replace_turns
from pipelines.types import (
    UNKNOWN,
    Hypothesis,
    LabelChange,
    Pause,
    Segment,
    Span,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
    samples,
)

ANN, BEN = "spk1", "spk2"
OPTIONS = MergeOptions()
GUARDS_ALONE = MergeOptions(min_own_share=2.0)
"""No piece is ever clear: only its length, share and words count"""
NEAR = samples(OPTIONS.max_gap)


def span(start: float, end: float) -> Span:
    """A span in seconds."""
    return Span(samples(start), samples(end))


def said(text: str, start: float, each: float = 0.5) -> tuple[Word, ...]:
    """Words of equal length, one after the other."""
    return tuple(Word(word, span(start + i * each, start + (i + 1) * each)) for i, word in enumerate(text.split()))


def reading(words: tuple[Word, ...], index: int = 0, final: bool = True, within: Span | None = None) -> Hypothesis:
    """What was read in a slice, which is as long as its words unless told otherwise."""
    return Hypothesis(index, within or Span(words[0].span.start, words[-1].span.end), final, words)


def turns(*parts: tuple[str, float, float], reason: str = "live", within: Span | None = None) -> TurnsRevised:
    """Who speaks when."""
    own = tuple(Turn(span(start, end), speaker) for speaker, start, end in parts)
    cover = within or Span(min(turn.span.start for turn in own), max(turn.span.end for turn in own))
    return TurnsRevised(cover, own, reason)


@dataclass
class Client:
    """Applies what the merger sends as the page does, and insists on rising revisions."""

    lines: dict[str, Segment] = field(default_factory=dict)

    def hear(self, items: Iterable[Segment | SpeakersRevised]) -> None:
        """Apply outputs."""
        for item in items:
            if isinstance(item, Segment):
                before = self.lines.get(item.id)
                assert before is None or item.rev == before.rev + 1
                assert before is not None or item.rev == 1
                assert before is None or not before.final or item.final
                assert item.text[: item.stable_chars] == item.text[: item.stable_chars].rstrip()
                self.lines[item.id] = item
            else:
                for change in item.changes:
                    line = self.lines[change.id]
                    assert (change.rev, change.before) == (line.rev + 1, line.speaker)
                    assert change.before != change.after
                    self.lines[change.id] = replace(line, rev=change.rev, speaker=change.after)

    @property
    def shown(self) -> dict[str, tuple[object, ...]]:
        """The lines with words, without what depends on the way there."""
        return {
            id: (line.final, line.span, line.speaker, line.words, line.stable_chars if line.final else None)
            for id, line in sorted(self.lines.items())
            if line.words
        }


def test_words_within_a_turn_become_one_segment_of_its_speaker() -> None:
    merger = Merger("a")
    assert merger(turns((ANN, 0, 3))) == []
    words = said("we meet on Thursday", 0.5)
    assert merger(reading(words)) == [Segment("s1", 1, True, "a", span(0.5, 2.5), ANN, words, 19)]


def test_words_without_a_turn_have_no_speaker() -> None:
    (segment,) = Merger("a")(reading(said("we meet", 0)))
    assert isinstance(segment, Segment)
    assert segment.speaker is None


def test_a_late_label_revises_the_line_and_sends_no_new_one() -> None:
    merger = Merger("a")
    merger(reading(said("we meet on Thursday", 0.5)))
    assert merger(turns((ANN, 0, 3))) == [SpeakersRevised((LabelChange("s1", 2, None, ANN),), "live")]


def test_a_revision_that_changes_nothing_says_nothing() -> None:
    merger = Merger("a")
    merger(turns((ANN, 0, 3)))
    merger(reading(said("we meet on Thursday", 0.5)))
    assert merger(turns((ANN, 0, 3))) == []
    assert merger(turns((BEN, 20, 30))) == []


def test_a_reclustering_names_its_reason_and_all_lines_that_it_changes() -> None:
    merger = Merger("a")
    merger(turns((BEN, 0, 9)))
    merger(reading(said("we meet on Thursday", 0), 0))
    merger(reading(said("at nine as usual", 4), 1))
    (revised,) = merger(turns((ANN, 0, 9), reason="recluster"))
    assert isinstance(revised, SpeakersRevised)
    assert revised.reason == "recluster"
    assert sorted(revised.changes, key=lambda change: change.id) == [
        LabelChange("s1", 2, BEN, ANN),
        LabelChange("s2", 2, BEN, ANN),
    ]


def test_a_voice_that_cannot_be_told_gives_no_speaker() -> None:
    merger = Merger("a")
    merger(turns((UNKNOWN, 0, 3)))
    (segment,) = merger(reading(said("we meet", 0.5)))
    assert isinstance(segment, Segment)
    assert segment.speaker is None


def test_a_speaker_may_become_unknown_again() -> None:
    merger = Merger("a")
    merger(turns((ANN, 0, 3)))
    merger(reading(said("we meet on Thursday", 0.5)))
    assert merger(turns((UNKNOWN, 0, 3))) == [SpeakersRevised((LabelChange("s1", 2, ANN, None),), "live")]


def test_a_growing_line_keeps_its_id_and_its_revisions_rise() -> None:
    merger = Merger("a", prefix="b")
    sent = []
    for text, final in [("we", False), ("we meet", False), ("we meet on Thursday", True)]:
        sent += merger(reading(said(text, 0), 4, final))
    assert [(segment.id, segment.rev, segment.final) for segment in sent if isinstance(segment, Segment)] == [
        ("b5", 1, False),
        ("b5", 2, False),
        ("b5", 3, True),
    ]


def test_only_words_that_two_readings_agree_on_are_stable() -> None:
    merger = Merger("a")
    stable = []
    for text, final in [("we", False), ("we met on", False), ("we meet on Thursday", False), ("We meet on", True)]:
        (segment,) = merger(reading(said(text, 0), 0, final))
        assert isinstance(segment, Segment)
        stable.append(segment.text[: segment.stable_chars])
    assert stable == ["", "we", "we", "We meet on"]


def test_no_word_behind_a_sentence_is_stable_since_it_may_become_a_line_of_its_own() -> None:
    merger = Merger("source")
    for text in ("We met. Then", "We met. Then we", "We met. Then we left"):
        (line,) = merger(replace(reading(said(text, 0), final=False)))
        assert isinstance(line, Segment)
    assert line.text[: line.stable_chars] == "We met."


def test_lines_of_one_utterance_have_ids_of_their_own_that_those_of_others_do_not_move() -> None:
    merger = Merger("source")
    first, second = reading(said("We met.", 0)), replace(reading(said("Then we left", 2)), line=1)
    other = replace(reading(said("And you", 9)), utterance_index=1)
    ids = [segment.id for item in (first, second, other) for segment in merger(item) if isinstance(segment, Segment)]
    assert ids == ["s1", "s1-2", "s2"]
    (turned,) = [one for one in merger(turns((ANN, 2.0, 5.0))) if isinstance(one, SpeakersRevised)]
    assert [change.id for change in turned.changes] == ["s1-2"]


def test_no_word_is_stable_where_the_final_reading_will_hear_more() -> None:
    merger = Merger("a")
    for text in ("we meet on", "we meet on Thursday"):
        (line,) = merger(replace(reading(said(text, 0), final=False), unstable=True))
        assert isinstance(line, Segment)
        assert line.stable_chars == 0


def test_stable_characters_are_counted_within_each_piece() -> None:
    merger = Merger("a")
    merger(turns((ANN, 0, 2), (BEN, 2, 4)))
    merger(reading(said("we meet on Monday no not then", 0), 0, False))
    one, other = merger(reading(said("we meet on Monday no not Monday I", 0), 0, False))
    assert isinstance(one, Segment)
    assert isinstance(other, Segment)
    assert (one.stable_chars, one.text) == (len("we meet on Monday"), "we meet on Monday")
    assert (other.stable_chars, other.text) == (len("no not"), "no not Monday I")


def test_a_final_line_is_not_changed_by_a_late_growing_result() -> None:
    merger = Merger("a")
    merger(reading(said("we meet on Thursday", 0)))
    assert merger(reading(said("we meet", 0), final=False)) == []


def test_a_second_reading_replaces_the_words_of_a_final_line_and_keeps_its_ids() -> None:
    merger, client = Merger("a"), Client()
    client.hear(merger(turns((ANN, 0, 2), (BEN, 2, 4))))
    client.hear(merger(reading(said("we meat on thirst day at nine", 0))))
    before = list(client.lines)
    client.hear(merger(replace(reading(said("we meet on Thursday at nine sharp", 0)), second_pass=True)))
    assert list(client.lines) == before
    assert [line.text for line in client.lines.values()] == ["we meet on Thursday", "at nine sharp"]
    assert all(line.final for line in client.lines.values())


def test_a_second_reading_without_words_withdraws_the_line() -> None:
    merger = Merger("a")
    merger(reading(said("uh", 0.5)))
    (gone,) = merger(Hypothesis(0, span(0.5, 1.5), True, (), second_pass=True))
    assert (gone.words, gone.rev) == ((), 2)


def test_a_growing_line_that_turns_out_to_be_nothing_is_withdrawn() -> None:
    merger = Merger("a")
    merger(turns((ANN, 0, 3)))
    merger(reading(said("uh", 0.5), final=False))
    (gone,) = merger(Hypothesis(0, span(0.5, 1.5), True, ()))
    assert gone == Segment("s1", 2, True, "a", span(0.5, 1.0), None, (), 0)


def test_the_last_part_of_a_final_line_says_that_a_pause_follows() -> None:
    merger = Merger("a")
    merger(turns((ANN, 0, 2), (BEN, 2, 4)))
    (grown,) = merger(reading(said("so we met", 0.0), final=False))
    assert not grown.pause
    parts = merger(replace(reading(said("so we met here but not now then", 0.0)), pause=True))
    assert [(part.id, part.pause) for part in parts if isinstance(part, Segment)] == [("s1", False), ("s1.2", True)]
    (joined, gone) = merger(turns((ANN, 0, 4)))
    assert isinstance(joined, Segment)
    assert isinstance(gone, Segment)
    assert (joined.pause, gone.words, gone.pause) == (True, (), False)


def test_a_pause_without_words_is_told_of_the_line_before_it() -> None:
    merger = Merger("a")
    (first,) = merger(reading(said("so we met", 0.0)))
    (told,) = merger(Hypothesis(0, span(1.5, 3), True, (), line=1, pause=True))
    assert isinstance(first, Segment)
    assert isinstance(told, Segment)
    assert (first.pause, told.pause, told.id, told.rev, told.words) == (False, True, "s1", 2, first.words)
    assert merger(Hypothesis(1, span(4, 5), True, (), pause=True)) == []


def test_a_pause_is_told_once_of_the_last_line_with_words() -> None:
    merger = Merger("a")
    assert merger(Pause(span(0, 1))) == []
    (first,) = merger(reading(said("so we met", 1.0)))
    merger(Hypothesis(1, span(3, 4), True, ()))
    (told,) = merger(Pause(span(2.5, 2.9)))
    assert isinstance(first, Segment)
    assert isinstance(told, Segment)
    assert (first.pause, told.pause, told.id, told.rev, told.words) == (False, True, "s1", 2, first.words)
    assert merger(Pause(span(4, 5))) == []


def test_a_growing_line_that_is_withdrawn_at_a_pause_says_so_and_so_does_the_line_before_it() -> None:
    merger = Merger("a")
    merger(reading(said("so we met", 0.0)))
    merger(replace(reading(said("uh", 1.5), final=False), line=1))
    gone, before = merger(Hypothesis(0, span(1.5, 3), True, (), line=1, pause=True))
    assert isinstance(gone, Segment)
    assert isinstance(before, Segment)
    assert [(one.id, one.pause, bool(one.words)) for one in (gone, before)] == [
        ("s1-2", True, False),
        ("s1", True, True),
    ]


def test_nothing_is_sent_for_a_slice_without_words() -> None:
    assert Merger("a")(Hypothesis(0, span(0, 1), True, ())) == []


def test_a_line_is_split_when_a_second_speaker_is_heard_and_joined_again_when_not() -> None:
    merger, client = Merger("a"), Client()
    client.hear(merger(turns((ANN, 0, 4))))
    client.hear(merger(reading(said("shall we meet now no not now please", 0))))
    assert [(line.text, line.speaker) for line in client.lines.values()] == [
        ("shall we meet now no not now please", ANN)
    ]
    client.hear(merger(turns((BEN, 2, 4))))
    assert [(line.id, line.text, line.speaker) for line in client.lines.values()] == [
        ("s1", "shall we meet now", ANN),
        ("s1.2", "no not now please", BEN),
    ]
    client.hear(merger(turns((ANN, 2, 4))))
    assert [line.text for line in client.lines.values()] == ["shall we meet now no not now please", ""]
    gone = client.lines["s1.2"]
    assert (gone.rev, gone.words, gone.speaker, gone.final) == (2, (), None, True)
    client.hear(merger(turns((BEN, 2, 4))))
    assert client.lines["s1.2"].rev == 3
    assert client.lines["s1.2"].text == "no not now please"


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [("", "", 0), ("we meet", "we met", 1), ("we meet", "we meet now", 2), ("we", "", 0), ("a b", "b", 0)],
)
def test_the_common_prefix_is_counted_in_words(before: str, after: str, count: int) -> None:
    assert common_prefix(said(before, 0), said(after, 3)) == count


@pytest.mark.parametrize("turn", [(ANN, 0, 1), (ANN, 2.5, 4)])
def test_a_turn_just_near_enough_labels_a_line_whichever_comes_first(turn: tuple[str, float, float]) -> None:
    words = reading(said("well", 1.5))
    for items in ([turns(turn), words], [words, turns(turn)]):
        merger, client = Merger("a"), Client()
        for item in items:
            client.hear(merger(item))
        assert client.lines["s1"].speaker == ANN


QUARTER = 4000
"""Samples of a quarter of a second: turns and words begin and end there, so that edges often meet"""


@st.composite
def talk(draw: st.DrawFn) -> list[list[Hypothesis]]:
    """Slices one after the other, each with growing readings and a final one."""
    at, slices = 0, []
    for index in range(draw(st.integers(1, 4))):
        at += draw(st.integers(0, 6)) * QUARTER
        words = []
        for number in range(draw(st.integers(0, 8))):
            start = at + draw(st.integers(0, 1)) * QUARTER
            at = start + draw(st.integers(1, 4)) * QUARTER
            words.append(Word(f"w{number}", Span(start, at)))
        begin = words[0].span.start if words else at
        readings = []
        for length in sorted(draw(st.lists(st.integers(0, len(words)), max_size=3))):
            part = tuple(replace(word, text=draw(st.sampled_from([word.text, "uh"]))) for word in words[:length])
            readings.append(Hypothesis(index, Span(begin, part[-1].span.end if part else begin + 1), False, part))
        readings.append(Hypothesis(index, Span(begin, max(at, begin + 1)), True, tuple(words)))
        slices.append(readings)
        at += draw(st.integers(0, 2)) * QUARTER
    return slices


@st.composite
def revisions(draw: st.DrawFn) -> list[TurnsRevised]:
    """Turns as diarization gives them: mostly forward, sometimes about the past."""
    found = []
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, 60)) * QUARTER
        whole = Span(start, start + draw(st.integers(1, 40)) * QUARTER)
        own = []
        for _ in range(draw(st.integers(0, 3))):
            begin = start + draw(st.integers(0, 20)) * QUARTER
            part = Span(begin, begin + draw(st.integers(1, 20)) * QUARTER) & whole
            if part:
                own.append(Turn(part, draw(st.sampled_from([ANN, BEN, "spk3", UNKNOWN]))))
        found.append(TurnsRevised(whole, tuple(own), draw(st.sampled_from(["live", "recluster"]))))
    return found


def interleaved(
    draw: st.DrawFn, words: list[Hypothesis], voices: list[TurnsRevised]
) -> list[Hypothesis | TurnsRevised]:
    """Both branches' results in some order that keeps the order of each."""
    order = draw(st.permutations([True] * len(words) + [False] * len(voices)))
    one, other = iter(words), iter(voices)
    return [next(one) if first else next(other) for first in order]


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_the_order_of_arrival_leaves_no_trace(data: st.DataObject) -> None:
    slices, voices = data.draw(talk()), data.draw(revisions())
    states = []
    everything: list[Hypothesis | TurnsRevised] = [*voices, *(readings[-1] for readings in slices)]
    some: list[Hypothesis | TurnsRevised] = interleaved(data.draw, [r for readings in slices for r in readings], voices)
    for items in (everything, some):
        merger, client = Merger("a"), Client()
        for item in items:
            client.hear(merger(item))
        states.append(client.shown)
    assert states[0] == states[1]
    assert [word for readings in slices for word in readings[-1].words] == [
        word
        for line in sorted(states[0].values(), key=lambda line: line[1])
        for word in line[3]  # type: ignore
    ]


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_what_is_shown_is_what_the_words_and_all_turns_together_give(data: st.DataObject) -> None:
    slices, voices = data.draw(talk()), data.draw(revisions())
    merger, client, known = Merger("a"), Client(), list[Turn]()
    for item in [*(readings[-1] for readings in slices), *voices]:
        client.hear(merger(item))
    for revised in voices:
        known = replace_turns(known, revised)
    pieces = [piece for readings in slices for piece in split_by_speaker(readings[-1].words, known, OPTIONS)]
    shown = sorted((line for line in client.lines.values() if line.words), key=lambda line: line.span)
    assert [SpeakerRun(line.speaker, line.words) for line in shown] == pieces


def test_overlap_is_told_of_final_lines_and_taken_back_when_the_turns_change() -> None:
    merger, words = Merger("a"), said("shall we meet now", 0)
    merger(turns((ANN, 0, 2), (BEN, 0.5, 2)))
    (growing,) = merger(reading(words, final=False))
    (final,) = merger(reading(words))
    assert isinstance(growing, Segment)
    assert isinstance(final, Segment)
    assert (growing.overlap, final.overlap) == (False, True)
    (alone,) = merger(turns((ANN, 0, 2)))
    assert isinstance(alone, Segment)
    assert (alone.overlap, alone.rev, alone.words) == (False, final.rev + 1, words)


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_pieces_hold_all_words_in_order_and_neighbours_differ(data: st.DataObject) -> None:
    words = data.draw(talk())[0][-1].words
    voices = [turn for revised in data.draw(revisions()) for turn in revised.turns]
    for options in (OPTIONS, GUARDS_ALONE):
        pieces = split_by_speaker(words, voices, options)
        assert [word for piece in pieces for word in piece.words] == list(words)
        assert all(one.speaker != other.speaker for one, other in pairwise(pieces))
    least = samples(OPTIONS.min_run)
    assert len(pieces) <= 1 or all(len(piece.words) >= 2 and len(piece.span) >= least for piece in pieces)
