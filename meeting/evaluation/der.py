"""Diarization error on a grid of 10 ms: fast enough to be minimised, and who of one side is who on the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.types import SAMPLE_RATE, Turn

CELL = SAMPLE_RATE // 100
"""Samples of one cell (10 ms)"""


@dataclass(frozen=True, slots=True)
class Activity:
    """Who speaks in which cell."""

    names: tuple[str, ...]
    on: NDArray[np.bool_]
    """Shape (names, cells)"""


@dataclass(frozen=True, slots=True)
class ErrorParts:
    """Parts of the diarization error and what they are shares of; seconds."""

    miss: float
    false_alarm: float
    confusion: float
    speech: float

    @property
    def rate(self) -> float:
        """The diarization error rate; the seconds of error themselves where nobody spoke."""
        return (self.miss + self.false_alarm + self.confusion) / (self.speech or 1.0)


def rasterise(turns: Iterable[Turn], cells: int) -> Activity:
    """Turns on the grid, speakers in order of name; what reaches past `cells` is cut off."""
    turns = list(turns)
    names = tuple(sorted({turn.speaker for turn in turns}))
    on = np.zeros((len(names), cells), np.bool_)
    for turn in turns:
        on[names.index(turn.speaker), round(turn.span.start / CELL) : round(turn.span.end / CELL)] = True
    return Activity(names, on)


def cells_of(*sides: Iterable[Turn]) -> int:
    """Cells that hold every turn of all sides."""
    return max((-(-turn.span.end // CELL) for side in sides for turn in side), default=0)


def match_speakers(reference: Activity, other: Activity) -> dict[str, str]:
    """Name in `other` -> the name in `reference` that it stands for: one to one, most common speech in all."""
    return {other.names[column]: reference.names[row] for row, column in _pairs(_common(reference.on, other.on))}


def error(reference: NDArray[np.bool_], other: NDArray[np.bool_]) -> ErrorParts:
    """Diarization error, overlapped speech scored, no collar; both of shape (speakers, cells)."""
    spoken, heard = reference.sum(axis=0), other.sum(axis=0)
    common = _common(reference, other)
    right = sum(common[pair] for pair in _pairs(common))
    cells = SAMPLE_RATE / CELL
    return ErrorParts(
        miss=float(np.maximum(spoken - heard, 0).sum()) / cells,
        false_alarm=float(np.maximum(heard - spoken, 0).sum()) / cells,
        confusion=float(np.minimum(spoken, heard).sum() - right) / cells,
        speech=float(spoken.sum()) / cells,
    )


def _common(reference: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Cells in which both speak, shape (reference speakers, other speakers)."""
    common: NDArray[np.float32] = reference.astype(np.float32) @ other.astype(np.float32).T
    return common


def _pairs(common: NDArray[np.float32]) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(common, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if common[row, column] > 0]
