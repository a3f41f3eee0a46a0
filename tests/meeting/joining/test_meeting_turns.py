"""Turns of all sources as they are told: with the speakers of the meeting, once it is settled who is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meeting.core.records import Source
from meeting.joining.choices import Choices
from meeting.joining.identity import People
from meeting.joining.levels import BANDS
from meeting.joining.lines import Lines
from meeting.joining.meeting_turns import JOINED, SETTLED, MeetingTurns
from meeting.joining.numbering import Numbering
from pipelines.types import UNKNOWN, LevelsHeard, Segment, Span, Turn, TurnsRevised, Word, samples


def turn(start: float, end: float, who: str = "spk1") -> Turn:
    """A turn in seconds."""
    return Turn(Span(samples(start), samples(end)), who)


def line(source_id: str, id_: str, start: float, end: float, final: bool = True) -> Segment:
    """A line of one word."""
    span = Span(samples(start), samples(end))
    return Segment(id_, 1, final, source_id, span, "spk1", (Word("so", span),))


class Kept:
    """Turns and what they depend on."""

    def __init__(self, **kinds: str) -> None:
        self.numbering, self.lines = Numbering(), Lines()
        self.choices = Choices(self.lines, self.numbering)
        self.turns = MeetingTurns(self.lines, self.choices, self.numbering)
        for id_, kind in kinds.items():
            self.numbering.add(Source(id_, "", kind, "pcm_s16le", 16000, 1))
            self.turns.add(id_)

    def revise(self, source_id: str, *turns: Turn) -> tuple[Turn, ...]:
        """A pipeline tells of the first minute; what is told of it."""
        return self.turns.revise(source_id, TurnsRevised(Span(0, samples(60)), turns, "recluster")).turns

    def say(self, segment: Segment) -> None:
        """A line that is shown."""
        self.choices.words_changed(self.lines.put(segment), samples(60))
        found = self.lines.get(segment.id)
        assert found is not None
        found.told = segment


def test_turns_of_one_source_are_told_at_once() -> None:
    kept = Kept(a="room")
    told = kept.turns.revise("a", TurnsRevised(Span(0, 9), (turn(0, 1, "spk3"), turn(0, 1, UNKNOWN)), "refine"))
    assert told == TurnsRevised(Span(0, 9), (turn(0, 1, "spk3"), turn(0, 1, UNKNOWN)), "refine")


def test_of_several_only_those_of_speakers_who_are_known() -> None:
    kept = Kept(a="room", b="room")
    assert kept.revise("b", turn(1, 2), turn(3, 4, UNKNOWN)) == (turn(3, 4, UNKNOWN),)
    kept.numbering.id_of(("a", "spk1")), kept.numbering.id_of(("b", "spk1"))
    (told,) = kept.turns.all_of("b")
    assert (told.turns, told.source_id, told.reason) == ((turn(1, 2, "spk2"), turn(3, 4, UNKNOWN)), "b", JOINED)
    assert kept.turns.all_of("a") == []


def heard_by_both(kept: Kept) -> None:
    """Somebody speaks from 10 to 14 seconds, and is heard better by the second source."""
    for id_, loud in (("a", 15), ("b", 30)):
        speech = np.clip(np.random.default_rng(1).normal(loud, 10, (300, BANDS)), 0, None) - 70
        speech[:80] = -70
        kept.choices.levels_heard(id_, 0, LevelsHeard(0, speech.astype(np.float32)))
    for segment in (line("a", "s1", 10, 14), line("b", "m1", 10, 14)):
        kept.say(segment)


def test_turns_are_told_again_where_anything_has_changed_and_has_settled() -> None:
    kept = Kept(a="room", b="room")
    kept.numbering.id_of(("a", "spk1")), kept.numbering.id_of(("b", "spk1"))
    heard_by_both(kept)
    kept.numbering.set_people(People((frozenset({("a", "spk1"), ("b", "spk1")}),)))
    told = kept.turns.revise("a", TurnsRevised(Span(samples(10), samples(14)), (turn(10, 14),)))
    assert told.turns == (turn(10, 14),)
    kept.turns.revise("b", TurnsRevised(Span(samples(10), samples(14)), (turn(10, 14),)))
    assert kept.turns.settle(samples(14) + 2 * SETTLED - 1) == []
    told_later = kept.turns.settle(samples(14) + 2 * SETTLED)
    assert [(one.source_id, one.turns, one.reason) for one in told_later] == [
        ("a", (), JOINED),
        ("b", (turn(10, 14),), JOINED),
    ]
    assert kept.turns.settle(samples(100)) == []


def test_a_line_is_of_whom_its_source_names_unless_others_outvote_that() -> None:
    ann, ben, other = ("a", "spk1"), ("a", "spk2"), ("b", "spk1")
    kept = Kept(a="room", b="room")
    heard_by_both(kept)
    said = line("b", "m1", 10, 14)
    assert kept.turns.speaker_of(said) == other
    kept.revise("a", turn(10, 14))
    kept.revise("b", turn(10, 14))
    assert kept.turns.speaker_of(said) == other, "as many for one as for the other"
    kept.revise("b", turn(10, 11.5, "spk2"), turn(11.5, 14))
    kept.revise("a", turn(10, 12, "spk2"), turn(12, 14))
    kept.numbering.set_people(People((frozenset({ben, other}), frozenset({ann, ("b", "spk2")}))))
    assert kept.turns.speaker_of(said) == other
    assert kept.turns.speaker_of(line("b", "m2", 40, 41)) == other


def test_a_line_of_nobody_is_of_whom_another_source_names() -> None:
    kept = Kept(a="room", b="room")
    heard_by_both(kept)
    said = replace(line("b", "m1", 10, 14), speaker=None)
    assert kept.turns.speaker_of(said) is None
    kept.revise("a", turn(11, 14))
    assert kept.turns.speaker_of(said) == ("a", "spk1")
    kept.revise("a", turn(12.5, 14))
    assert kept.turns.speaker_of(said) is None


def test_a_line_of_a_headset_is_of_its_owner() -> None:
    kept = Kept(a="room", b="solo")
    heard_by_both(kept)
    kept.revise("a", turn(10, 14))
    assert kept.turns.speaker_of(replace(line("b", "m1", 10, 14), speaker=None)) == ("b", "spk1")


def test_turns_of_one_person_are_those_of_final_words_unless_a_pipeline_tells_them() -> None:
    kept = Kept(a="solo")
    for segment in (line("a", "s1", 1, 2), line("a", "s2", 2.3, 3), line("a", "s3", 5, 6, final=False)):
        kept.say(segment)
    span = Span(0, samples(60))
    assert kept.turns.of_owner(line("a", "s3", 5, 6, final=False), span) == []
    (told,) = kept.turns.of_owner(line("a", "s1", 1, 2), span)
    assert (told.turns, told.span, told.reason) == ((turn(1, 3),), span, "live")
    assert kept.revise("a", turn(7, 8, "spk2")) == (turn(7, 8),)
    assert kept.turns.of_owner(line("a", "s1", 1, 2), span) == []


def test_lines_of_rooms_tell_no_turns() -> None:
    kept = Kept(a="room")
    kept.say(line("a", "s1", 1, 2))
    assert kept.turns.of_owner(line("a", "s1", 1, 2), Span(0, samples(60))) == []
