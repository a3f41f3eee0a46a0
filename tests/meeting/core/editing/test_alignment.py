"""The same words found in two texts: as `difflib` finds them, and in bounded time whatever the words are."""

from __future__ import annotations

import random
import time
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.editing.alignment import STEPS, Match, align

LONG = 4000
"""Words at which cubic time would be minutes: 2,000 took 84 s"""


def by_difflib(first: list[str], second: list[str]) -> list[Match]:
    """What the standard library matches, in cubic time."""
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return [Match(*block) for block in blocks if block.size]


def fibonacci(length: int) -> list[str]:
    """A word over two letters that repeats itself at every scale."""
    before, word = "b", "a"
    while len(word) < length:
        before, word = word, word + before
    return list(word[:length])


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
def test_it_finds_what_difflib_finds(first: list[str], second: list[str]) -> None:
    assert align(first, second) == by_difflib(first, second)


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")), st.integers(0, 60))
def test_whatever_the_steps_what_is_matched_is_the_same_and_in_order(
    first: list[str], second: list[str], steps: int
) -> None:
    a = b = 0
    for match in align(first, second, steps):
        assert match.a >= a
        assert match.b >= b
        assert match.size > 0
        a, b = match.a + match.size, match.b + match.size
        assert first[match.a : a] == second[match.b : b]
    assert a <= len(first)
    assert b <= len(second)


def test_without_steps_the_ends_are_matched() -> None:
    first, second = ["a", "b", "c", "d", "e", "f"], ["a", "b", "x", "d", "y", "f"]
    assert align(first, second, 0) == [Match(0, 0, 2), Match(5, 5, 1)]
    assert align(first, second) == [Match(0, 0, 2), Match(3, 3, 1), Match(5, 5, 1)]
    assert align(["a"], ["a", "a"], 0) == [Match(0, 0, 1)]
    assert align([], ["a"], 0) == align(["a"], [], 0) == []


PATTERNS = {
    "one word": (["a"] * LONG, ["a"] * LONG),
    "one word and another between": (["a"] * LONG, ["a", "b"] * (LONG // 2)),
    "alternating": (["a", "b"] * (LONG // 2), ["b", "a"] * (LONG // 2)),
    "reversed": (fibonacci(LONG), fibonacci(LONG)[::-1]),
    "Fibonacci words": (fibonacci(LONG), fibonacci(LONG + 1)[1:]),
    "two letters by chance": tuple([random.Random(n).choice("ab") for _ in range(LONG)] for n in (1, 2)),
    "blocks": (["a"] * (LONG // 2) + ["b"] * (LONG // 2), ["b"] * (LONG // 2) + ["a"] * (LONG // 2)),
    "each word twice": ([str(n // 2) for n in range(LONG)], [str(n % (LONG // 2)) for n in range(LONG)]),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_words_that_repeat_take_no_longer_than_the_steps_allow(pattern: str) -> None:
    first, second = PATTERNS[pattern]
    began = time.perf_counter()
    align(first, second)
    assert time.perf_counter() - began < 20  # tenths of a second, where cubic time takes ten minutes


def test_the_steps_suffice_for_a_long_line_in_which_people_correct_words() -> None:
    chance = random.Random(7)
    vocabulary = [f"w{n}" for n in range(2000)]
    weights = [1 / (n + 1) for n in range(2000)]  # as often as words are in a language
    first = chance.choices(vocabulary, weights, k=1000)
    second = list(first)
    for at in sorted(chance.sample(range(1000), 20), reverse=True):
        second[at : at + 1] = chance.choice([[], ["new"], [second[at], "more"], ["two", "others"]])
    assert align(first, second) == align(first, second, 100 * STEPS) == by_difflib(first, second)
