"""Beam search: the likeliest text among several beginnings that are read side by side.

Greedy decoding takes the likeliest token each time, and cannot take it back where the ones behind it turn out to be
unlikely. Here the likeliest beginnings go on together, and those that have come to an end are compared by their mean
log probability, so that long texts are not worse for being long (Wu et al., "Google's Neural Machine Translation
System", 2016, section 7, with a length penalty of the power 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GIVE_UP = 0.3
"""Mean log probability that all open beginnings must lie below the best end for the search to be over"""


class Beam(NamedTuple):
    """How wide the search is."""

    width: int
    """Beginnings that are read side by side, at most"""
    pruning: float
    """Log probability that one may lie below the likeliest; what is less likely is given up"""


BEAM = Beam(4, 2.0)
"""The beam of a careful reading: a narrower one makes more errors, a wider one no fewer (measured)"""


class ScoredToken(NamedTuple):
    """One token of a text; plain values, so that they can be sent to another machine."""

    id: int
    logprob: float
    centre: int
    """Sample that its attention is centred on"""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text, or the beginning of one."""

    tokens: tuple[ScoredToken, ...] = ()
    total: float = 0.0
    """Log probability of all tokens"""

    @property
    def mean(self) -> float:
        """Log probability of a token in the mean."""
        return self.total / max(len(self.tokens), 1)


def log_total(logits: NDArray[np.float32]) -> float:
    """What is taken from logits, shape (vocabulary,), to make log probabilities of them."""
    peak = float(logits.max())
    return peak + float(np.log(np.exp(logits - peak).sum()))


class BeamSearch:
    """Grows hypotheses by one token at a time; the caller gives the logits of each open one."""

    def __init__(self, beam: Beam, end: int) -> None:
        """`end` is the token behind the last one of a text."""
        self._beam = beam
        self._end = end
        self.open: list[Hypothesis] = [Hypothesis()]
        self.finished: list[Hypothesis] = []

    def extend(self, logits: NDArray[np.float32], centres: Sequence[int]) -> list[int]:
        """Take the next tokens; gives for each hypothesis that is open now the row of the one it goes on from.

        `logits` has the shape (open, vocabulary), `centres` one number for each open one.
        """
        candidates = []
        for row, (before, scores) in enumerate(zip(self.open, logits, strict=True)):
            total = log_total(scores)
            likely = np.flatnonzero(scores >= scores.max() - self._beam.pruning)
            if len(likely) > self._beam.width:
                likely = likely[np.argpartition(-scores[likely], self._beam.width)[: self._beam.width]]
            for token in likely.tolist():
                logprob = float(scores[token]) - total
                candidates.append((before.total + logprob, row, ScoredToken(token, logprob, centres[row])))
        candidates.sort(key=lambda one: (-one[0], one[1], one[2].id))
        least = candidates[0][0] - self._beam.pruning
        grown, rows = [], []
        for reached, row, token in candidates[: self._beam.width]:
            if reached < least:
                break
            hypothesis = Hypothesis((*self.open[row].tokens, token), reached)
            if token.id == self._end:
                self.finished.append(hypothesis)
            else:
                grown.append(hypothesis)
                rows.append(row)
        self.open = grown
        return rows

    @property
    def over(self) -> bool:
        """Whether going on is of no use."""
        if not self.open or len(self.finished) >= self._beam.width:
            return True
        best = max((one.mean for one in self.finished), default=-np.inf)
        return max(one.mean for one in self.open) < best - GIVE_UP

    @property
    def best(self) -> Hypothesis:
        """The likeliest text; the likeliest beginning where none has come to an end."""
        return max(self.finished or self.open, key=lambda one: one.mean)
