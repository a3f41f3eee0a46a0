"""Every window that a meeting has heard, kept small: a meeting lasts for hours, and none of it may be forgotten.

Only local voices that are active are kept, side by side in large blocks, embeddings with the digits that
distances depend on, their pieces with fewer. Thousands of small arrays would keep the heap full of holes besides.
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
"""Steps of a value of an embedding or of a piece, each way"""
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

    All windows have the same shape. Activity and clean seconds come back as they were, embeddings and pieces in 127
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
        self._place = Rows(np.int32)  # of each active voice's pieces among all pieces, -1 where it has none
        self._pieces = Rows(np.int8)
        self._middles = Rows(np.int16)
        self._spoken = Rows(np.float64)  # clean seconds behind the pieces of a voice
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
            self._keep_pieces(local, int(voice))
        self._windows.append(np.array([local.index, local.start, first, len(self._voices)]))
        self._clean.append(local.clean)
        self._shape = local.activity.shape[0], local.activity.shape[1]

    def _keep_pieces(self, local: LocalVoices, voice: int) -> None:
        if local.pieces is None or local.middles is None or local.middles[voice, 0] < 0:
            self._place.append(np.array([-1]))
            return
        self._place.append(np.array([len(self._pieces)]))
        pieces = local.pieces[voice]
        self._pieces.append(np.rint(pieces * (STEPS / max(float(np.abs(pieces).max()), TINY))))
        self._middles.append(local.middles[voice])
        self._spoken.append(local.clean[voice, None])

    def __iter__(self) -> Iterator[LocalVoices]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, at: int) -> LocalVoices:
        """A window, made anew."""
        index, start, first, end = self._windows[at].tolist()
        width = len(self._sounds[0]) if len(self._sounds) else 1
        activity = np.zeros(self._shape, np.uint8)
        embeddings = np.full((self._shape[1], width), np.nan, np.float32)
        pieces = middles = None
        if len(self._pieces):
            pieces = np.zeros((self._shape[1], *self._pieces[0].shape), np.float32)
            middles = np.full((self._shape[1], len(self._middles[0])), -1, np.int16)
        for place in range(first, end):
            voice, sound = self._voices[place].tolist()
            activity[:, voice] = self._activity[place]
            if sound >= 0:
                embeddings[voice] = self._sounds[sound] * self._scales[sound]
            cut = int(self._place[place][0])
            if pieces is not None and middles is not None and cut >= 0:
                pieces[voice], middles[voice] = _unit(self._pieces[cut]), self._middles[cut]
        return LocalVoices(index, start, activity, embeddings, self._clean[at], pieces, middles)

    def pieces(self, least: float, most: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
        """Voices in pieces, from all over the meeting, of at least so many clean seconds and at most so many voices.

        Their pieces (voices, pieces, dimension), how many each has, and the clean seconds behind each; where voices are
        left out, the others stand for them with their seconds.
        """
        clean = np.array([self._spoken[at][0] for at in range(len(self._spoken))])
        enough = np.flatnonzero(clean >= least)
        chosen = enough[:: max(1, -(-len(enough) // most))]
        if not len(chosen):
            return np.zeros((0, 1, 1), np.float32), np.zeros(0, np.int64), np.zeros(0)
        lengths = np.array([(self._middles[at] >= 0).sum() for at in chosen.tolist()])
        vectors = np.stack([self._pieces[at] for at in chosen.tolist()])
        return _unit(vectors), lengths, clean[chosen] * (clean[enough].sum() / clean[chosen].sum())

    def clean(self, at: int) -> NDArray[np.float64]:
        """Seconds in which each local voice of a window spoke alone, shape (voices,)."""
        return self._clean[at]


def _unit(kept: NDArray[np.int8]) -> NDArray[np.float32]:
    """Vectors of length one again, along the last axis."""
    vectors = kept.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled
