"""Whether two sources say the same at the same time, by their words.

Where people speak at once levels tell little: each microphone hears a mixture of its own. Words that agree in the same
order at the same time are the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from meeting.joining.blocks import PlacedWord
from pipelines.types import samples

TOGETHER = samples(0.5)
"""How far apart the same word may be in two sources"""
LEAST_WORDS = 2
"""Words that two lines must have in common to be the same"""
SHARE = 0.5
"""Share of the words of the shorter of two lines that they must have in common"""


def says_the_same(one: Sequence[PlacedWord], other: Sequence[PlacedWord]) -> bool:
    """Whether two stretches of words of different sources, each in order of time, are the same speech."""
    common = in_common(one, other)
    return common >= LEAST_WORDS and common >= SHARE * min(len(one), len(other))


def in_common(one: Sequence[PlacedWord], other: Sequence[PlacedWord]) -> int:
    """Number of words that agree, in the same order and at about the same time."""
    found = [0] * (len(other) + 1)
    for word in one:
        before = found
        found = [0]
        for at, candidate in enumerate(other):
            same = abs(word.middle - candidate.middle) <= TOGETHER and bare(word.text) == bare(candidate.text)
            found.append(max(before[at] + 1 if same else 0, before[at + 1], found[at]))
    return found[-1]


def bare(text: str) -> str:
    """A word without what recognisers disagree about: case and marks."""
    return "".join(filter(str.isalnum, text.casefold())) or text
