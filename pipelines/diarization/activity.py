"""Who was active when: windows' activities added up per speaker on a grid of 10 ms, and the turns read off it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.types import SAMPLE_RATE, STEP, UNKNOWN, WINDOW, LocalSpeakers, Span, Turn

CELL = SAMPLE_RATE // 100
"""Samples of one cell (10 ms)"""
CELLS = WINDOW // CELL
HOP = STEP // CELL
"""Cells of one step, by which windows follow each other"""
BITS = -(-HOP // 8)
"""Bytes that hold a bit for each cell of a step"""
WINDOW_PARTS = 20
"""Parts of a window in which a local voice may be different people: a quarter of a second each"""
CHUNK = 120
"""Steps that are worked through at once (a minute)"""
GROWTH_STEPS = 1200
"""Steps for which there is room at once, or which are fixed at once (ten minutes)"""
FULL = 255
"""Activity of a voice that speaks without doubt"""

INACTIVE = -1
"""Number of a local voice that is not active"""
UNIDENTIFIED = 0
"""Number of a voice that could not be told; real speakers count from 1"""

Numbers = NDArray[np.int16]
"""Speaker number of each local voice of a window, shape (voices,), or of its parts, shape (WINDOW_PARTS, voices)"""


@dataclass(frozen=True, slots=True)
class ActivityOptions:
    """From when on somebody is heard; shares between 0 and 1, times in seconds."""

    onset: float = 0.45
    """Mean activity over the windows that saw an instant from which the foremost voice is heard"""
    overlap_onset: float = 0.5
    """The same for a voice that speaks under another one"""
    join_gap: float = 0.2
    """Silence up to which two turns of a speaker are one"""
    min_turn: float = 0.06
    """Turns shorter than this are noise"""


class ActivityGrid:
    """Sums are integers, so that taking a window out again leaves exactly what was there before.

    Windows begin at whole steps. Hours are worked through in parts, so that no array of another kind is ever as
    long as the meeting; of steps in which windows are not counted for others any more there are bits only. A speaker
    who was merged into another leaves no row behind.
    """

    def __init__(self, options: ActivityOptions) -> None:
        self._options = options
        self._first = 0  # the first step of the sums; who speaks in those before it is fixed
        self._sums = np.zeros((1, 0, HOP), np.int16)  # by speaker, step and cell in it
        self._seen = np.zeros(0, np.int16)  # windows that saw each of these steps
        self._frozen = np.zeros((1, 0, BITS), np.uint8)  # who speaks in the steps before them, a bit for each cell
        self._reported = np.zeros((1, 0, BITS), np.uint8)  # who was told to speak, in all steps
        self._changed_from = 0  # first step in which anything may have changed since all was told
        self._rows = {UNIDENTIFIED: 0}  # by the number of a speaker
        self._free_rows: list[int] = []  # rows of speakers who were merged into others
        self.end = 0
        """Cells seen so far"""

    def add(self, local: LocalSpeakers, numbers: Numbers) -> None:
        """Count one window's activities for its speakers."""
        self.end = max(self.end, (local.start + WINDOW) // CELL)
        self._grow()
        self._count(local, numbers, 1)
        first = local.start // STEP - self._first
        self._seen[max(0, first) : first + CELLS // HOP] += 1

    def relabel(self, local: LocalSpeakers, before: Numbers, after: Numbers) -> None:
        """Count a window, added before, for other speakers."""
        if np.array_equal(before, after):
            return
        self._count(local, before, -1)
        self._count(local, after, 1)

    def freeze(self, before: int) -> None:
        """Keep of what lies before a sample who speaks; no window that reaches there may be counted any more."""
        count = (before // STEP - self._first) // GROWTH_STEPS * GROWTH_STEPS
        if count <= 0:
            return
        last = self._first + count
        parts = [self._speaking(at, min(at + CHUNK, last)) for at in range(self._first, last, CHUNK)]
        bits = [np.packbits(part, axis=2) for part in parts]
        self._frozen = np.concatenate([self._frozen, *bits], axis=1)
        self._sums, self._seen = self._sums[:, count:].copy(), self._seen[count:].copy()
        self._first = last

    def merge(self, number: int, into: int) -> None:
        """Count for another speaker what is still counted for one, in windows that nobody remembers."""
        if number not in self._rows:
            return
        to, row = self._row(into), self._rows.pop(number)
        fixed = np.flatnonzero(self._frozen[row].any(axis=1))
        summed = self._first + np.flatnonzero(self._sums[row].any(axis=1))
        self._frozen[to] |= self._frozen[row]
        self._sums[to] += self._sums[row]
        self._frozen[row] = self._sums[row] = 0
        self._changed_from = min([self._changed_from, *fixed[:1].tolist(), *summed[:1].tolist()])
        self._free_rows.append(row)

    def turns(self, span: Span, only_changed: bool = False) -> tuple[Span, tuple[Turn, ...]] | None:
        """Turns of whole steps as they are now, remembered as told; with `only_changed` from the first change on.

        None when nothing has changed.
        """
        first, last = max(0, span.start // STEP), min(-(-span.end // STEP), self.end // HOP)
        if only_changed:
            first = max(first, self._changed_from)
        low = -1 if only_changed else first * HOP
        found: list[list[tuple[int, int]]] = [[] for _ in self._sums]
        for part in range(first, last, CHUNK):
            until = min(part + CHUNK, last)
            speaking = self._speaking(part, until)
            packed = np.packbits(speaking, axis=2)
            if low < 0:
                changed = np.unpackbits(packed ^ self._reported[:, part:until], axis=2, count=HOP).any(axis=0).ravel()
                low = part * HOP + int(changed.argmax()) if changed.any() else low
            self._reported[:, part:until] = packed
            if low >= 0:
                begin = max(low, part * HOP)
                for row, on in zip(found, speaking.reshape(len(speaking), -1), strict=True):
                    row += [(begin + since, begin + to) for since, to in active_runs(on[begin - part * HOP :])]
        if first <= self._changed_from and last * HOP == self.end:
            self._changed_from = last
        if low < 0:
            return None
        return Span(low * CELL, last * HOP * CELL), self._turns(found)

    def _turns(self, found: list[list[tuple[int, int]]]) -> tuple[Turn, ...]:
        """The turns of all speakers, from the stretches in which each is heard, by row."""
        turns = []
        for number, row in self._rows.items():
            speaker = UNKNOWN if number == UNIDENTIFIED else f"spk{number}"
            for start, stop in fill_gaps(found[row], self._options.join_gap, self._options.min_turn):
                turns.append(Turn(Span(start * CELL, stop * CELL), speaker))
        return tuple(sorted(turns))

    def _speaking(self, first: int, last: int) -> NDArray[np.bool_]:
        """Who speaks in so many steps, shape (speakers, steps, cells)."""
        fixed = np.unpackbits(self._frozen[:, first:last], axis=2, count=HOP).astype(np.bool_)
        summed = self._foremost(max(0, first - self._first), max(0, last - self._first))
        return np.concatenate([fixed, summed], axis=1)

    def _foremost(self, first: int, last: int) -> NDArray[np.bool_]:
        """Who speaks in so many of the summed steps, by the mean over the windows so far."""
        seen = self._seen[first:last, None] * FULL
        sums = self._sums[:, first:last]
        foremost = sums >= sums.max(axis=0)
        on: NDArray[np.bool_] = sums >= np.where(foremost, self._options.onset, self._options.overlap_onset) * seen
        # several voices in doubt add up in one row: under a voice that is known they tell nothing
        on[UNIDENTIFIED] &= foremost[UNIDENTIFIED]
        return on & (sums > 0)

    def _row(self, number: int) -> int:
        """The row of a speaker: a new one, or one that was left by a speaker of whom nothing is told any more."""
        if number not in self._rows:
            free = [row for row in self._free_rows if not self._reported[row].any()]
            self._rows[number] = free[0] if free else len(self._sums)
            self._free_rows = [row for row in self._free_rows if row != self._rows[number]]
            self._grow()
        return self._rows[number]

    def _grow(self) -> None:
        """Room for all speakers and for the steps up to `end`."""
        steps, wanted = self._reported.shape[1], -(-self.end // HOP)
        rows = max(len(self._sums), 1 + max(self._rows.values()))
        if rows == len(self._sums) and wanted <= steps:
            return
        steps = steps if wanted <= steps else wanted + GROWTH_STEPS
        self._frozen = _grown(self._frozen, (rows, self._first, BITS))
        self._reported = _grown(self._reported, (rows, steps, BITS))
        self._sums = _grown(self._sums, (rows, steps - self._first, HOP))
        self._seen = _grown(self._seen, (steps - self._first,))

    def _count(self, local: LocalSpeakers, numbers: Numbers, sign: int) -> None:
        first = local.start // STEP
        skipped = max(0, -first)
        self._changed_from = min(self._changed_from, first + skipped)
        cells = np.arange(skipped * HOP, CELLS)
        place, part = (cells * len(local.activity)) // CELLS, (cells * WINDOW_PARTS) // CELLS
        parts = np.broadcast_to(numbers, (WINDOW_PARTS, numbers.shape[-1]))
        begin, end = first + skipped - self._first, first + CELLS // HOP - self._first
        for voice in np.flatnonzero((parts >= UNIDENTIFIED).any(axis=0)):
            curve = local.activity[place, voice].astype(np.int16)
            owners = parts[part, voice]
            for owner in np.unique(parts[parts[:, voice] >= UNIDENTIFIED, voice]).tolist():
                theirs = np.where(owners == owner, sign * curve, 0).astype(np.int16)
                row = self._row(owner)
                self._sums[row, begin:end] += theirs.reshape(-1, HOP)


def _grown(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array as the beginning of a larger one of zeros."""
    grown = np.zeros(shape, array.dtype)
    grown[tuple(slice(0, length) for length in array.shape)] = array
    return grown


def active_runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First cell and cell behind the last of each stretch of true cells."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def fill_gaps(found: list[tuple[int, int]], join_gap: float, min_turn: float) -> list[tuple[int, int]]:
    """Stretches in order with short gaps filled and those that are still short dropped (seconds)."""
    longer: list[tuple[int, int]] = []
    for start, end in found:
        if longer and (start - longer[-1][1]) * CELL <= join_gap * SAMPLE_RATE:
            longer[-1] = (longer[-1][0], end)
        else:
            longer.append((start, end))
    return [(start, end) for start, end in longer if (end - start) * CELL >= min_turn * SAMPLE_RATE]
