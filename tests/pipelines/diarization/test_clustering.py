"""Offline clustering of voices on vectors made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.diarization.clustering import (
    OVERLAP,
    PRESETS,
    Beside,
    Labels,
    Thresholds,
    Vectors,
    assign,
    centroids,
    cluster_speakers,
    distance_to_mixture,
    drop_mixtures,
    evidence,
    keep_largest,
    preset,
    unit,
)
from pipelines.types import SpeakerCount

WIDTH = 32
PLAIN = Thresholds(window_threshold=0.1, merge_threshold=0.2, match_threshold=0.3)


def voice(number: int, towards: int | None = None, distance: float = 0.0) -> NDArray[np.float32]:
    """A direction of its own; or one at a cosine distance of it, towards another one."""
    vector = np.zeros(WIDTH, np.float32)
    vector[number] = 1.0 - distance
    if towards is not None:
        vector[towards] = np.sqrt(1.0 - (1.0 - distance) ** 2)
    return vector


def around(center: NDArray[np.float32], count: int, spread: float = 0.02, seed: int = 0) -> Vectors:
    """Vectors of length one about a centre."""
    noise = np.random.default_rng(seed).normal(0, spread, (count, WIDTH)).astype(np.float32)
    return unit(center + noise)


def labels_of(
    *parts: Vectors,
    clean: float | list[float] = 2.0,
    min_speech: float = 1.5,
    expected: SpeakerCount | None = None,
    beside: Beside | None = None,
    **changed: float,
) -> Labels:
    """Cluster groups of vectors, each behind so many seconds of clean speech."""
    vectors = np.concatenate(parts)
    seconds = np.repeat(np.broadcast_to(clean, len(parts)), [len(part) for part in parts]).astype(np.float64)
    thresholds = Thresholds(**{"window_threshold": 0.1, "merge_threshold": 0.2, "match_threshold": 0.3, **changed})
    return cluster_speakers(vectors, seconds, seconds, thresholds, min_speech, None, expected, beside)[0]


def test_two_voices_far_apart_are_two_clusters() -> None:
    labels = labels_of(around(voice(0), 12), around(voice(1), 8, seed=1))
    assert labels.tolist() == [0] * 12 + [1] * 8


def test_groups_whose_centroids_are_near_are_one_voice() -> None:
    near, far = (around(voice(0, 1, distance), 10, 0.005, seed=1) for distance in (0.15, 0.3))
    assert set(labels_of(around(voice(0), 10, 0.005), near).tolist()) == {0}
    assert labels_of(around(voice(0), 10, 0.005), far).tolist() == [0] * 10 + [1] * 10


def pairs(*rows: tuple[int, int], seconds: float) -> Beside:
    """Embeddings that are voices of the same windows, for so many seconds each."""
    first, second = np.array(rows, np.int64).T
    return Beside(first, second, np.full(len(rows), seconds))


def near_pair() -> list[Vectors]:
    """Two groups of ten that would be one voice, with 2 s of distinct clean speech each."""
    return [around(voice(0), 10, 0.005), around(voice(0, 1, 0.15), 10, 0.005, seed=1)]


def test_groups_that_are_voices_of_the_same_windows_are_two_however_near() -> None:
    labels = labels_of(*near_pair(), beside=pairs(*((at, 10 + at) for at in range(5)), seconds=1.5))
    assert labels.tolist() == [0] * 10 + [1] * 10


@pytest.mark.parametrize(
    ("count", "clean"), [(2, 2.0), (5, 20.0)], ids=["less than half a second", "a small part of the shorter one"]
)
def test_what_the_segmentation_divides_now_and_then_is_still_one_voice(count: int, clean: float) -> None:
    beside = pairs(*((at, 10 + at) for at in range(count)), seconds=1.5)
    assert set(labels_of(*near_pair(), clean=clean, beside=beside).tolist()) == {0}


@pytest.mark.parametrize("one", [0, 10], ids=["the first", "the second"])
def test_who_joins_a_group_stays_apart_from_whom_that_was_beside(one: int) -> None:
    # the first two are nearest to each other, one of them is heard beside the third, which is near to both together
    groups = [around(center, 10, 0.005) for center in (voice(0), voice(0, 1, 0.11), voice(0, 2, 0.13))]
    assert set(labels_of(*groups).tolist()) == {0}
    beside = pairs(*((one + at, 20 + at) for at in range(9)), seconds=1.5)
    assert labels_of(*groups, beside=beside).tolist() == [0] * 20 + [1] * 10


def test_three_groups_in_a_row_join_only_while_their_common_centre_is_near() -> None:
    row = [around(voice(0, 1, 0.0), 20, 0.003), around(voice(0, 1, 0.15), 20, 0.003), around(voice(1), 20, 0.003)]
    assert labels_of(*row).tolist() == [0] * 40 + [1] * 20


def test_a_cluster_with_too_little_speech_is_nobody() -> None:
    labels = labels_of(around(voice(0), 20), around(voice(1), 1), clean=[2.0, 1.2], min_speech=1.5)
    assert labels.tolist() == [0] * 20 + [-1]


def test_the_only_cluster_stays_however_small() -> None:
    assert labels_of(around(voice(0), 1), clean=0.5).tolist() == [0]
    assert labels_of(around(voice(0), 3), around(voice(1), 1), clean=0.5).tolist() == [0, 0, 0, -1]


def test_voices_are_numbered_in_order_of_appearance() -> None:
    parts = [voice(5), voice(2), voice(5), voice(9), voice(2)]
    assert labels_of(*[around(part, 1, 0.001) for part in parts]).tolist() == [0, 1, 0, 2, 1]


def test_dropped_voices_leave_no_hole_in_the_numbers() -> None:
    parts = [around(voice(0), 1), around(voice(1), 4), around(voice(2), 4)]
    assert labels_of(*parts, clean=[0.5, 2.0, 2.0]).tolist() == [-1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_scatter_excuses_a_distance_of_short_evidence_only() -> None:
    pair = [around(voice(0), 3, 0.001), around(voice(0, 1, 0.3), 3, 0.001)]
    long = [around(voice(0), 60, 0.001), around(voice(0, 1, 0.3), 60, 0.001)]
    assert set(labels_of(*pair, clean=5.0, scatter=0.1).tolist()) == {0}
    assert set(labels_of(*long, clean=5.0, scatter=0.1).tolist()) == {0, 1}


def exactly(count: int) -> SpeakerCount:
    """So many people speak."""
    return SpeakerCount(count, count)


def pair(distance: float) -> list[Vectors]:
    """Two voices at about this distance; that of the thresholds is 0.2."""
    return [around(voice(0), 20, 0.003), around(voice(0, 1, distance), 20, 0.003)]


@pytest.mark.parametrize(("distance", "alone", "told"), [(0.17, 1, 2), (0.12, 1, 1), (0.23, 2, 2)])
def test_where_more_people_are_expected_near_voices_are_two_unless_they_may_be_one_person(
    distance: float, alone: int, told: int
) -> None:
    assert len(set(labels_of(*pair(distance)).tolist())) == alone
    for expected in (exactly(2), SpeakerCount(2, 5), exactly(4)):
        assert len(set(labels_of(*pair(distance), expected=expected).tolist())) == told


@pytest.mark.parametrize(("distance", "told"), [(0.17, 1), (0.23, 1), (0.3, 2)])
def test_where_fewer_people_are_expected_near_voices_are_one_and_others_stay_two(distance: float, told: int) -> None:
    assert len(set(labels_of(*pair(distance), expected=exactly(1)).tolist())) == told


@pytest.mark.parametrize("distance", [0.17, 0.23])
def test_a_number_that_fits_what_is_heard_changes_nothing(distance: float) -> None:
    heard = labels_of(*pair(distance)).tolist()
    assert labels_of(*pair(distance), expected=SpeakerCount(1, 2)).tolist() == heard


def test_no_more_pairs_are_divided_than_are_needed() -> None:
    third = [around(voice(0), 20, 0.003), around(voice(0, 1, 0.19), 20, 0.003), around(voice(5), 20, 0.003)]
    near = [around(voice(5, 6, 0.15), 20, 0.003)]
    assert labels_of(*third, *near).tolist() == [0] * 40 + [1] * 40
    assert labels_of(*third, *near, expected=exactly(3)).tolist() == [0] * 20 + [1] * 20 + [2] * 40
    assert labels_of(*third, *near, expected=exactly(4)).tolist() == [0] * 20 + [1] * 20 + [2] * 20 + [3] * 20


def test_the_nearest_are_joined_first_and_no_more_than_are_too_many() -> None:
    four = [around(voice(at), 20, 0.003) for at in (0, 5)] + [
        around(voice(0, 1, 0.23), 20, 0.003),
        around(voice(5, 6, 0.25), 20, 0.003),
    ]
    assert labels_of(*four, expected=exactly(3)).tolist() == [0] * 20 + [1] * 20 + [0] * 20 + [2] * 20
    assert labels_of(*four, expected=exactly(2)).tolist() == [0] * 20 + [1] * 20 + [0] * 20 + [1] * 20
    assert labels_of(*four, expected=exactly(1)).tolist() == [0] * 20 + [1] * 20 + [0] * 20 + [1] * 20


def test_where_more_people_are_expected_half_the_speech_is_enough_for_one() -> None:
    parts = [around(voice(0), 20), around(voice(1), 1), around(voice(2), 1), around(voice(3), 1)]
    few = {"clean": [2.0, 0.8, 1.4, 0.7], "min_speech": 1.5}
    assert labels_of(*parts, **few).tolist() == [0] * 20 + [-1] * 3  # type: ignore[arg-type]
    assert labels_of(*parts, **few, expected=exactly(2)).tolist() == [0] * 20 + [-1, 1, -1]  # type: ignore[arg-type]
    assert labels_of(*parts, **few, expected=exactly(9)).tolist() == [0] * 20 + [1, 2, -1]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_one_person_alone_is_never_made_two_by_a_number(seed: int) -> None:
    heard = around(voice(seed % 5), 30, 0.05, seed)
    assert set(labels_of(heard, window_threshold=0.05, expected=exactly(4)).tolist()) == {0}


def test_no_vectors_have_no_labels() -> None:
    labels, centers = cluster_speakers(np.zeros((0, WIDTH), np.float32), np.zeros(0), np.zeros(0), PLAIN, 1.5)
    assert labels.shape == (0,)
    assert centers.shape == (0, WIDTH)


@pytest.mark.parametrize("seed", range(20))
def test_well_separated_voices_are_found_in_any_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    order = random.integers(0, 5, random.integers(1, 40)).tolist()
    vectors = np.concatenate([around(voice(number), 1, 0.01, seed + at) for at, number in enumerate(order)])
    seconds = np.full(len(order), 2.0)
    labels, _ = cluster_speakers(vectors, seconds, seconds, PLAIN, 1.5)
    first = {number: at for at, number in enumerate(dict.fromkeys(order))}
    assert labels.tolist() == [first[number] for number in order]


def test_centroids_are_weighted_means_of_length_one() -> None:
    vectors = np.stack([voice(0), voice(1), voice(2)])
    centers = centroids(vectors, np.array([3.0, 1.0, 9.0]), np.array([0, 0, -1]))
    assert centers.shape == (1, WIDTH)
    assert centers[0, :3] == pytest.approx(np.array([3.0, 1.0, 0.0]) / np.sqrt(10.0))


def test_nobody_has_no_centroid() -> None:
    assert centroids(voice(0)[None], np.array([1.0]), np.array([-1])).shape == (0, WIDTH)


@pytest.mark.parametrize(
    ("clean", "longest", "seconds"),
    [
        ([], [], 0.0),
        ([0.8], [0.8], 0.8),
        ([2.0, 2.0, 2.0], [2.0, 2.0, 2.0], 2.0),
        ([2.0] * OVERLAP, [2.0] * OVERLAP, 2.0),
        ([2.0] * 5 * OVERLAP, [2.0] * 5 * OVERLAP, 10.0),
        ([30.0], [4.0], 4.0),
        ([80.0], [4.0], 8.0),
    ],
)
def test_evidence_counts_shared_audio_once(clean: list[float], longest: list[float], seconds: float) -> None:
    assert evidence(np.array(clean), np.array(longest)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("GE2E voice encoder", "ge2e"),
        ("pyannote/wespeaker-voxceleb-resnet34-LM", "wespeaker"),
        ("hbredin/WeSpeaker.bin", "wespeaker"),
        ("pyannote/embedding", "pyannote"),
        ("/models/mine.bin", "wespeaker"),
    ],
)
def test_thresholds_go_by_the_family_of_the_model(model: str, family: str) -> None:
    assert preset(model) is PRESETS[family]


def test_a_known_voice_may_be_further_than_what_is_joined() -> None:
    for thresholds in PRESETS.values():
        assert 0 < thresholds.merge_threshold < thresholds.match_threshold < 1
        assert 0 < thresholds.window_threshold < thresholds.match_threshold
        assert thresholds.match_margin > 0


def test_zero_vectors_stay_zero() -> None:
    assert not unit(np.zeros((2, 3), np.float32)).any()


def test_pairs_are_one_to_one_and_of_least_distance_in_all() -> None:
    assert assign(np.array([[0.1, 0.2], [0.1, 0.9]])) == [(0, 1), (1, 0)]
    assert assign(np.array([[0.5, 0.1, 0.9]])) == [(0, 1)]
    assert assign(np.array([[0.5], [0.1]])) == [(1, 0)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.8, 1.0])
def test_a_mixture_of_two_voices_is_no_distance_away_from_them(share: float) -> None:
    first, second = voice(0), voice(0, 1, 0.4)
    mixed = unit(first * np.float32(1 - share) + second * np.float32(share))
    assert distance_to_mixture(mixed, first, second) == pytest.approx(0.0, abs=1e-6)


def test_what_two_voices_do_not_explain_is_the_distance_from_their_mixture() -> None:
    third = unit(voice(0) + voice(1) + voice(2))
    assert distance_to_mixture(third, voice(0), voice(1)) == pytest.approx(1 - (2 / 3) ** 0.5, abs=1e-6)
    assert distance_to_mixture(voice(2), voice(0), voice(1)) == pytest.approx(1.0)


def test_what_lies_behind_one_of_two_voices_is_as_far_from_their_mixture_as_from_that_one() -> None:
    beyond = unit(voice(0) - voice(1) * np.float32(0.3))
    assert distance_to_mixture(beyond, voice(0), voice(1)) == pytest.approx(1 - float(beyond @ voice(0)), abs=1e-6)
    assert distance_to_mixture(beyond, voice(0), voice(0)) == pytest.approx(1 - float(beyond @ voice(0)), abs=1e-6)


def test_of_too_many_clusters_the_largest_are_kept_and_the_others_are_nobody() -> None:
    labels = np.array([0, 1, 2, 2, -1])
    seconds = np.array([5.0, 1.0, 2.0, 2.0, 9.0])
    assert keep_largest(labels, seconds, 2).tolist() == [0, -1, 1, 1, -1]
    assert keep_largest(labels, seconds, 3).tolist() == labels.tolist()


def test_a_cluster_between_two_speakers_that_was_given_to_both_goes() -> None:
    first, second = voice(0), voice(1)
    centers = np.stack([first, unit(first + second), second])
    labels, both = np.array([0, 1, 2, -1]), np.array([[9.0, 0.0], [2.0, 1.0], [0.0, 9.0]])
    assert drop_mixtures(labels, centers, both, 0.1).tolist() == [0, -1, 1, -1]
    mostly_one = np.array([[9.0, 0.0], [2.0, 0.1], [0.0, 9.0]])
    assert drop_mixtures(labels, centers, mostly_one, 0.1).tolist() == labels.tolist()
    elsewhere = np.stack([first, voice(2), second])
    assert drop_mixtures(labels, elsewhere, both, 0.1).tolist() == labels.tolist()


def test_without_known_speakers_no_cluster_is_a_mixture() -> None:
    labels = np.array([0, 1])
    assert drop_mixtures(labels, np.stack([voice(0), voice(1)]), np.zeros((2, 1)), 0.1).tolist() == [0, 1]
