"""Local voices in pieces: two people whom the segmentation model takes for one are told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.diarization.activity import INACTIVE, UNIDENTIFIED, WINDOW_PARTS
from pipelines.diarization.clustering import OVERLAP
from pipelines.diarization.subsegments import (
    MIN_SPLIT_SECONDS,
    SubsegmentSequences,
    refit_centroids,
    split_speakers,
    viterbi,
)
from pipelines.types import LocalSpeakers

FRAMES, WIDTH, MOST = 100, 8, 6
ANN, BEN, CARL = np.eye(WIDTH, dtype=np.float32)[:3]
CENTERS = {1: ANN, 2: BEN, 3: CARL}


def window(*voices: list[NDArray[np.float32]], clean: float = 4.0) -> LocalSpeakers:
    """A window of local voices that are each heard in these pieces, spread evenly over it."""
    pieces = np.zeros((len(voices), MOST, WIDTH), np.float32)
    middles = np.full((len(voices), MOST), -1, np.int16)
    means = np.full((len(voices), WIDTH), np.nan, np.float32)
    for voice, sounds in enumerate(voices):
        for number, sound in enumerate(sounds):
            pieces[voice, number] = sound
            middles[voice, number] = (2 * number + 1) * FRAMES // (2 * len(sounds))
        means[voice] = np.mean(sounds, axis=0) if sounds else np.nan
    activity = np.full((FRAMES, len(voices)), 255, np.uint8)
    return LocalSpeakers(0, 0, activity, means, np.full(len(voices), clean), pieces, middles)


def numbers(*values: int) -> NDArray[np.int16]:
    """Speaker numbers of a window's voices."""
    return np.array(values, np.int16)


def runs(*voices: list[NDArray[np.float32]], clean: float = 4.0) -> SubsegmentSequences:
    """Local voices heard in these pieces."""
    vectors = np.zeros((len(voices), max(len(sounds) for sounds in voices), WIDTH), np.float32)
    for voice, sounds in enumerate(voices):
        vectors[voice, : len(sounds)] = sounds
    return SubsegmentSequences(vectors, np.array([len(sounds) for sounds in voices]), np.full(len(voices), clean))


def test_a_voice_that_is_two_people_in_turn_is_divided_where_they_change() -> None:
    parts = split_speakers(window([ANN, ANN, BEN, BEN]), numbers(1), CENTERS)
    assert parts.shape == (WINDOW_PARTS, 1)
    at = int(np.argmax(parts[:, 0] == 2))
    assert abs(at - WINDOW_PARTS // 2) <= 1
    assert parts[:, 0].tolist() == [1] * at + [2] * (WINDOW_PARTS - at)


def test_somebody_who_speaks_between_two_turns_of_another_is_found() -> None:
    parts = split_speakers(window([ANN, ANN, BEN, BEN, ANN, ANN]), numbers(1), CENTERS)[:, 0].tolist()
    assert [number for number, _ in itertools.groupby(parts)] == [1, 2, 1]


def test_a_voice_of_one_person_stays_who_it_is_on_the_whole() -> None:
    local = window([BEN, BEN, BEN], [])
    assert (split_speakers(local, numbers(1, INACTIVE), CENTERS) == numbers(1, INACTIVE)).all()
    assert (split_speakers(local, numbers(UNIDENTIFIED, INACTIVE), CENTERS) == numbers(UNIDENTIFIED, INACTIVE)).all()


def test_one_piece_that_is_a_little_nearer_to_another_is_no_change() -> None:
    doubtful = (ANN * 0.7 + BEN * 0.72) / np.linalg.norm(ANN * 0.7 + BEN * 0.72)
    assert (split_speakers(window([ANN, ANN, doubtful, ANN]), numbers(1), CENTERS) == 1).all()


def test_nobody_is_two_voices_of_a_window() -> None:
    local = window([ANN, ANN, BEN, BEN], [BEN, BEN])
    assert (split_speakers(local, numbers(1, 2), CENTERS) == numbers(1, 2)).all()


def test_a_voice_is_divided_only_by_enough_speech() -> None:
    short = window([ANN, BEN], clean=MIN_SPLIT_SECONDS - 0.1)
    assert (split_speakers(short, numbers(1), CENTERS) == 1).all()


def test_without_pieces_or_with_one_speaker_nothing_is_divided() -> None:
    whole = window([ANN, BEN])
    plain = LocalSpeakers(0, 0, whole.activity, whole.embeddings, whole.single_speaker_seconds)
    assert (split_speakers(plain, numbers(1), CENTERS) == 1).all()
    assert (split_speakers(whole, numbers(1), {1: ANN}) == 1).all()
    assert (split_speakers(whole, numbers(UNIDENTIFIED), {}) == UNIDENTIFIED).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_cheapest_of_all(seed: int) -> None:
    distances = np.random.default_rng(seed).random((3, 5, 3))
    found = viterbi(distances, 0.3)

    def cost(voice: int, path: tuple[int, ...]) -> float:
        changes = sum(one != other for one, other in itertools.pairwise(path))
        return float(distances[voice, range(5), path].sum()) + 0.3 * changes

    for voice in range(3):
        least = min(cost(voice, path) for path in itertools.product(range(3), repeat=5))
        assert cost(voice, tuple(found[voice].tolist())) == pytest.approx(least)


def test_mixed_centres_move_to_the_voices_that_they_are_mixed_of() -> None:
    mixed = np.stack([ANN * 0.8 + BEN * 0.6, BEN * 0.8 + ANN * 0.6])
    centers, seconds = refit_centroids(mixed, runs([ANN, ANN, BEN, BEN], [BEN, BEN], [ANN]))
    assert centers == pytest.approx(np.stack([ANN, BEN]))
    assert seconds == pytest.approx(np.array([2.0 + 4.0, 2.0 + 4.0]) / OVERLAP)


def test_what_is_forgotten_holds_a_centre_where_it_was() -> None:
    between = (ANN + BEN) / np.linalg.norm(ANN + BEN)
    heard = runs([ANN, ANN], clean=4.0)
    light, _ = refit_centroids(between[None], heard, np.array([0.01]))
    heavy, seconds = refit_centroids(between[None], heard, np.array([1000.0]))
    assert light[0] @ ANN > 0.99
    assert heavy[0] @ between > 0.99
    assert seconds[0] == pytest.approx(1000.0 + 4.0 / OVERLAP)


def test_a_voice_of_which_all_is_forgotten_keeps_its_seconds() -> None:
    centers, seconds = refit_centroids(np.stack([ANN, BEN]), runs([ANN, ANN]), np.array([0.0, 60.0]))
    assert centers[1] @ BEN == pytest.approx(1.0)
    assert seconds[1] == 60.0


def test_a_centre_without_any_piece_stays_where_it_is() -> None:
    centers, seconds = refit_centroids(np.stack([ANN, CARL]), runs([ANN, ANN]))
    assert centers == pytest.approx(np.stack([ANN, CARL]))
    assert seconds == pytest.approx([4.0 / OVERLAP, 0.0])


def test_places_behind_the_last_piece_of_a_voice_count_for_nothing() -> None:
    one, other = (runs([ANN], [BEN, BEN, BEN]) for _ in range(2))
    other.vectors[0, 1:] = CARL
    for here, there in zip(
        refit_centroids(np.stack([ANN, BEN]), one), refit_centroids(np.stack([ANN, BEN]), other), strict=True
    ):
        assert here == pytest.approx(there)
