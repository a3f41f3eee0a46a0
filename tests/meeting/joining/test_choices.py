"""Choices are made anew where something has changed, and there only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meeting.core.records import Source
from meeting.joining.blocks import PlacedWord
from meeting.joining.choices import Choices
from meeting.joining.levels import BANDS
from meeting.joining.lines import Lines
from meeting.joining.numbering import Numbering
from pipelines.types import LEVEL_FRAME, LevelsHeard, Segment, Span, Word, samples


def line(id_: str, source: str, start: float, text: str = "so it is", speaker: str | None = "spk1") -> Segment:
    """A line of a second and a half."""
    words = tuple(
        Word(word, Span(samples(start + at / 2), samples(start + at / 2 + 0.5))) for at, word in enumerate(text.split())
    )
    return Segment(id_, 1, True, source, Span(words[0].span.start, words[-1].span.end), speaker, words)


def heard(frames: range, above: float) -> LevelsHeard:
    """The same speech for everybody, louder or not; before the first second there is none."""
    speech = np.clip(np.random.default_rng(1).normal(above, 10, (400, BANDS)), 0, None) - 70
    speech[:30] = -70
    return LevelsHeard(0, speech[frames.start : frames.stop].astype(np.float32))


class Kept:
    """Choices of two sources, and what is put into them."""

    def __init__(self) -> None:
        numbering = Numbering()
        for id_ in "ab":
            numbering.add(Source(id_, "", "room", "pcm_s16le", 16000, 1))
        self.lines = Lines()
        self.choices = Choices(self.lines, numbering)

    def put(self, segment: Segment) -> list[Span]:
        """A line; where what is shown has changed."""
        return self.choices.words_changed(self.lines.put(segment), samples(40))

    def levels(self, source: str, frames: range, above: float) -> list[Span]:
        """Levels of a source; where what is shown has changed."""
        return self.choices.levels_heard(source, frames.start * LEVEL_FRAME, heard(frames, above))

    def shown(self, segment: Segment) -> str:
        """The words of a line that are shown."""
        words = (word for word in segment.words if self.choices.shows(PlacedWord.of(word, segment)))
        return " ".join(word.text for word in words)


FIRST, SECOND = line("s1", "a", 5.0), line("m1", "b", 5.1)


def test_levels_that_come_after_the_words_decide_as_well() -> None:
    kept = Kept()
    assert kept.put(FIRST) == kept.put(replace(SECOND, words=line("", "b", 5.1, "not at all").words)) == []
    assert kept.levels("a", range(0, 80), 15) == []
    (changed,) = kept.levels("b", range(0, 80), 30)
    assert changed & FIRST.span == FIRST.span
    assert kept.shown(FIRST) == ""
    assert kept.shown(line("m1", "b", 5.1, "not at all")) == "not at all"


@pytest.fixture
def waiting() -> Kept:
    """Words are held back, as the other source hears them better."""
    kept = Kept()
    kept.levels("a", range(0, 70), 15)
    kept.levels("b", range(0, 70), 30)
    assert kept.put(FIRST)
    return kept


def test_words_that_are_held_back_are_shown_when_it_has_taken_too_long(waiting: Kept) -> None:
    assert waiting.shown(FIRST) == ""
    assert waiting.levels("a", range(70, 75), 15) == []
    (changed,) = waiting.levels("c", range(110, 120), 15)
    assert changed == FIRST.span
    assert waiting.shown(FIRST) == "so it is"


def test_words_that_are_held_back_are_shown_when_the_better_source_ends(waiting: Kept) -> None:
    assert waiting.choices.ended("b") == [FIRST.span]
    assert waiting.shown(FIRST) == "so it is"


def test_sources_that_hear_the_same_are_told_with_the_time_around_and_the_one_that_is_shown() -> None:
    kept = Kept()
    kept.levels("a", range(0, 200), 15)
    kept.levels("b", range(0, 200), 30)
    kept.put(FIRST)
    kept.put(SECOND)
    ((region, ids, best),) = kept.choices.groups(Span(samples(5), samples(6)))
    assert (region.start / 16000, region.end / 16000) == (pytest.approx(4.0), pytest.approx(7.6))
    assert (ids, best) == (frozenset("ab"), "b")
    assert kept.choices.groups(Span(samples(12), samples(13))) == []


def test_evidence_is_that_of_the_lines_as_they_are() -> None:
    kept = Kept()
    kept.levels("a", range(0, 200), 15)
    kept.levels("b", range(0, 200), 30)
    kept.put(FIRST)
    kept.put(SECOND)
    assert +kept.choices.evidence.shared == {(("a", "spk1"), ("b", "spk1")): samples(1.4)}
    span = kept.lines.put(replace(SECOND, rev=2, speaker="spk2"))
    kept.choices.labels_changed(span)
    assert +kept.choices.evidence.shared == {(("a", "spk1"), ("b", "spk2")): samples(1.4)}
    kept.put(replace(FIRST, rev=2, words=()))
    assert +kept.choices.evidence.shared == {}


def test_levels_that_come_late_change_what_is_shown_after_them_at_the_end() -> None:
    """A noise that was there before makes less of what is heard."""
    kept = Kept()
    kept.levels("a", range(30, 200), 20)
    kept.levels("b", range(0, 200), 20)
    kept.put(line("s1", "a", 15.0))
    kept.put(line("m1", "b", 15.0))
    before = kept.shown(line("m1", "b", 15.0))
    kept.levels("a", range(0, 30), 20)
    kept.choices.ended("a")
    kept.choices.ended("b")
    fresh = Kept()
    fresh.levels("a", range(0, 200), 20)
    fresh.levels("b", range(0, 200), 20)
    fresh.put(line("s1", "a", 15.0))
    fresh.put(line("m1", "b", 15.0))
    assert kept.shown(line("m1", "b", 15.0)) == fresh.shown(line("m1", "b", 15.0)) != before


def told_while_it_grew() -> Kept:
    """Both sources' words may still change, and those of the one that hears them a little worse have been told."""
    kept = Kept()
    kept.levels("a", range(0, 80), 20)
    kept.levels("b", range(0, 80), 21)
    kept.put(replace(FIRST, final=False))
    first = kept.lines.get("s1")
    assert first is not None
    first.told = first.own
    kept.put(replace(SECOND, final=False))
    return kept


def both(kept: Kept) -> list[str]:
    """What is shown of each line as it is now."""
    return [kept.shown(one.own) for one in kept.lines]


def test_what_was_told_stays_until_all_is_final() -> None:
    kept = told_while_it_grew()
    assert both(kept) == ["so it is", ""]
    kept.put(replace(FIRST, rev=2))
    assert both(kept) == ["so it is", ""]
    kept.put(replace(SECOND, rev=2))
    assert both(kept) == ["", "so it is"]


def test_what_was_told_stays_until_the_sources_end_that_have_not_finished_their_lines() -> None:
    kept = told_while_it_grew()
    kept.choices.ended("a")
    assert both(kept) == ["so it is", ""]
    assert kept.choices.ended("b")
    assert both(kept) == ["", "so it is"]
