"""Samples of voices: what is pooled, what stays of windows that were forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.diarization import samples
from pipelines.diarization.samples import SampleStore
from pipelines.types import STEP, LocalSpeakers

ANN, BEN = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


def window(index: int, *embeddings: np.ndarray, alone: float = 2.0) -> LocalSpeakers:
    """A window that hears each embedding as a local speaker."""
    activity = np.full((10, len(embeddings)), 255, np.uint8)
    return LocalSpeakers(index, index * STEP, activity, np.stack(embeddings), np.full(len(embeddings), alone))


def filled(store: SampleStore, count: int, hop: int = 1) -> SampleStore:
    """The store with windows in which one local speaker goes on."""
    for at, index in enumerate(range(0, count, hop)):
        store.add(at, window(index, ANN), [0], {0: 0} if at else {})
    return store


@pytest.mark.parametrize("hop", [1, 2])
def test_what_is_clustered_as_one_is_bounded_in_time_whatever_the_hop(hop: int) -> None:
    seconds, longest, forgotten = filled(SampleStore(pool=10, active_level=128), 40, hop).seconds()
    assert seconds.tolist() == [2.0 * 10 / hop] * 4
    assert longest.tolist() == [2.0] * 4
    assert not forgotten.any()


def test_a_local_speaker_that_continues_none_begins_a_sample() -> None:
    store = SampleStore(pool=10, active_level=128)
    store.add(0, window(0, ANN, BEN), [0, 1], {})
    store.add(1, window(1, BEN, ANN), [0, 1], {0: 1})
    assert len(store) == 3
    assert store.embeddings().tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_what_is_not_usable_ends_its_sample() -> None:
    store = SampleStore(pool=10, active_level=128)
    store.add(0, window(0, ANN), [0], {})
    store.add(1, window(1, ANN), [], {0: 0})
    store.add(2, window(2, ANN), [0], {0: 0})
    assert len(store) == 2


def test_embeddings_count_by_the_seconds_in_which_the_speaker_was_alone() -> None:
    store = SampleStore(pool=10, active_level=128)
    store.add(0, window(0, ANN, alone=3.0), [0], {})
    store.add(1, window(1, BEN, alone=1.0), [0], {0: 0})
    assert store.embeddings()[0] == pytest.approx(np.array([3.0, 1.0]) / 10**0.5)


def test_samples_that_are_voices_of_one_window_are_beside_each_other_for_the_shorter_ones_seconds() -> None:
    store = SampleStore(pool=10, active_level=128)
    store.add(0, window(0, ANN, BEN), [0, 1], {})
    store.add(1, window(1, BEN, ANN), [0, 1], {0: 1, 1: 0})
    store.add(2, window(2, ANN), [0], {0: 1})
    alone = {(0, 0): 2.0, (0, 1): 1.5, (1, 0): 1.0, (1, 1): 3.0, (2, 0): 4.0}
    beside = store.beside(lambda at, voice: alone[at, voice])
    assert {*zip(beside.first.tolist(), beside.second.tolist(), strict=True)} == {(1, 0)}
    assert sorted(beside.seconds.tolist()) == [1.0, 1.5]


def test_of_forgotten_windows_nobody_is_beside_anybody() -> None:
    store = SampleStore(pool=10, active_level=128)
    store.add(0, window(0, ANN, BEN), [0, 1], {})
    store.forget(1, lambda at, voice: 1, lambda at, voice: 2.0)
    assert not len(store.beside(lambda at, voice: 2.0).seconds)


def test_of_forgotten_windows_it_stays_known_who_spoke_for_how_long() -> None:
    store = filled(SampleStore(pool=4, active_level=128), 8)
    store.forget(6, lambda at, voice: 1 if at < 3 else 2, lambda at, voice: 1.0)
    assert store.seconds()[2].tolist() == [4.0, 2.0]
    labels = np.array([0, 1])
    shared = store.shared(labels, [1, 2], lambda at, voice: 2, lambda at, voice: 1.0)
    assert shared.tolist() == [[3.0, 1.0], [0.0, 4.0]]
    store.merge(2, 1)
    shared = store.shared(labels, [1, 2], lambda at, voice: 2, lambda at, voice: 1.0)
    assert shared.tolist() == [[4.0, 0.0], [2.0, 2.0]]


def test_what_no_cluster_has_is_shared_with_nobody() -> None:
    store = filled(SampleStore(pool=4, active_level=128), 8)
    shared = store.shared(np.array([-1, 0]), [1], lambda at, voice: 1, lambda at, voice: 1.0)
    assert shared.tolist() == [[4.0]]


def test_too_many_samples_are_joined_in_pairs_of_one_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MAX_SAMPLES", 4)
    store = filled(SampleStore(pool=2, active_level=128), 10)
    assert len(store) == 5
    before = store.seconds()[0].sum()
    store.compact(lambda at, voice: 1 if at < 6 else 2)
    assert store.seconds()[0].tolist() == [8.0, 4.0, 8.0]
    assert store.seconds()[0].sum() == before


def test_a_voice_begins_where_it_is_first_active_whichever_number_it_has_in_its_window() -> None:
    store = SampleStore(pool=10, active_level=128)
    local = window(2, BEN, ANN)
    local.activity[:7, 0] = 0  # the second local speaker is heard first
    store.add(0, local, [0, 1], {})
    store.add(1, window(3, BEN), [0], {0: 0})
    begins = store.begins(np.array([0, 1]))
    assert begins.tolist() == [2 * STEP + 7 * STEP, 2 * STEP]
    assert store.begins(np.array([-1, 0])).tolist() == [2 * STEP]
