"""Every window that a meeting has heard, kept small: a meeting lasts for hours, and none of it may be forgotten.

Only local voices that are active are kept, side by side in large blocks, embeddings with the digits that
distances depend on. Thousands of small arrays would keep the heap full of holes besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .types import LocalVoices

BLOCK = 1024
"""Rows that are allocated at once"""
STEPS = 127
"""Steps of a value of an embedding, each way"""
TINY = 1e-12
"""Stands for the largest value of a vector of zeros"""


class Rows:
    """Rows of equal shape, appended one by one; those that are there never move."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._blocks: list[NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> NDArray[Any]:
        """A view of one row; negative numbers count from the end."""
        at = self._place(at)
        row: NDArray[Any] = self._blocks[at // BLOCK][at % BLOCK]
        return row

    def __setitem__(self, at: int, row: NDArray[Any]) -> None:
        at = self._place(at)
        self._blocks[at // BLOCK][at % BLOCK] = row

    def append(self, row: NDArray[Any]) -> None:
        """One more row; ValueError when it has another shape than the first."""
        block, inside = divmod(self._count, BLOCK)
        if block == len(self._blocks):
            self._blocks.append(np.empty((BLOCK, *row.shape), self._dtype))
        if row.shape != self._blocks[0].shape[1:]:
            raise ValueError(f"a row has the shape {self._blocks[0].shape[1:]}, not {row.shape}")
        self._blocks[block][inside] = row
        self._count += 1

    def _place(self, at: int) -> int:
        place = at + self._count if at < 0 else at
        if not 0 <= place < self._count:
            raise IndexError(f"there is no row {at} of {self._count}")
        return place


class HeardWindows:
    """Windows in, in order; `LocalVoices` out again in which voices that were not active are silent.

    All windows have the same shape. Activity and clean seconds come back as they were, embeddings in 127
    steps up to their largest value: a cosine distance moves by about 0.001.
    """

    def __init__(self, active_level: int) -> None:
        """`active_level` is the activity, 0 to 255, from which a voice is kept."""
        self._level = active_level
        self._windows = Rows(np.int64)  # index, first sample, first of its voices, behind the last of them
        self._clean = Rows(np.float64)
        self._voices = Rows(np.int32)  # of each active voice: number within its window, place of its sound or -1
        self._activity = Rows(np.uint8)
        self._sounds = Rows(np.int8)
        self._scales = Rows(np.float32)
        self._shape = (0, 0)

    def __len__(self) -> int:
        return len(self._windows)

    def append(self, local: LocalVoices) -> None:
        """One window more."""
        first = len(self._voices)
        for voice in np.flatnonzero(local.activity.max(axis=0, initial=0) >= self._level):
            vector = local.embeddings[voice]
            self._voices.append(np.array([voice, -1 if np.isnan(vector[0]) else len(self._sounds)]))
            self._activity.append(local.activity[:, voice])
            if not np.isnan(vector[0]):
                largest = max(float(np.abs(vector).max()), TINY)
                self._sounds.append(np.round(vector * (STEPS / largest)))
                self._scales.append(np.array([largest / STEPS]))
        self._windows.append(np.array([local.index, local.start, first, len(self._voices)]))
        self._clean.append(local.clean)
        self._shape = local.activity.shape[0], local.activity.shape[1]

    def __iter__(self) -> Iterator[LocalVoices]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, at: int) -> LocalVoices:
        """A window, made anew."""
        index, start, first, end = self._windows[at].tolist()
        width = len(self._sounds[0]) if len(self._sounds) else 1
        activity = np.zeros(self._shape, np.uint8)
        embeddings = np.full((self._shape[1], width), np.nan, np.float32)
        for place in range(first, end):
            voice, sound = self._voices[place].tolist()
            activity[:, voice] = self._activity[place]
            if sound >= 0:
                embeddings[voice] = self._sounds[sound] * self._scales[sound]
        return LocalVoices(index, start, activity, embeddings, self._clean[at])

    def clean(self, at: int) -> NDArray[np.float64]:
        """Seconds in which each local voice of a window spoke alone, shape (voices,)."""
        return self._clean[at]
