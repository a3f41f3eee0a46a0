"""Second readings: what was cut at a short pause is read once more as a whole, at the end of the meeting.

A live slice ends at the first pause that will do, and a recogniser that sees less of a sentence reads it worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from pipelines.types import Reading, Samples, Slice, Span, Word, samples


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """What is read again, and when that is believed; times in seconds."""

    longest: float = 12.0
    """Longest stretch that is read as one"""
    kept: float = 180.0
    """Audio that is kept for it; beyond that the stretch whose words were surest goes first"""
    margin: float = 0.02
    """How much higher the mean log confidence of the new words must be"""
    least_words: float = 0.8
    """Share of the old number of words that the new ones must reach: what is left out is easily sure"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring slices without a whole pause between them, and what was read in each."""

    readings: tuple[Reading, ...]
    audio: Samples = field(compare=False, repr=False)

    @property
    def span(self) -> Span:
        """From the first slice to the last."""
        return Span(self.readings[0].span.start, self.readings[-1].span.end)

    @property
    def words(self) -> tuple[Word, ...]:
        """All words that were read."""
        return tuple(word for reading in self.readings for word in reading.words)

    @property
    def piece(self) -> Slice:
        """What the recogniser gets."""
        return Slice(self.readings[0].slice_index, self.span, self.audio, True)


class PoorCuts:
    """Final slices of one source in, in order, with their readings; keeps the audio of those that were cut poorly."""

    def __init__(self, options: RefineOptions | None = None) -> None:
        self._options = options or RefineOptions()
        self._open: list[tuple[Slice, Reading]] = []
        self._stretches: list[Stretch] = []

    def add(self, piece: Slice, reading: Reading) -> None:
        """One more final slice and its reading."""
        if self._open:
            first, last = self._open[0][0].span, self._open[-1][0].span
            together = last.end == piece.span.start and piece.span.end - first.start <= samples(self._options.longest)
            if not together:
                self._close()
        if len(piece.audio) == len(piece.span):
            self._open.append((piece, reading))

    def flush(self) -> list[Stretch]:
        """All that is to be read again, in order of time; nothing is kept."""
        self._close()
        stretches, self._stretches = self._stretches, []
        return stretches

    def _close(self) -> None:
        chain, self._open = self._open, []
        if len(chain) < 2:
            return
        audio = np.concatenate([piece.audio for piece, _ in chain])
        self._stretches.append(Stretch(tuple(reading for _, reading in chain), audio))
        while sum(len(stretch.audio) for stretch in self._stretches) > samples(self._options.kept):
            self._stretches.remove(max(self._stretches, key=lambda stretch: sureness(stretch.words) or 0.0))


def sureness(words: Sequence[Word]) -> float | None:
    """Mean log confidence; None without words or where the recogniser gives no confidence."""
    sure = [word.confidence for word in words if word.confidence is not None]
    if not sure or len(sure) < len(words):
        return None
    return sum(log(max(confidence, 0.001)) for confidence in sure) / len(sure)


def better(before: Sequence[Word], after: Sequence[Word], options: RefineOptions | None = None) -> bool:
    """Whether a second reading is to be believed rather than the first."""
    options = options or RefineOptions()
    old, new = sureness(before), sureness(after)
    enough = len(after) >= options.least_words * len(before)
    return old is not None and new is not None and enough and new >= old + options.margin


def second_readings(stretch: Stretch, words: Sequence[Word]) -> list[Reading]:
    """The readings of a stretch's slices with new words, each word in the slice that holds its middle."""
    return [
        replace(reading, again=True, words=tuple(word for word in words if _middle(word) in holds))
        for reading, holds in zip(stretch.readings, _parts(stretch), strict=True)
    ]


def _parts(stretch: Stretch) -> list[range]:
    """Where the words of each slice lie; the last one also holds what ends behind it."""
    spans = [reading.span for reading in stretch.readings]
    return [*(range(span.start, span.end) for span in spans[:-1]), range(spans[-1].start, spans[-1].end + 1)]


def _middle(word: Word) -> int:
    return (word.span.start + word.span.end) // 2
