"""The second pass: at the end of a meeting, what was cut at short pauses is recognised once more as a whole.

A live utterance ends at the first pause that will do, and a recogniser that sees less of a sentence makes more
mistakes. What the second pass gains is in `docs/accuracy.md` ("Pauses that cut").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from pipelines.types import Hypothesis, Samples, Span, Utterance, Word, samples


@dataclass(frozen=True, slots=True)
class SecondPassOptions:
    """What is recognised again, and when the new words are taken; times in seconds."""

    max_length: float = 12.0
    """Longest passage that is recognised as one"""
    max_kept: float = 180.0
    """Audio that is kept for it; beyond that the passage with the most certain words is forgotten first"""
    min_gain: float = 0.02
    """How much higher the mean log confidence of the new words must be"""
    min_word_share: float = 0.8
    """Share of the old number of words that the new ones must reach: leaving words out raises the mean confidence"""


@dataclass(frozen=True, slots=True)
class Passage:
    """Final utterances that follow each other without a gap, and what was recognised in each."""

    hypotheses: tuple[Hypothesis, ...]
    audio: Samples = field(compare=False, repr=False)
    """That of all of them"""

    @property
    def span(self) -> Span:
        """From the first utterance to the last."""
        return Span(self.hypotheses[0].span.start, self.hypotheses[-1].span.end)

    @property
    def words(self) -> tuple[Word, ...]:
        """All words that were recognised."""
        return tuple(word for hypothesis in self.hypotheses for word in hypothesis.words)

    @property
    def utterance(self) -> Utterance:
        """All of it as one, for the recogniser."""
        return Utterance(self.hypotheses[0].utterance_index, self.span, self.audio, True)


class SecondPassBuffer:
    """Takes the final lines of one source, in order; keeps the passages that a second pass may improve."""

    def __init__(self, options: SecondPassOptions | None = None) -> None:
        self._options = options or SecondPassOptions()
        self._open: list[tuple[Hypothesis, Samples]] = []  # may still grow
        self._passages: list[Passage] = []

    def add(self, hypothesis: Hypothesis, audio: Samples) -> None:
        """One more final line and its audio."""
        if self._open:
            first, last, next_one = self._open[0][0].span, self._open[-1][0].span, hypothesis.span
            fits = next_one.end - first.start <= samples(self._options.max_length)
            if not (last.end == next_one.start and fits):
                self._close()
        if len(audio) == len(hypothesis.span):  # a click has none
            self._open.append((replace(hypothesis, audio=None), audio))

    def flush(self) -> list[Passage]:
        """All that is to be recognised again, in order of time; nothing is kept."""
        self._close()
        passages, self._passages = self._passages, []
        return passages

    def _close(self) -> None:
        chain, self._open = self._open, []
        if len(chain) < 2:
            return
        audio = np.concatenate([audio for _, audio in chain])
        self._passages.append(Passage(tuple(hypothesis for hypothesis, _ in chain), audio))
        while sum(len(passage.audio) for passage in self._passages) > samples(self._options.max_kept):
            self._passages.remove(max(self._passages, key=lambda passage: mean_log_confidence(passage.words) or 0.0))


def mean_log_confidence(words: Sequence[Word]) -> float | None:
    """Mean log confidence; None without words or where the recogniser gives no confidence."""
    confidences = [word.confidence for word in words if word.confidence is not None]
    if not confidences or len(confidences) < len(words):
        return None
    return sum(log(max(confidence, 0.001)) for confidence in confidences) / len(confidences)


def is_better(before: Sequence[Word], after: Sequence[Word], options: SecondPassOptions | None = None) -> bool:
    """Whether the words of the second pass, `after`, are to replace those of the first."""
    options = options or SecondPassOptions()
    old, new = mean_log_confidence(before), mean_log_confidence(after)
    enough = len(after) >= options.min_word_share * len(before)
    return old is not None and new is not None and enough and new >= old + options.min_gain


def revised_hypotheses(passage: Passage, words: Sequence[Word]) -> list[Hypothesis]:
    """The hypotheses of a passage with new words, each word in the utterance that holds its middle."""
    return [
        replace(hypothesis, second_pass=True, words=tuple(word for word in words if _middle(word) in holds))
        for hypothesis, holds in zip(passage.hypotheses, _word_ranges(passage), strict=True)
    ]


def _word_ranges(passage: Passage) -> list[range]:
    """Where the words of each utterance lie; the last one also holds what ends behind it."""
    spans = [hypothesis.span for hypothesis in passage.hypotheses]
    return [*(range(span.start, span.end) for span in spans[:-1]), range(spans[-1].start, spans[-1].end + 1)]


def _middle(word: Word) -> int:
    return (word.span.start + word.span.end) // 2
