"""Which words of two texts are the same ones, in a number of steps that no text can push beyond a bound.

No clock, no input or output. The method is Ratcliff and Obershelp's ("Pattern Matching: The Gestalt Approach", 1988),
as in `difflib`: the longest stretch that both share, then the same left and right of it. It finds what a reader would
call the same, but takes cubic time where words repeat ("a a a a"), and anybody may write such a line. Here it may take
`STEPS` steps; whatever it has not compared by then is compared from both ends only, which is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STEPS = 300_000
"""Comparisons of two words that one alignment may spend on the search for longest matches"""


@dataclass(frozen=True, order=True, slots=True)
class Match:
    """Words `a` to `a + size` of the first text are words `b` to `b + size` of the second one."""

    a: int
    b: int
    size: int


def align(first: Sequence[str], second: Sequence[str], steps: int = STEPS) -> list[Match]:
    """The longest stretches that both texts share, in order and none within another; those that touch are one.

    The same as `difflib` finds as long as `steps` suffice. Takes time in proportion to the lengths plus `steps`.
    """
    search = _Search(first, second, steps)
    found: list[Match] = []
    # A stack in place of recursion: a text of single matches would go deeper than Python allows.
    waiting = [(0, len(first), 0, len(second))]
    while waiting:
        a, a_end, b, b_end = waiting.pop()
        best = search.longest(a, a_end, b, b_end)
        if best is None:
            found += _from_both_ends(first, second, (a, a_end, b, b_end))
        elif best.size:
            found.append(best)
            waiting.append((a, best.a, b, best.b))
            waiting.append((best.a + best.size, a_end, best.b + best.size, b_end))
    return _joined(sorted(found))


class _Search:
    """Longest matches within parts of two texts, until the steps are spent."""

    def __init__(self, first: Sequence[str], second: Sequence[str], steps: int) -> None:
        self._first = first
        self._left = steps
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(second):
            self._places.setdefault(word, []).append(place)

    def longest(self, a: int, a_end: int, b: int, b_end: int) -> Match | None:
        """The longest match, the first one of several; of size 0 where there is none, None where no steps are left."""
        best = Match(a, b, 0)
        if a == a_end or b == b_end:
            return best
        # For each place in the second text the length of the match that ends there and at the word before `at` in the
        # first one: a match that goes on is one longer than the one that ended just before, so that no stretch is
        # compared twice. Only the places of the same word are looked at.
        lengths: dict[int, int] = {}
        for at in range(a, a_end):
            places = self._places.get(self._first[at], ())
            # All places of a word are visited, also those outside of this part: they count.
            self._left -= 1 + len(places)
            if self._left < 0:
                return None
            longer: dict[int, int] = {}
            for place in places:
                if b <= place < b_end:
                    longer[place] = size = lengths.get(place - 1, 0) + 1
                    if size > best.size:  # not >=: of several the first, as in difflib
                        best = Match(at - size + 1, place - size + 1, size)
            lengths = longer
        return best


def _from_both_ends(first: Sequence[str], second: Sequence[str], part: tuple[int, int, int, int]) -> list[Match]:
    # What is alike at both ends is what somebody leaves who changes a word or two in between.
    a, a_end, b, b_end = part
    head = tail = 0
    most = min(a_end - a, b_end - b)
    while head < most and first[a + head] == second[b + head]:
        head += 1
    while tail < most - head and first[a_end - 1 - tail] == second[b_end - 1 - tail]:
        tail += 1
    ends = [Match(a, b, head), Match(a_end - tail, b_end - tail, tail)]
    return [match for match in ends if match.size]


def _joined(matches: list[Match]) -> list[Match]:
    # Matches that touch are one, as difflib's: they come from parts that were searched one by one.
    joined: list[Match] = []
    for match in matches:
        last = joined[-1] if joined else None
        if last and (last.a + last.size, last.b + last.size) == (match.a, match.b):
            joined[-1] = Match(last.a, last.b, last.size + match.size)
        else:
            joined.append(match)
    return joined
