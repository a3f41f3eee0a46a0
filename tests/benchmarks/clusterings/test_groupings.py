"""Other ways to group embeddings: each finds plain groups, and does what it is known for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.clusterings.groupings import compact, evidence_for_one, join_by_likelihood, nme_spectral, variational
from pipelines.diarization.clustering import Vectors, unit

WIDTH = 32


def groups(*sizes: int, spread: float = 0.03) -> Vectors:
    """So many embeddings round each of some directions."""
    random, made = np.random.default_rng(0), np.eye(WIDTH, dtype=np.float32)
    rows = [made[at] + random.normal(0, spread, (size, WIDTH)) for at, size in enumerate(sizes)]
    return unit(np.concatenate(rows).astype(np.float32))


def test_labels_are_numbered_without_holes() -> None:
    assert compact(np.array([7, 3, 7, 9])).tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("sizes", [(12, 12), (10, 14, 12), (9, 9, 9, 9)])
def test_the_eigengap_finds_as_many_groups_as_there_are(sizes: tuple[int, ...]) -> None:
    labels = nme_spectral(groups(*sizes))
    assert len(set(labels.tolist())) == len(sizes)
    bounds = np.cumsum((0, *sizes))
    assert all(len(set(labels[start:end].tolist())) == 1 for start, end in pairwise(bounds.tolist()))


def test_evidence_for_one_voice_grows_with_speech_that_agrees_and_falls_with_speech_that_does_not() -> None:
    one = np.array([[1.0, 0.0]])
    alone = evidence_for_one(np.array([1.0]), one, 0.4, 0.35)
    agreeing = evidence_for_one(np.array([2.0]), 2 * one, 0.4, 0.35) - 2 * alone
    opposed = evidence_for_one(np.array([2.0]), 0 * one, 0.4, 0.35) - 2 * alone
    assert agreeing > 0 > opposed


def test_clusters_of_one_voice_are_joined_and_others_not() -> None:
    centers = groups(2, 2, 2, spread=0.01)
    labels = join_by_likelihood(centers, np.full(6, 5.0), 0.4, 0.35, 1e6)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_evidence_that_says_no_more_after_a_while_joins_more() -> None:
    near = unit(np.array([[1, 0, 0], [0.95, 0.4, 0], [0, 0, 1]], np.float32))
    minutes = np.full(3, 120.0)
    assert join_by_likelihood(near, minutes, 0.4, 0.35, 1e6).tolist() == [0, 1, 2]
    assert join_by_likelihood(near, minutes, 0.4, 0.35, 1.0).tolist() == [0, 0, 1]


def test_of_too_many_voices_variational_bayes_leaves_those_that_there_are() -> None:
    vectors = groups(12, 12, 12, spread=0.02)
    begin = np.repeat(np.arange(9), 4)
    labels = variational(vectors, np.full(36, 3.0), begin, 0.8, 0.35)
    assert [len(set(labels[at : at + 12].tolist())) for at in (0, 12, 24)] == [1, 1, 1]
    assert len(set(labels.tolist())) == 3
