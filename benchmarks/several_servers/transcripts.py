"""Whether two transcripts of one recording are the same, word by word: texts, times, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """One word of a transcript; seconds of audio."""

    text: str
    start: float
    end: float
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two transcripts: how much, and the second of the first difference where there is one."""

    lines: tuple[int, int]
    words: tuple[int, int]
    other_words: tuple[int, float | None]
    """Words that only one of the two has"""
    other_times: tuple[int, float | None]
    """Words of both with other times"""
    other_labels: tuple[int, float | None]
    """Words of both with another speaker"""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        differing = (self.other_words, self.other_times, self.other_labels)
        return self.lines[0] == self.lines[1] and not any(count for count, _ in differing)

    def cells(self) -> list[str]:
        """Lines, words, times and labels, for people."""
        counts = [_both(self.lines), _both(self.words)]
        return [*counts, *(_said(one) for one in (self.other_words, self.other_times, self.other_labels))]


def words_of(segments: Sequence[dict[str, Any]]) -> list[Heard]:
    """The words of the lines of a JSON export, in their order."""
    return [
        Heard(str(word["text"]), float(word["start"]), float(word["end"]), segment["speaker"])
        for segment in segments
        for word in segment["words"]
    ]


def compare(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> Comparison:
    """Compare the lines of two JSON exports; times and labels only of the words that both have."""
    ours, theirs = words_of(one), words_of(other)
    matcher = SequenceMatcher(None, [word.text for word in ours], [word.text for word in theirs], autojunk=False)
    alone: list[float] = []
    pairs: list[tuple[Heard, Heard]] = []
    for kind, low, high, from_, to in matcher.get_opcodes():
        if kind == "equal":
            pairs += zip(ours[low:high], theirs[from_:to], strict=True)
        else:
            alone += [word.start for word in (*ours[low:high], *theirs[from_:to])]
    times = [a.start for a, b in pairs if (a.start, a.end) != (b.start, b.end)]
    labels = [a.start for a, b in pairs if a.speaker != b.speaker]
    lengths = (len(one), len(other)), (len(ours), len(theirs))
    return Comparison(*lengths, _first(alone), _first(times), _first(labels))


def _first(places: Sequence[float]) -> tuple[int, float | None]:
    return len(places), min(places, default=None)


def _both(counts: tuple[int, int]) -> str:
    return str(counts[0]) if counts[0] == counts[1] else f"{counts[0]} / {counts[1]}"


def _said(difference: tuple[int, float | None]) -> str:
    count, at = difference
    return "equal" if at is None else f"{count} differ, first at {at:.1f} s"
