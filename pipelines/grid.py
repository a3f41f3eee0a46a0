"""Who was active when: windows' activities added up per speaker on a grid of 10 ms, and the turns read off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .types import SAMPLE_RATE, UNKNOWN, WINDOW, LocalVoices, Span, Turn

CELL = SAMPLE_RATE // 100
"""Samples of one cell (10 ms)"""
CELLS = WINDOW // CELL
FULL = 255
"""Activity of a voice that speaks without doubt"""

NOBODY = -1
"""Number of a local voice that is not active"""
DOUBT = 0
"""Number of a voice that could not be told; real speakers count from 1"""

Numbers = NDArray[np.int64]
"""Speaker number of each local voice of a window, shape (voices,)"""


@dataclass(frozen=True, slots=True)
class GridOptions:
    """From when on somebody is heard; shares between 0 and 1, times in seconds."""

    speaking: float = 0.45
    """Mean activity over the windows that saw an instant from which the foremost voice is heard"""
    overlap: float = 0.5
    """The same for a voice that speaks under another one"""
    join_gap: float = 0.2
    """Silence up to which two turns of a speaker are one"""
    min_turn: float = 0.06
    """Turns shorter than this are noise"""


class ActivityGrid:
    """Sums are integers, so that taking a window out again leaves exactly what was there before."""

    def __init__(self, options: GridOptions) -> None:
        self._options = options
        self._sums = np.zeros((1, CELLS), np.int16)
        self._told = np.zeros((1, CELLS), np.bool_)
        self._seen = np.zeros((1, CELLS), np.int16)  # windows that saw each cell
        self.end = 0
        """Cells seen so far"""

    def add(self, local: LocalVoices, numbers: Numbers) -> None:
        """Count one window's activities for its speakers."""
        self.end = max(self.end, (local.start + WINDOW) // CELL)
        self._grow(int(numbers.max(initial=DOUBT)) + 1)
        self._count(local, numbers, 1)
        first = local.start // CELL
        self._seen[0, max(0, first) : first + CELLS] += 1

    def relabel(self, local: LocalVoices, before: Numbers, after: Numbers) -> None:
        """Count a window, added before, for other speakers."""
        if np.array_equal(before, after):
            return
        self._grow(int(after.max(initial=DOUBT)) + 1)
        self._count(local, before, -1)
        self._count(local, after, 1)

    def tell(self, span: Span, only_changed: bool = False) -> tuple[Span, tuple[Turn, ...]] | None:
        """Turns of a stretch as they are now, remembered as told; with `only_changed` from the first change on.

        None when nothing has changed.
        """
        low, high = max(0, span.start // CELL), min(span.end // CELL, self.end)
        on = self._speaking(low, high)
        if only_changed:
            changed = np.flatnonzero((self._told[:, low:high] != on).any(axis=0))
            if not len(changed):
                return None
            on, low = on[:, int(changed[0]) :], low + int(changed[0])
        self._told[:, low:high] = on
        found = []
        for number, row in enumerate(on):
            speaker = UNKNOWN if number == DOUBT else f"spk{number}"
            for start, stop in runs(row, self._options.join_gap, self._options.min_turn):
                found.append(Turn(Span((low + start) * CELL, (low + stop) * CELL), speaker))
        return Span(low * CELL, high * CELL), tuple(sorted(found))

    def _speaking(self, low: int, high: int) -> NDArray[np.bool_]:
        """Who speaks in cells `low` to `high`, shape (speakers, cells), by the mean over the windows so far."""
        seen = self._seen[0, low:high] * FULL
        sums = self._sums[:, low:high]
        foremost = sums >= sums.max(axis=0)
        on: NDArray[np.bool_] = sums >= np.where(foremost, self._options.speaking, self._options.overlap) * seen
        # several voices in doubt add up in one row: under a voice that is known they tell nothing
        on[DOUBT] &= foremost[DOUBT]
        return on & (sums > 0)

    def _grow(self, rows: int) -> None:
        """Room for so many speakers and for the cells up to `end`; doubles, so that copying stays rare."""
        have = self._sums.shape
        if rows <= have[0] and self.end <= have[1]:
            return
        columns = have[1] if self.end <= have[1] else max(2 * have[1], self.end)
        for name, wanted in (("_sums", rows), ("_told", rows), ("_seen", 1)):
            old = getattr(self, name)
            new = np.zeros((max(wanted, len(old)), columns), old.dtype)
            new[: len(old), : have[1]] = old
            setattr(self, name, new)

    def _count(self, local: LocalVoices, numbers: Numbers, sign: int) -> None:
        first = local.start // CELL
        skipped = max(0, -first)
        place = (np.arange(skipped, CELLS) * len(local.activity)) // CELLS
        for voice in np.flatnonzero(numbers >= DOUBT):
            curve = local.activity[place, voice].astype(np.int16)
            self._sums[numbers[voice], first + skipped : first + CELLS] += sign * curve


def runs(on: NDArray[np.bool_], join_gap: float, min_turn: float) -> list[tuple[int, int]]:
    """Stretches of true cells; short gaps filled, short stretches dropped (seconds)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    found: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and (start - found[-1][1]) * CELL <= join_gap * SAMPLE_RATE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, end) for start, end in found if (end - start) * CELL >= min_turn * SAMPLE_RATE]
