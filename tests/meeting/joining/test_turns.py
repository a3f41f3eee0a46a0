"""Turns without what is hidden of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.joining.levels import BANDS, LevelTrack
from meeting.joining.turns import SHORTEST, SourceTurns, owners_speak, spoken, without
from pipelines.turns import replace_turns
from pipelines.types import LEVEL_FRAME, LevelsHeard, Span, Turn, TurnsRevised, samples


def turn(start: float, end: float, who: str = "spk1") -> Turn:
    """A turn in seconds."""
    return Turn(Span(samples(start), samples(end)), who)


def span(start: float, end: float) -> Span:
    """A span in seconds."""
    return Span(samples(start), samples(end))


def made(*turns: Turn) -> SourceTurns:
    """Turns that were told at once."""
    known = SourceTurns()
    known.replace(TurnsRevised(span(0, 100), turns))
    return known


def test_turns_are_cut_to_what_is_asked_for() -> None:
    known = made(turn(1, 3), turn(2, 8, "spk2"), turn(9, 10))
    assert known.within(span(2.5, 5)) == [turn(2.5, 3), turn(2.5, 5, "spk2")]


def test_what_lies_in_gaps_is_cut_out() -> None:
    turns = [turn(1, 10), turn(3, 4, "spk2"), turn(12, 12.1)]
    assert without(turns, [span(4, 5), span(2, 4.5), span(7, 10)]) == [turn(1, 2), turn(5, 7), turn(12, 12.1)]
    assert without(turns, []) == turns


def test_what_is_left_and_hardly_anything_is_left_out() -> None:
    short, long = SHORTEST / 16000 - 0.01, SHORTEST / 16000 + 0.01
    assert without([turn(1, 5)], [span(1 + short, 5 - long)]) == [turn(5 - long, 5)]


def test_somebody_speaks_from_word_to_word_without_a_long_pause() -> None:
    words = [span(4, 5), span(1, 2), span(2.5, 3)]
    assert spoken(words) == [span(1, 3), span(4, 5)]


def test_all_of_them_have_a_span() -> None:
    assert not SourceTurns().span
    assert made(turn(1, 8), turn(2, 5)).span == span(0, 8)


SPANS = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 90_000), st.integers(1, 30_000))
REVISIONS = st.lists(st.tuples(SPANS, st.lists(st.tuples(SPANS, st.sampled_from("xyz")), max_size=4)), max_size=12)


@settings(max_examples=100)
@given(revisions=REVISIONS)
def test_a_revision_replaces_what_was_said_of_its_span(revisions: list[tuple[Span, list[tuple[Span, str]]]]) -> None:
    known, plain = SourceTurns(), list[Turn]()
    for cover, turns in revisions:
        revised = TurnsRevised(cover, tuple(Turn(one, who) for one, who in turns))
        known.replace(revised)
        plain = replace_turns(plain, revised)
    assert known.within(Span(0, 200_000)) == plain


def headset(*parts: tuple[int, int, float], noise: float = -70.0, frames: int = 200) -> LevelTrack:
    """What one hears: from a frame to another so many decibels."""
    levels = np.full((frames, BANDS), noise, np.float32)
    for start, end, loud in parts:
        levels[start:end] = loud
    track = LevelTrack()
    track.put(0, LevelsHeard(0, levels))
    return track


def by_frames(*frames: tuple[int, int]) -> list[Span]:
    """Spans of frames."""
    return [Span(start * LEVEL_FRAME, end * LEVEL_FRAME) for start, end in frames]


def test_who_has_a_headset_speaks_while_it_is_loud_in_it_and_not_while_others_are_louder_in_theirs() -> None:
    tracks = {"a": headset((20, 60, -30), (80, 120, -48)), "b": headset((20, 60, -28), (80, 120, -10))}
    lines = {"a": by_frames((22, 58)), "b": by_frames((80, 121))}
    span = Span(0, 200 * LEVEL_FRAME)
    assert owners_speak(tracks, lines, span) == {"a": by_frames((20, 60)), "b": by_frames((80, 120))}
    assert owners_speak(tracks, lines, Span(40 * LEVEL_FRAME, 90 * LEVEL_FRAME)) == {
        "a": by_frames((40, 60)),
        "b": by_frames((80, 90)),
    }
    del lines["b"]
    assert owners_speak(tracks, lines, span)["b"] == [], "nobody knows how loud its owner is"


def test_short_pauses_belong_to_a_turn_and_what_is_short_is_none() -> None:
    tracks = {"a": headset((20, 40, -30), (45, 60, -30), (66, 80, -30), (100, 101, -30)), "b": headset()}
    found = owners_speak(tracks, {"a": by_frames((20, 80))}, Span(0, 200 * LEVEL_FRAME))
    assert found == {"a": by_frames((20, 60), (66, 80)), "b": []}
