"""Conversations: everybody speaks, nobody over themselves, with the habits of real ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.rooms.clips import Clip
from benchmarks.rooms.composing import BACKCHANNEL, LEAD, Composer, Placed
from benchmarks.rooms.turn_taking import count, load
from pipelines.types import SAMPLE_RATE


def clip(voice: str, number: int, seconds: float) -> Clip:
    length = round(seconds * SAMPLE_RATE)
    return Clip(voice, f"{voice}{number}", np.zeros(length), ((0, length),), "yes", (), False)


def cast(people: int, lengths: tuple[float, ...] = (4.0, 5.0, 3.0, 6.0, 0.6, 0.5)) -> dict[str, list[Clip]]:
    return {f"v{at}": [clip(f"v{at}", n, long) for n, long in enumerate(lengths)] for at in range(people)}


def compose(people: int, seconds: float, seed: int = 0, **more: tuple[float, ...]) -> list[Placed]:
    return Composer(cast(people, **more), load(), np.random.default_rng(seed)).compose(seconds)


@pytest.mark.parametrize("people", [2, 3, 5, 8])
def test_everybody_speaks_and_nobody_over_themselves(people: int) -> None:
    for seed in range(5):
        placed = compose(people, 60, seed)
        assert {one.clip.voice for one in placed} == {f"v{at}" for at in range(people)}
        assert placed[0].start == round(LEAD * SAMPLE_RATE)
        for voice in {one.clip.voice for one in placed}:
            mine = [one for one in placed if one.clip.voice == voice]
            assert all(one.end < after.start for one, after in pairwise(mine))


def test_the_same_seed_gives_the_same_conversation() -> None:
    one, two, other = compose(4, 60, 1), compose(4, 60, 1), compose(4, 60, 2)
    assert [(a.start, a.clip.name) for a in one] == [(a.start, a.clip.name) for a in two]
    assert [(a.start, a.clip.name) for a in one] != [(a.start, a.clip.name) for a in other]


def test_backchannels_are_short_and_lie_within_a_turn() -> None:
    answers = 0
    for seed in range(20):
        placed = compose(4, 80, seed)
        for one in placed:
            if one.kind == "backchannel":
                assert one.clip.seconds <= BACKCHANNEL
                answers += 1
    assert answers > 10


def test_overlap_and_silence_are_as_in_meetings() -> None:
    talks = [compose(4, 90, seed) for seed in range(20)]
    found = count([[turn for placed in talk for turn in placed.turns] for talk in talks])
    assert 0.03 < found.overlap < 0.2
    assert 0.03 < found.silence < 0.25
    kinds = Counter(placed.kind for talk in talks for placed in talk)
    assert kinds["switch"] > kinds["hold"]
    assert kinds["interruption"] > kinds["hold"]


def test_what_is_said_again_is_marked_and_then_it_ends() -> None:
    placed = compose(2, 1000, lengths=(3.0, 4.0))
    assert Counter(one.repeated for one in placed) == {False: 4, True: 4}
