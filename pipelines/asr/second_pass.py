"""Second readings: what was cut at a short pause is read once more as a whole, at the end of the meeting.

A live slice ends at the first pause that will do, and a recogniser that sees less of a sentence reads it worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from pipelines.types import Hypothesis, Samples, Span, Utterance, Word, samples


@dataclass(frozen=True, slots=True)
class SecondPassOptions:
    """What is read again, and when that is believed; times in seconds."""

    max_length: float = 12.0
    """Longest stretch that is read as one"""
    max_kept: float = 180.0
    """Audio that is kept for it; beyond that the stretch whose words were surest goes first"""
    min_gain: float = 0.02
    """How much higher the mean log confidence of the new words must be"""
    min_word_share: float = 0.8
    """Share of the old number of words that the new ones must reach: what is left out is easily sure"""


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring slices without a whole pause between them, and what was read in each."""

    hypotheses: tuple[Hypothesis, ...]
    audio: Samples = field(compare=False, repr=False)

    @property
    def span(self) -> Span:
        """From the first slice to the last."""
        return Span(self.hypotheses[0].span.start, self.hypotheses[-1].span.end)

    @property
    def words(self) -> tuple[Word, ...]:
        """All words that were read."""
        return tuple(word for reading in self.hypotheses for word in reading.words)

    @property
    def utterance(self) -> Utterance:
        """What the recogniser gets."""
        return Utterance(self.hypotheses[0].utterance_index, self.span, self.audio, True)


class SecondPassBuffer:
    """Final slices of one source in, in order, with their readings; keeps the audio of those that were cut poorly."""

    def __init__(self, options: SecondPassOptions | None = None) -> None:
        self._options = options or SecondPassOptions()
        self._open: list[tuple[Utterance, Hypothesis]] = []
        self._passages: list[Passage] = []

    def add(self, utterance: Utterance, hypothesis: Hypothesis) -> None:
        """One more final slice and its reading."""
        if self._open:
            first, last = self._open[0][0].span, self._open[-1][0].span
            joined = last.end == utterance.span.start and utterance.span.end - first.start <= samples(
                self._options.max_length
            )
            if not joined:
                self._close()
        if len(utterance.audio) == len(utterance.span):
            self._open.append((utterance, hypothesis))

    def flush(self) -> list[Passage]:
        """All that is to be read again, in order of time; nothing is kept."""
        self._close()
        passages, self._passages = self._passages, []
        return passages

    def _close(self) -> None:
        chain, self._open = self._open, []
        if len(chain) < 2:
            return
        audio = np.concatenate([piece.audio for piece, _ in chain])
        self._passages.append(Passage(tuple(reading for _, reading in chain), audio))
        while sum(len(stretch.audio) for stretch in self._passages) > samples(self._options.max_kept):
            self._passages.remove(max(self._passages, key=lambda stretch: mean_log_confidence(stretch.words) or 0.0))


def mean_log_confidence(words: Sequence[Word]) -> float | None:
    """Mean log confidence; None without words or where the recogniser gives no confidence."""
    confidences = [word.confidence for word in words if word.confidence is not None]
    if not confidences or len(confidences) < len(words):
        return None
    return sum(log(max(confidence, 0.001)) for confidence in confidences) / len(confidences)


def is_better(before: Sequence[Word], after: Sequence[Word], options: SecondPassOptions | None = None) -> bool:
    """Whether a second reading is to be believed rather than the first."""
    options = options or SecondPassOptions()
    old, new = mean_log_confidence(before), mean_log_confidence(after)
    enough = len(after) >= options.min_word_share * len(before)
    return old is not None and new is not None and enough and new >= old + options.min_gain


def revised_hypotheses(passage: Passage, words: Sequence[Word]) -> list[Hypothesis]:
    """The readings of a stretch's slices with new words, each word in the slice that holds its middle."""
    return [
        replace(reading, second_pass=True, words=tuple(word for word in words if _middle(word) in holds))
        for reading, holds in zip(passage.hypotheses, _word_ranges(passage), strict=True)
    ]


def _word_ranges(passage: Passage) -> list[range]:
    """Where the words of each slice lie; the last one also holds what ends behind it."""
    spans = [reading.span for reading in passage.hypotheses]
    return [*(range(span.start, span.end) for span in spans[:-1]), range(spans[-1].start, spans[-1].end + 1)]


def _middle(word: Word) -> int:
    return (word.span.start + word.span.end) // 2
