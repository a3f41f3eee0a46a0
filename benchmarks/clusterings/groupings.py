"""Published ways to group embeddings of voices, without the program around them: vectors in, labels out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.clustering import Labels, Vectors, unit

MOST = 10
"""Speakers that the eigengap is looked for among"""
TRIES = 20
"""Numbers of neighbours that are tried at most"""
ROUNDS = 40
"""Rounds of variational Bayes at most"""
DIMENSIONS = 20
"""Dimensions in which voices differ, of the 256: how sharply likelihoods tell against the weights of voices"""

Matrix = NDArray[np.float64]


def compact(labels: Labels) -> Labels:
    """The labels numbered from 0 without holes."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64)


def nme_spectral(vectors: Vectors) -> Labels:
    """Spectral clustering with the eigengap, the number of neighbours chosen by the gap itself (Park et al. 2019).

    `vectors` of length one, shape (count, dimension).
    """
    from scipy.cluster.vq import kmeans2

    count = len(vectors)
    order = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")
    best, chosen = np.inf, np.zeros((count, 1))
    for neighbours in np.unique(np.linspace(2, max(2, count // 4), TRIES).astype(int)).tolist():
        graph = np.zeros((count, count))
        np.put_along_axis(graph, order[:, :neighbours], 1.0, axis=1)
        graph = (graph + graph.T) / 2
        values, eigenvectors = np.linalg.eigh(np.diag(graph.sum(axis=1)) - graph)
        gaps = np.diff(values[: MOST + 1])
        ratio = neighbours / count / (gaps.max() / (values.max() + 1e-10) + 1e-10)
        if ratio < best:
            best, chosen = ratio, eigenvectors[:, : int(gaps.argmax()) + 1]
    if chosen.shape[1] == 1:
        return np.zeros(count, np.int64)
    return compact(kmeans2(chosen, chosen.shape[1], iter=50, minit="++", seed=0)[1])


def evidence_for_one(seconds: Matrix, sums: Matrix, within: float, between: float) -> Matrix:
    """How much likelier clusters are as one voice each than without any, in nats; up to a common factor.

    A spherical PLDA: means of voices scatter by `between` round 0, one second of a voice by `within` round its mean
    (squared distances). `seconds` (clusters,), `sums` of embeddings times seconds (clusters, dimension).
    """
    ratio = between / within
    gain: Matrix = (sums**2).sum(axis=-1) * ratio / (1 + seconds * ratio) / within - np.log1p(seconds * ratio)
    return gain


def join_by_likelihood(centers: Vectors, seconds: Matrix, within: float, between: float, most: float) -> Labels:
    """Join clusters while that is likelier than not to join, by a spherical PLDA round the mean of the session.

    `most` is the seconds of which a voice says no more, however long it speaks; shape (clusters,).
    """
    labels = np.arange(len(centers))
    middle = unit((centers * seconds[:, None].astype(np.float32)).sum(axis=0)).astype(np.float64)
    sums, seconds = (centers - middle) * seconds[:, None], seconds.astype(np.float64)
    left = list(range(len(centers)))
    while len(left) > 1:
        counted = seconds[left] / (1 + seconds[left] / most)
        weighted = sums[left] / seconds[left][:, None] * counted[:, None]
        alone = evidence_for_one(counted, weighted, within, between)
        together = evidence_for_one(counted[:, None] + counted, weighted[:, None] + weighted, within, between)
        gain = together - alone[:, None] - alone
        np.fill_diagonal(gain, -np.inf)
        first, second = (left[at] for at in divmod(int(gain.argmax()), len(left)))
        if gain.max() <= 0:
            break
        sums[first] += sums[second]
        seconds[first] += seconds[second]
        labels[labels == second] = first
        left.remove(second)
    return compact(labels)


def variational(vectors: Vectors, seconds: Matrix, begin: Labels, within: float, between: float) -> Labels:
    """Variational Bayes over a mixture of voices that begins with too many (VBx without its HMM and PLDA).

    Voices of which nothing is left disappear. The two variances as in `evidence_for_one`.
    """
    middle = unit((vectors * seconds[:, None].astype(np.float32)).sum(axis=0))
    points = (vectors - middle).astype(np.float64)
    shares = np.eye(int(begin.max()) + 1)[begin]
    weights = seconds @ shares / seconds.sum()
    for _ in range(ROUNDS):
        precision = 1 / between + (seconds @ shares) / within
        means = (shares * seconds[:, None]).T @ points / within / precision[:, None]
        away = (points**2).sum(axis=1)[:, None] - 2 * points @ means.T + (means**2).sum(axis=1) + 1 / precision
        logs = -DIMENSIONS * seconds[:, None] * away / (2 * within) + np.log(weights + 1e-30)
        fresh = np.exp(logs - logs.max(axis=1, keepdims=True))
        fresh /= fresh.sum(axis=1, keepdims=True)
        weights = seconds @ fresh / seconds.sum()
        settled = bool(np.abs(fresh - shares).max() < 1e-3)
        shares = fresh
        if settled:
            break
    return compact(shares.argmax(axis=1))
