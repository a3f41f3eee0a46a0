"""The windows that a meeting has heard, kept small: a meeting lasts for hours.

Only local voices that are active are kept, side by side in large blocks, embeddings with the digits that
distances depend on, their pieces with fewer. Thousands of small arrays would keep the heap full of holes besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipelines.diarization.clustering import unit
from pipelines.types import LocalSpeakers

BLOCK = 1024
"""Rows that are allocated at once"""
STEPS = 127
"""Steps of a value of an embedding or of a piece, each way"""
TINY = 1e-12
"""Stands for the largest value of a vector of zeros"""


class Rows:
    """Rows of equal shape, appended one by one; those that are there never move. The oldest can be forgotten."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._blocks: list[NDArray[Any]] = []
        self._shape: tuple[int, ...] = ()
        self._gone = 0  # blocks that were forgotten
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> NDArray[Any]:
        """A view of one row; negative numbers count from the end."""
        block, inside = self._place(at)
        row: NDArray[Any] = self._blocks[block][inside]
        return row

    def __setitem__(self, at: int, row: NDArray[Any]) -> None:
        block, inside = self._place(at)
        self._blocks[block][inside] = row

    def append(self, row: NDArray[Any]) -> None:
        """One more row; ValueError when it has another shape than the first."""
        block, inside = divmod(self._count, BLOCK)
        if not self._count:
            self._shape = row.shape
        if row.shape != self._shape:
            raise ValueError(f"a row has the shape {self._shape}, not {row.shape}")
        if block - self._gone == len(self._blocks):
            self._blocks.append(np.empty((BLOCK, *row.shape), self._dtype))
        self._blocks[block - self._gone][inside] = row
        self._count += 1

    def forget(self, before: int) -> None:
        """Let go of the blocks that hold only rows before this one; those are no longer there."""
        gone = min(before, self._count) // BLOCK
        del self._blocks[: max(0, gone - self._gone)]
        self._gone = max(self._gone, gone)

    def _place(self, at: int) -> tuple[int, int]:
        place = at + self._count if at < 0 else at
        if not self._gone * BLOCK <= place < self._count:
            raise IndexError(f"there is no row {at} of {self._count}")
        return place // BLOCK - self._gone, place % BLOCK


class WindowStore:
    """Windows in, in order; `LocalSpeakers` out again in which voices that were not active are silent.

    All windows have the same shape. Activity and clean seconds come back as they were, embeddings and pieces in 127
    steps up to their largest value: a cosine distance moves by about 0.001.
    """

    def __init__(self, active_level: int) -> None:
        """`active_level` is the activity, 0 to 255, from which a voice is kept."""
        self._level = active_level
        self.first = 0
        """Windows before this one were forgotten"""
        self._windows = Rows(np.int64)  # index, first sample, first of its voices, behind the last of them
        self._clean = Rows(np.float64)
        # of each active voice: number within its window, its embedding or -1, first and number of its pieces
        self._voices = Rows(np.int32)
        self._activity = Rows(np.uint8)
        self._sounds = Rows(np.int8)
        self._scales = Rows(np.float32)
        self._subsegments = Rows(np.int8)
        self._subsegment_middles = Rows(np.int16)
        self._shape = (0, 0)
        self._width = 1
        self._most = 0  # pieces that a voice may have

    def __len__(self) -> int:
        return len(self._windows)

    def append(self, local: LocalSpeakers) -> None:
        """One window more."""
        first = len(self._voices)
        for voice in np.flatnonzero(local.activity.max(axis=0, initial=0) >= self._level).tolist():
            vector, known = local.embeddings[voice], not np.isnan(local.embeddings[voice, 0])
            pieces = self._keep_subsegments(local, voice) if known else 0
            sound = len(self._sounds) if known else -1
            self._voices.append(np.array([voice, sound, len(self._subsegments) - pieces, pieces]))
            self._activity.append(local.activity[:, voice])
            if known:
                scale = _scale(vector)
                self._sounds.append(np.rint(vector / scale))
                self._scales.append(np.array([scale]))
                self._width = len(vector)
        self._windows.append(np.array([local.index, local.start, first, len(self._voices)]))
        self._clean.append(local.single_speaker_seconds)
        self._shape = local.activity.shape[0], local.activity.shape[1]

    def _keep_subsegments(self, local: LocalSpeakers, voice: int) -> int:
        if local.subsegments is None or local.subsegment_middles is None:
            return 0
        count = int((local.subsegment_middles[voice] >= 0).sum())
        for piece, middle in zip(
            local.subsegments[voice, :count], local.subsegment_middles[voice, :count], strict=True
        ):
            self._subsegments.append(np.rint(piece / _scale(piece)))
            self._subsegment_middles.append(np.array([middle]))
        self._most = local.subsegment_middles.shape[1]
        return count

    def __iter__(self) -> Iterator[LocalSpeakers]:
        return (self[at] for at in range(self.first, len(self)))

    def __getitem__(self, at: int) -> LocalSpeakers:
        """A window, made anew; IndexError for one that was forgotten."""
        index, start, first, end = self._windows[self._remembered(at)].tolist()
        activity = np.zeros(self._shape, np.uint8)
        embeddings = np.full((self._shape[1], self._width), np.nan, np.float32)
        pieces = middles = None
        if self._most:
            pieces = np.zeros((self._shape[1], self._most, self._width), np.float32)
            middles = np.full((self._shape[1], self._most), -1, np.int16)
        for place in range(first, end):
            voice, sound, begin, count = self._voices[place].tolist()
            activity[:, voice] = self._activity[place]
            if sound >= 0:
                embeddings[voice] = self._sounds[sound] * self._scales[sound]
            if pieces is not None and middles is not None and count:
                kept = np.stack([self._subsegments[begin + at] for at in range(count)])
                pieces[voice, :count] = unit(kept.astype(np.float32))
                middles[voice, :count] = [int(self._subsegment_middles[begin + at][0]) for at in range(count)]
        return LocalSpeakers(index, start, activity, embeddings, self._clean[at], pieces, middles)

    def subsegments(
        self, least: float, most: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
        """Voices in pieces, from all that is remembered, of at least so many clean seconds and at most so many voices.

        Their pieces (voices, pieces, dimension), how many each has, and the clean seconds behind each; where voices are
        left out, the others stand for them with their seconds.
        """
        found: list[tuple[int, int, float]] = []  # first piece, number of pieces, clean seconds
        for at in range(self.first, len(self)):
            _, _, first, end = self._windows[at].tolist()
            for place in range(first, end):
                voice, _, begin, count = self._voices[place].tolist()
                spoken = float(self._clean[at][voice])
                if count and spoken >= least:
                    found.append((begin, count, spoken))
        chosen = found[:: max(1, -(-len(found) // most))]
        if not chosen:
            return np.zeros((0, 1, 1), np.float32), np.zeros(0, np.int64), np.zeros(0)
        vectors = np.zeros((len(chosen), self._most, self._width), np.int8)
        for row, (begin, count, _) in enumerate(chosen):
            for number in range(count):
                vectors[row, number] = self._subsegments[begin + number]
        clean = np.array([spoken for _, _, spoken in chosen])
        lengths = np.array([count for _, count, _ in chosen])
        return unit(vectors.astype(np.float32)), lengths, clean * (sum(spoken for _, _, spoken in found) / clean.sum())

    def single_speaker_seconds(self, at: int) -> NDArray[np.float64]:
        """Seconds in which each local voice of a window spoke alone, shape (voices,); IndexError as above."""
        return self._clean[self._remembered(at)]

    def _remembered(self, at: int) -> int:
        if at + (len(self) if at < 0 else 0) < self.first:
            raise IndexError(f"window {at} was forgotten")
        return at

    def forget(self, before: int) -> None:
        """Let go of the windows before this one."""
        if before <= self.first:
            return
        self.first = before
        _, _, voice, _ = self._windows[before].tolist()
        for rows in (self._windows, self._clean):
            rows.forget(before)
        for rows in (self._voices, self._activity):
            rows.forget(voice)
        known = (self._voices[place].tolist() for place in range(voice, len(self._voices)))
        _, sound, piece, _ = next((kept for kept in known if kept[1] >= 0), (0, 0, 0, 0))
        for rows, first in (
            (self._sounds, sound),
            (self._scales, sound),
            (self._subsegments, piece),
            (self._subsegment_middles, piece),
        ):
            rows.forget(first)


def _scale(vector: NDArray[np.float32]) -> float:
    """What one step of a kept vector stands for."""
    return max(float(np.abs(vector).max()), TINY) / STEPS
