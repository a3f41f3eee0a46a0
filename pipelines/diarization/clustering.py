"""Offline clustering of voice embeddings: who is the same voice, judged over everything heard so far.

Two stages of agglomeration on cosine distance: average linkage with a tight threshold makes pure clusters,
then clusters whose centroids are near are merged. Average linkage alone cannot do both: the scatter of single
windows inside one voice is as large as the distance between two similar voices, while centroids of several
seconds are nearly free of that scatter. Clusters that windows hear as different voices beside each other are not
merged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.types import STEP, WINDOW, SpeakerCount

Vectors = NDArray[np.float32]
"""Embeddings of length one, shape (count, dimension)"""
Labels = NDArray[np.int64]
"""Cluster of each embedding, -1 for none, shape (count,)"""
Refit = Callable[[Vectors, Labels], tuple[Vectors, NDArray[np.float64]]]
"""Centroids and the label of each embedding to centroids that were moved, and the seconds of speech behind each"""

BESIDE_SHARE = 0.05
"""Part of the shorter one's speech in which two clusters are voices of one window, for them to be two people

The segmentation model is right nearly always there, but for babble. Chosen on the half `choose` of made rooms
(`benchmarks/clusterings`); with twice as much nearly as good.
"""
BESIDE_SECONDS = 0.5
"""Seconds of that at least"""

OVERLAP = WINDOW // STEP
"""Windows that hold the same instant: 5 s of audio every 0.5 s"""

SECONDS = 0.1
"""Speech that any cluster has"""

MIXTURE_SHARE = 0.3
"""Least share of what one speaker was given of a cluster that the second one was given, for it to be their mixture"""

REACH = 0.3
"""Part of `merge_threshold` by which it may move to reach a given number of speakers

Nearer than that the halves of one person are not told apart, however many are expected who have not spoken yet;
and people who are further apart are not taken for one because somebody has given too small a number.
"""
SHORT = 0.5
"""Part of `min_speech` that is enough for a voice where more are expected: that is evidence, too"""

APART = 8.0
"""More than any cosine distance: of clusters that are not to be joined"""
FAR = 9.0
"""More than that: of what is joined already"""


@dataclass(frozen=True, slots=True)
class Beside:
    """Pairs of embeddings that are different voices of the same windows, each pair once or more."""

    first: NDArray[np.int64]
    """Row of one, shape (pairs,)"""
    second: NDArray[np.int64]
    """Row of the other, shape (pairs,)"""
    seconds: NDArray[np.float64]
    """Clean speech of the one that has less of it there, summed over windows, shape (pairs,)"""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosine distances that belong to one embedding model."""

    window_threshold: float
    """Average linkage up to which windows are surely one voice"""
    merge_threshold: float
    """Distance of centroids up to which two clusters are one voice"""
    match_threshold: float
    """Distance of a single window to a centroid up to which it may be that voice"""
    scatter: float = 0.0
    """Distance between a voice and the mean of one second of it"""
    match_margin: float = 0.02
    """How much nearer than the second voice the first must be"""


PRESETS = {
    "ge2e": Thresholds(window_threshold=0.13, merge_threshold=0.12, match_threshold=0.30, scatter=0.15),
    "wespeaker": Thresholds(window_threshold=0.45, merge_threshold=0.50, match_threshold=0.70),
    "pyannote": Thresholds(window_threshold=0.50, merge_threshold=0.55, match_threshold=0.80),
}
"""Thresholds by family of embedding model"""


def preset(model: str) -> Thresholds:
    """The thresholds for an embedding model's name; WeSpeaker's where the family is unknown."""
    name = model.lower()
    for family in ("ge2e", "wespeaker"):
        if family in name:
            return PRESETS[family]
    return PRESETS["pyannote" if "pyannote/embedding" in name else "wespeaker"]


def unit(vectors: Vectors) -> Vectors:
    """Scaled to length one along the last axis; zero vectors stay zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled


def centroids(vectors: Vectors, weights: NDArray[np.float64], labels: Labels) -> Vectors:
    """Weighted means of the clusters 0 to the highest label, of length one, shape (clusters, dimension)."""
    count = int(labels.max(initial=-1)) + 1
    sums = np.zeros((count, vectors.shape[1]), np.float32)
    inside = labels >= 0
    np.add.at(sums, labels[inside], vectors[inside] * weights[inside, None].astype(np.float32))
    return unit(sums)


def cluster_speakers(
    vectors: Vectors,
    clean: NDArray[np.float64],
    longest: NDArray[np.float64],
    thresholds: Thresholds,
    min_speech: float,
    refit: Refit | None = None,
    expected: SpeakerCount | None = None,
    beside: Beside | None = None,
) -> tuple[Labels, Vectors]:
    """Label each embedding with its voice, numbered in order of first appearance; and the centroids of the voices.

    `clean` is the seconds of clean speech behind each embedding, summed over its windows, `longest` those of its
    best window. Clusters with evidence of less than `min_speech` are dropped (-1), unless that would leave none.
    `refit` gets centroids and the label of each embedding, moves the centroids to where purer speech than that of
    whole windows has them, and says how many seconds of it each has.

    With an `expected` number of people the merge threshold moves within `REACH`, no further than is needed for as many
    voices, and of too few voices the evidence may be `SHORT`. That may lead nearer to the number and not to it.

    Clusters that are heard `beside` each other, as voices of the same windows, are not joined however near they are.
    """
    if not len(vectors):
        return np.zeros(0, np.int64), vectors
    pure = _average_linkage(vectors, thresholds.window_threshold)
    centers, seconds = centroids(vectors, clean, pure), np.bincount(pure, clean) / OVERLAP
    if refit is not None:
        centers, seconds = refit(centers, pure)
    seconds = np.maximum(seconds, SECONDS)
    threshold = thresholds.merge_threshold
    limit = threshold * (1.0 if expected is None else 1.0 + REACH)
    joined = _join(centers, seconds, thresholds.scatter, limit, _together(pure, clean, beside))

    def voices(steps: int) -> list[int]:
        labels = _after(joined[:steps], len(centers))[pure]
        spoken = [evidence(clean[labels == one], longest[labels == one]) for one in range(int(labels.max()) + 1)]
        return _voices(spoken, min_speech, expected)

    steps = _steps([distance for distance, _, _ in joined], threshold, expected, lambda steps: len(voices(steps)))
    merged, kept = _after(joined[:steps], len(centers)), set(voices(steps))
    labels = merged[pure]
    order: dict[int, int] = {}
    for label in labels.tolist():
        if label in kept:
            order.setdefault(label, len(order))
    numbered = np.array([order.get(label, -1) for label in range(int(labels.max()) + 1)], np.int64)
    labels = numbered[labels]
    if refit is None:
        return labels, centroids(vectors, clean, labels)
    return labels, centroids(centers, seconds, numbered[merged])


def evidence(clean: NDArray[np.float64], longest: NDArray[np.float64]) -> float:
    """Seconds of distinct clean speech behind the windows of one voice, which share most of their audio."""
    return float(max(longest.max(initial=0.0), clean.sum() / OVERLAP))


def distance_to_mixture(center: Vectors, first: Vectors, second: Vectors) -> float:
    """Cosine distance of a centroid from the nearest mixture of two others, or from one of them; shapes (dimension,).

    The embedding of a window in which two people speak in turn is a weighted mean of theirs.
    """
    own, other, cross = float(center @ first), float(center @ second), float(first @ second)
    # where the derivative of the cosine along the arc from the first to the second is zero
    shares = own - cross * other, other - cross * own
    nearest = max(own, other)
    if min(shares) > 0:
        mixed = unit(first * np.float32(shares[0]) + second * np.float32(shares[1]))
        nearest = max(nearest, float(center @ mixed))
    return 1.0 - nearest


def keep_largest(labels: Labels, seconds: NDArray[np.float64], most: int) -> Labels:
    """The labels of the `most` clusters with most speech, numbered anew; the others are -1 instead of joining one.

    `seconds` of speech behind each embedding, shape (count,).
    """
    count = int(labels.max(initial=-1)) + 1
    if count <= most:
        return labels
    mass = np.bincount(labels[labels >= 0], seconds[labels >= 0], minlength=count)
    kept = sorted(np.argsort(-mass, kind="stable")[:most].tolist())
    table = np.full(count + 1, -1, np.int64)
    table[kept] = np.arange(len(kept))
    limited: Labels = table[labels]
    return limited


def drop_mixtures(labels: Labels, centers: Vectors, shared: NDArray[np.float64], threshold: float) -> Labels:
    """The labels without clusters that are made of two speakers: of windows in which one follows the other.

    In hours there are enough of those for a cluster of their own. It lies between two speakers, its speech was given
    to both, and it would come and go with every clustering. `shared` is the seconds of each cluster that were given to
    each known speaker so far, shape (clusters, speakers); a cluster within `threshold` of a mixture goes.
    """
    owners = {column: row for row, column in assign(-shared) if shared[row, column] > 0}
    kept = np.ones(len(centers) + 1, np.bool_)
    for label in set(range(len(centers))) - set(owners.values()):
        second, first = np.argsort(shared[label])[-2:].tolist() if shared.shape[1] > 1 else (0, 0)
        divided = 0 < MIXTURE_SHARE * shared[label, first] <= shared[label, second]
        if not divided or not {first, second} <= set(owners):
            continue
        away = distance_to_mixture(centers[label], centers[owners[first]], centers[owners[second]])
        kept[label] = away > threshold
    table = np.where(kept, np.cumsum(kept) - 1, -1)
    table[-1] = -1  # for what is nobody's already
    unmixed: Labels = table[labels]
    return unmixed


def _average_linkage(vectors: Vectors, threshold: float) -> Labels:
    if len(vectors) == 1:
        return np.zeros(1, np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(vectors, "average", metric="cosine")
    labels: Labels = fcluster(np.maximum(tree, 0.0), threshold, "distance").astype(np.int64) - 1
    return labels


def _together(pure: Labels, clean: NDArray[np.float64], beside: Beside | None) -> NDArray[np.float64]:
    """Seconds in which two clusters are voices of one window, shape (clusters, clusters); the diagonal has all of each.

    `clean` as in `cluster_speakers`.
    """
    count = int(pure.max()) + 1
    together = np.zeros((count, count))
    if beside is not None:
        np.add.at(together, (pure[beside.first], pure[beside.second]), beside.seconds / OVERLAP)
    together += together.T
    np.fill_diagonal(together, np.bincount(pure, clean) / OVERLAP)
    return together


def _join(
    centers: Vectors, seconds: NDArray[np.float64], scatter: float, limit: float, together: NDArray[np.float64]
) -> list[tuple[float, int, int]]:
    """Join the two nearest centroids, again and again, while they are nearer than the limit; distances and pairs.

    The mean of few seconds scatters round the voice it belongs to, so the distance to be expected from scatter
    alone, inversely proportional to the seconds behind each centroid, is taken off first. Those that are `together` in
    windows stay apart.
    """
    count = len(centers)
    seconds = seconds.astype(np.float64)
    sums = centers * seconds[:, None].astype(np.float32)
    centers = centers.copy()
    joined: list[tuple[float, int, int]] = []

    def row(at: int) -> NDArray[np.float64]:
        allowance = scatter * (1.0 / seconds[at] + 1.0 / seconds)
        away: NDArray[np.float64] = 1.0 - (centers @ centers[at]).astype(np.float64) - allowance
        shorter = np.minimum(together[at, at], together.diagonal())
        away[(together[at] >= BESIDE_SECONDS) & (together[at] > BESIDE_SHARE * shorter)] = APART
        return away

    distances = np.stack([row(at) for at in range(count)])
    np.fill_diagonal(distances, FAR)
    while len(joined) < count - 1:
        first, second = divmod(int(distances.argmin()), count)
        if distances[first, second] > limit:
            break
        joined.append((float(distances[first, second]), first, second))
        sums[first] += sums[second]
        seconds[first] += seconds[second]
        centers[first] = unit(sums[first])
        together[first] += together[second]
        together[:, first] += together[:, second]
        distances[second, :] = distances[:, second] = FAR
        fresh = row(first)
        fresh[distances[first] >= FAR] = FAR
        distances[first, :] = distances[:, first] = fresh
    return joined


def _after(joined: list[tuple[float, int, int]], count: int) -> Labels:
    """Of `count` clusters, which are one once these pairs are joined, numbered from 0; shape (count,)."""
    labels = np.arange(count)
    for _, first, second in joined:
        labels[labels == second] = first
    _, compact = np.unique(labels, return_inverse=True)
    return np.asarray(compact, np.int64)


def _voices(spoken: list[float], min_speech: float, expected: SpeakerCount | None) -> list[int]:
    """The clusters that are voices, by the seconds of evidence for each: those with enough, or else the best one.

    Where more people are expected, the best of the others count as well, down to a part of what is enough.
    """
    ranked = sorted(range(len(spoken)), key=lambda one: -spoken[one])
    count = sum(seconds >= min_speech for seconds in spoken)
    if expected is not None and count < expected.least:
        count = sum(spoken[one] >= min_speech * SHORT for one in ranked[: expected.least])
    return ranked[: max(1, count)]


def _steps(
    distances: list[float], threshold: float, expected: SpeakerCount | None, voices: Callable[[int], int]
) -> int:
    """How many pairs are joined: those nearer than the threshold, or with a number expected, as many as lead to it.

    `voices` tells how many there are after so many pairs.
    """
    # a pair may be nearer than one that was joined before it
    heights = np.maximum.accumulate([-FAR, *distances])[1:]
    fewest, usual = (int(np.searchsorted(heights, threshold * part, "right")) for part in (1.0 - REACH, 1.0))
    if expected is None:
        return usual
    tried = range(usual, fewest - 1, -1) if voices(usual) < expected.least else range(usual, len(distances) + 1)
    return min(tried, key=lambda steps: expected.away(voices(steps)))


def assign(distances: NDArray[np.float64]) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of least total distance: two voices at once cannot be the same person."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(distances)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
