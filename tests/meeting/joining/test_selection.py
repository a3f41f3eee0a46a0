"""Who is shown in a block: of those that hear the same the best that understood it, of the others everybody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from meeting.joining.blocks import Block, PlacedWord, cut
from meeting.joining.levels import BANDS, LevelTrack, Pairs
from meeting.joining.selection import PATIENCE, Choice, choose, reach
from pipelines.types import LEVEL_FRAME, LevelsHeard, Segment, Span, Word, samples

QUIET = 40
"""Frames of noise before the block, which is as long"""


def speech(seed: int, above: float) -> NDArray[np.float32]:
    """Four seconds, so many decibels above the noise in the mean."""
    found = np.clip(np.random.default_rng(seed).normal(above, 10, (40, BANDS)), 0, None)
    return found.astype(np.float32)


def track(*heard: NDArray[np.float32]) -> LevelTrack:
    """A source that hears all of these at once."""
    made = LevelTrack()
    levels = np.full((2 * QUIET, BANDS), -70.0, np.float32)
    for one in heard:
        levels[QUIET:] = np.maximum(levels[QUIET:], one - 70)
    made.put(0, LevelsHeard(0, levels))
    return made


def said(source: str, text: str, start: float = 4.0, each: float = 0.5) -> list[PlacedWord]:
    """Words one after the other."""
    words = [
        Word(word, Span(samples(start + at * each), samples(start + (at + 1) * each)))
        for at, word in enumerate(text.split())
    ]
    line = Segment(f"{source}1", 1, True, source, Span(0, 1), None, tuple(words))
    return [PlacedWord.of(word, line) for word in words]


LONG = "one two three four five six seven eight"
OTHER = "eins zwei drei vier fuenf sechs sieben acht"


def block(*words: list[PlacedWord]) -> Block:
    """The one block of all words."""
    (made,) = cut(sorted(word for mine in words for word in mine))
    return made


def chosen(made: Block, ended: str = "ab", newest: float = 100.0, **tracks: LevelTrack) -> Choice:
    """What is chosen of it."""
    return choose(made, tracks, Pairs(tracks), set(ended), samples(newest))


def hidden(made: Choice) -> list[str]:
    """Which words are not shown, and of whom."""
    return [f"{word.source_id}:{word.text}" for word in sorted(made.hidden)]


def test_of_two_that_hear_the_same_the_one_that_hears_it_better_is_shown() -> None:
    made = chosen(block(said("a", LONG), said("b", OTHER)), a=track(speech(1, 15)), b=track(speech(1, 30)))
    assert made.coherent == (frozenset("ab"),)
    assert made.better == {"a": "b"}
    assert hidden(made) == [f"a:{word}" for word in LONG.split()]


@pytest.mark.parametrize(
    ("confidences", "final", "shown"),
    [
        ((0.9, 0.8), True, "a"),
        ((0.9, 0.88), True, "b"),
        ((0.9, 0.8), False, "b"),
        ((0.9, None), True, "b"),
        ((0.7, 0.9), True, "b"),
    ],
)
def test_the_one_whose_recogniser_is_surer_in_the_end_is_shown(
    confidences: tuple[float | None, float | None], final: bool, shown: str
) -> None:
    words = []
    for source, confidence in zip("ab", confidences, strict=True):
        line = [Word(one.text, one.span, confidence) for one in said(source, LONG)]
        made = Segment(f"{source}1", 1, final, source, Span(0, 1), None, tuple(line))
        words.append([PlacedWord.of(one, made) for one in line])
    found = chosen(block(*words), a=track(speech(1, 15)), b=track(speech(1, 30)))
    assert {word.source_id for word in found.hidden} == {"a", "b"} - {shown}


def test_of_two_that_hear_different_things_both_are_shown() -> None:
    made = chosen(block(said("a", LONG), said("b", OTHER)), a=track(speech(1, 20)), b=track(speech(2, 30)))
    assert (made.coherent, made.better, hidden(made)) == ((), {}, [])


def test_who_hears_nothing_is_no_matter() -> None:
    made = chosen(block(said("a", LONG)), a=track(speech(1, 20)), b=track(), c=LevelTrack())
    assert (made.coherent, hidden(made), made.waiting) == ((), [], False)


def test_whoever_understood_much_less_is_not_shown_though_it_hears_better() -> None:
    words = said("a", LONG), said("b", "acht", start=7.5)
    made = chosen(block(*words), a=track(speech(1, 15)), b=track(speech(1, 30)))
    assert made.better == {"b": "a"}
    assert hidden(made) == ["b:acht"]


def partial(source: str, text: str, final: bool = False) -> list[PlacedWord]:
    """The words of a line that may still change, unless it is final."""
    return [replace(word, final=final) for word in said(source, text)]


@pytest.mark.parametrize(
    ("loud", "shown", "final", "best"),
    [
        (21.0, {}, False, "b"),
        (21.0, {"a": 100}, False, "a"),
        (21.0, {"a": 100, "b": 200}, False, "b"),
        (21.0, {"c": 100}, False, "b"),
        (19.0, {"b": 100}, False, "b"),
        (30.0, {"a": 100}, False, "b"),
        (21.0, {"a": 100}, True, "b"),
        (19.0, {"b": 100}, True, "a"),
    ],
)
def test_while_words_may_change_the_source_that_is_shown_stays_unless_another_is_clearly_better(
    loud: float, shown: dict[str, int], final: bool, best: str
) -> None:
    tracks = {"a": track(speech(1, 20)), "b": track(speech(1, loud))}
    made = block(partial("a", LONG, final), partial("b", OTHER, final))
    found = choose(made, tracks, Pairs(tracks), frozenset(), samples(100), shown)
    assert {word.source_id for word in found.hidden} == {"a", "b"} - {best}
    assert found.provisional is (not final and bool(shown) and "c" not in shown)


def test_words_that_a_source_has_left_when_it_ended_count_as_final() -> None:
    tracks = {"a": track(speech(1, 20)), "b": track(speech(1, 21))}
    made = block(partial("a", LONG), partial("b", OTHER))
    found = choose(made, tracks, Pairs(tracks), frozenset("ab"), samples(100), {"a": 100})
    assert (found.better, found.provisional) == ({"a": "b"}, False)


def test_what_is_shown_is_not_held_back_while_words_of_a_better_source_are_waited_for() -> None:
    tracks = {"a": track(speech(1, 15)), "b": track(speech(1, 30))}
    found = choose(block(said("a", LONG)), tracks, Pairs(tracks), frozenset(), samples(8), {"a": 100})
    assert (found.waiting, found.provisional, hidden(found)) == (True, True, [])


def test_a_source_that_has_hardly_any_of_the_words_does_not_stay() -> None:
    tracks = {"a": track(speech(1, 20)), "b": track(speech(1, 21))}
    made = block(partial("a", "one"), partial("b", OTHER))
    found = choose(made, tracks, Pairs(tracks), frozenset(), samples(100), {"a": 100})
    assert (found.better, found.provisional) == ({"a": "b"}, False)


def test_words_of_the_better_one_are_waited_for_but_not_for_ever() -> None:
    tracks = {"a": track(speech(1, 15)), "b": track(speech(1, 30))}
    made = chosen(block(said("a", LONG)), ended="", newest=8.0 + PATIENCE / 16000 - 0.1, **tracks)
    assert made.waiting
    assert hidden(made) == [f"a:{word}" for word in LONG.split()]
    for ended, newest in (("b", 8.0), ("", 8.0 + PATIENCE / 16000)):
        made = chosen(block(said("a", LONG)), ended=ended, newest=newest, **tracks)
        assert (made.waiting, hidden(made)) == (False, [])


def test_words_that_the_better_one_does_not_hear_stay() -> None:
    far, near = speech(1, 15), speech(1, 30)
    near[:8] = 0
    made = chosen(block(said("a", LONG), said("b", OTHER)), a=track(far), b=track(near))
    assert made.better == {"a": "b"}
    assert "a:one" not in hidden(made)
    assert "a:eight" in hidden(made)


def test_the_same_words_at_the_same_time_are_shown_once_whatever_the_levels_say() -> None:
    line = said("b", "three four five", start=5.1)
    made = chosen(block(said("a", LONG), line), a=track(speech(1, 20)), b=track(speech(2, 30)))
    assert made.coherent == ()
    assert hidden(made) == ["b:three", "b:four", "b:five"]


def test_of_lines_of_the_same_words_and_length_the_one_that_is_heard_better_is_shown() -> None:
    for loud, worse in ((30, "a"), (10, "b")):
        made = chosen(block(said("a", LONG), said("b", LONG)), a=track(speech(1, 20)), b=track(speech(2, loud)))
        assert {word.source_id for word in made.hidden} == {worse}


@pytest.mark.parametrize("before", [True, False])
def test_sources_that_have_heard_the_same_of_late_need_less_to_do_so_still(before: bool) -> None:
    mixed = speech(1, 25)
    mixed[:20] = speech(5, 25)[:20]
    tracks = {"a": LevelTrack(), "b": LevelTrack()}
    for at in range(4):
        for id_, from_ in (("a", 40), ("b", 40 if before else 0)):
            levels = np.full((80, BANDS), -70.0, np.float32)
            levels[from_ : from_ + 40] = speech(10 + at, 25) - 70
            tracks[id_].put(80 * at * LEVEL_FRAME, LevelsHeard(0, levels))
    for id_, heard in (("a", speech(1, 25)), ("b", mixed)):
        levels = np.full((80, BANDS), -70.0, np.float32)
        levels[40:] = heard - 70
        tracks[id_].put(320 * LEVEL_FRAME, LevelsHeard(0, levels))
    made = chosen(block(said("a", LONG, start=36.0), said("b", OTHER, start=36.0)), **tracks)
    assert bool(made.coherent) is before


def test_levels_say_something_about_blocks_nearby() -> None:
    assert reach(Span(samples(10), samples(11))) == Span(samples(7), samples(14))
