"""Local voices looked at in pieces: where the segmentation model takes two people in turn for one voice.

A window's embedding of a local voice is a mean over its clean speech. Where that speech is of two people, the mean
lies between them, draws their clusters together and gives both the same name. Each piece of 1.6 s belongs to
one of them; which one is decided for all pieces of a voice together (Viterbi's algorithm), so that a change of
speaker needs more than one doubtful piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.activity import INACTIVE, WINDOW_PARTS, Numbers
from pipelines.diarization.clustering import OVERLAP, Vectors, unit
from pipelines.types import LocalSpeakers

CHANGE_COST = 0.1
"""Cosine distance that a change of speaker costs"""
ROUNDS = 3
"""Times that pieces go to the nearest voice and voices move to the mean of their pieces"""
MIN_SPLIT_SECONDS = 2.0
"""Seconds of clean speech in which two people may be found"""


@dataclass(frozen=True, slots=True)
class SubsegmentSequences:
    """The pieces of many local voices, in order of time within each."""

    vectors: NDArray[np.float32]
    """Of length one, shape (voices, pieces, dimension); anything where there is none"""
    lengths: NDArray[np.int64]
    """Pieces of each voice, at least one, shape (voices,)"""
    clean: NDArray[np.float64]
    """Seconds of clean speech behind each voice, shape (voices,)"""

    def distances(self, centers: Vectors) -> NDArray[np.float64]:
        """Of each piece to each centre, shape (voices, pieces, centres); 0 where there is none."""
        away = 1.0 - (self.vectors @ centers.T).astype(np.float64)
        away[np.arange(self.vectors.shape[1]) >= self.lengths[:, None]] = 0.0
        return away


def viterbi(distances: NDArray[np.float64], change: float = CHANGE_COST) -> NDArray[np.int64]:
    """Which centre each piece belongs to: the path of least distance, shape (voices, pieces).

    `distances` has the shape (voices, pieces, centres); going over to another centre costs `change`.
    """
    voices, pieces, count = distances.shape
    cost = distances[:, 0].copy()
    came = np.zeros((voices, pieces, count), np.int16)
    for at in range(1, pieces):
        best = cost.argmin(axis=1)[:, None]
        over = np.take_along_axis(cost, best, axis=1) + change
        came[:, at] = np.where(cost <= over, np.arange(count), best)
        cost = np.minimum(cost, over) + distances[:, at]
    found = np.zeros((voices, pieces), np.int64)
    found[:, -1] = cost.argmin(axis=1)
    for at in range(pieces - 1, 0, -1):
        found[:, at - 1] = np.take_along_axis(came[:, at], found[:, at, None], axis=1)[:, 0]
    return found


def refit_centroids(
    centers: Vectors, runs: SubsegmentSequences, forgotten: NDArray[np.float64] | None = None
) -> tuple[Vectors, NDArray[np.float64]]:
    """Centres as the pieces nearest to them have it, and the seconds of distinct speech behind each.

    Of `forgotten` seconds behind a centre, shape (centres,), there are no pieces any more: they stay where it is. So
    does a centre to which no piece belongs.
    """
    kept = np.zeros(len(centers)) if forgotten is None else forgotten
    anchors = centers * kept[:, None].astype(np.float32)
    centers, seconds = centers.copy(), np.zeros(len(centers))
    there = np.arange(runs.vectors.shape[1]) < runs.lengths[:, None]
    weights = np.repeat(runs.clean / OVERLAP / runs.lengths, runs.lengths)
    vectors = runs.vectors[there]
    for _ in range(ROUNDS):
        owner = viterbi(runs.distances(centers))[there]
        shares = np.zeros((len(centers), len(vectors)), np.float32)
        shares[owner, np.arange(len(vectors))] = weights
        seconds = shares.sum(axis=1).astype(np.float64)
        found = seconds > 0
        centers[found] = unit(shares[found] @ vectors + anchors[found])
    return centers, seconds + kept


def split_speakers(local: LocalSpeakers, numbers: Numbers, centers: Mapping[int, NDArray[np.float32]]) -> Numbers:
    """Who each local voice is in each part of the window, shape (WINDOW_PARTS, voices).

    `numbers` says who it is on the whole, shape (voices,). Only voices whose pieces tell of more than one speaker are
    divided; none is given to a speaker who is another voice of the window.
    """
    parts = np.repeat(numbers[None], WINDOW_PARTS, axis=0)
    if local.subsegments is None or local.subsegment_middles is None or len(centers) < 2:
        return parts
    for voice in np.flatnonzero((numbers != INACTIVE) & (local.single_speaker_seconds >= MIN_SPLIT_SECONDS)).tolist():
        count = int((local.subsegment_middles[voice] >= 0).sum())
        others = np.delete(numbers, voice)
        free = [number for number in centers if number not in others]
        if count < 2 or len(free) < 2:
            continue
        away = 1.0 - local.subsegments[voice, :count] @ np.stack([centers[number] for number in free]).T
        nearest = away.argmin(axis=1)
        if (nearest == nearest[0]).all():
            continue
        path = viterbi(away[None].astype(np.float64))[0]
        if (path == path[0]).all():
            continue
        middles = local.subsegment_middles[voice, :count].astype(np.int64)
        bounds = (middles[1:] + middles[:-1]) * WINDOW_PARTS // (2 * len(local.activity))
        owner = np.searchsorted(bounds, np.arange(WINDOW_PARTS), side="right")
        parts[:, voice] = np.array(free)[path[owner]]
    return parts
