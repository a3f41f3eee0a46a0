"""Windows that were heard, kept small: what comes out again is what went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.diarization.window_store import BLOCK, Rows, WindowStore
from pipelines.types import STEP, WINDOW, LocalSpeakers

LEVEL = 128
FRAMES, WIDTH = 20, 16


def local(index: int, loudest: tuple[int, ...], unheard: tuple[int, ...] = ()) -> LocalSpeakers:
    """A window whose voice k is as active as `loudest[k]` in one frame; those `unheard` have no embedding."""
    generator = np.random.default_rng(index)
    activity = np.zeros((FRAMES, len(loudest)), np.uint8)
    activity[index % FRAMES] = loudest
    embeddings = generator.normal(size=(len(loudest), WIDTH)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings[list(unheard)] = np.nan
    start = (index + 1) * STEP - WINDOW
    return LocalSpeakers(index, start, activity, embeddings, generator.uniform(0, 5, len(loudest)))


def test_an_active_voice_comes_back_with_its_activity_and_its_sound() -> None:
    heard, window = WindowStore(LEVEL), local(3, (255, LEVEL, 0))
    heard.append(window)
    (again,) = list(heard)
    assert (again.index, again.start) == (window.index, window.start)
    assert np.array_equal(again.activity, window.activity)
    assert np.array_equal(again.single_speaker_seconds, window.single_speaker_seconds)
    assert np.abs(again.embeddings[:2] - window.embeddings[:2]).max() < 0.005
    assert again.embeddings.dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(st.integers(128, 512), st.integers(0, 2**32 - 1), st.booleans())
def test_distances_hardly_depend_on_how_an_embedding_is_kept(width: int, seed: int, positive: bool) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(2, width)).astype(np.float32)
    vectors = np.abs(vectors) if positive else vectors
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    heard = WindowStore(LEVEL)
    heard.append(LocalSpeakers(0, 0, np.full((FRAMES, 2), 255, np.uint8), vectors, np.ones(2)))
    other = generator.normal(size=width)
    other /= np.linalg.norm(other)
    again = heard[0].embeddings
    for direction in (other, vectors.T):
        assert np.abs(vectors @ direction - again @ direction).max() < 0.005


def test_a_vector_of_zeros_is_kept_as_such() -> None:
    heard = WindowStore(LEVEL)
    heard.append(LocalSpeakers(0, 0, np.full((FRAMES, 1), 255, np.uint8), np.zeros((1, 4), np.float32), np.ones(1)))
    assert heard[0].embeddings.tolist() == [[0.0] * 4]


def test_a_voice_that_was_not_active_comes_back_silent_and_without_a_sound() -> None:
    heard = WindowStore(LEVEL)
    heard.append(local(0, (LEVEL - 1, 200)))
    assert not heard[0].activity[:, 0].any()
    assert np.isnan(heard[0].embeddings[0]).all()


def test_a_voice_without_an_embedding_stays_without() -> None:
    heard = WindowStore(LEVEL)
    heard.append(local(0, (255, 255), unheard=(1,)))
    assert not np.isnan(heard[0].embeddings[0]).any()
    assert np.isnan(heard[0].embeddings[1]).all()


def test_silence_before_anybody_speaks_is_kept_too() -> None:
    heard = WindowStore(LEVEL)
    silent = local(0, (0, 0))
    heard.append(LocalSpeakers(0, silent.start, silent.activity, np.full((2, 1), np.nan, np.float32), np.zeros(2)))
    heard.append(local(1, (0, 255)))
    assert len(heard) == 2
    assert not heard[0].activity.any()
    assert np.isnan(heard[0].embeddings[:, 0]).all()
    assert heard[1].activity.any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0, LEVEL, 255]), min_size=3, max_size=3), max_size=40))
def test_every_window_has_its_own_voices(active: list[list[int]]) -> None:
    heard = WindowStore(LEVEL)
    windows = [local(index, tuple(loudest)) for index, loudest in enumerate(active)]
    for window in windows:
        heard.append(window)
    for at, window in enumerate(windows):
        assert np.array_equal(heard[at].activity, window.activity)
        assert np.array_equal(heard.single_speaker_seconds(at), window.single_speaker_seconds)
        there = window.activity.any(axis=0)
        assert np.allclose(heard[at].embeddings[there], window.embeddings[there], atol=0.005)


def test_a_forgotten_window_is_no_longer_there() -> None:
    heard = WindowStore(LEVEL)
    windows = [local(index, (255, index % 2 * 255, 0)) for index in range(3 * BLOCK)]
    for window in windows:
        heard.append(window)
    first = BLOCK + 100
    heard.forget(first)
    heard.forget(5)
    assert heard.first == first
    assert len(heard) == len(windows)
    for at in (first - 1, 0, -len(windows)):
        with pytest.raises(IndexError, match=f"window {at} was forgotten"):
            heard[at]
        with pytest.raises(IndexError, match=f"window {at} was forgotten"):
            heard.single_speaker_seconds(at)
    again = list(heard)
    assert [window.index for window in again] == list(range(first, len(windows)))
    for window in again:
        assert np.array_equal(window.activity, windows[window.index].activity)
    heard.append(local(3 * BLOCK, (255, 0, 0)))
    assert heard[-1].index == 3 * BLOCK


def test_silence_can_be_forgotten() -> None:
    heard = WindowStore(LEVEL)
    for index in range(10):
        heard.append(local(index, (0, 0)))
    heard.forget(5)
    assert [window.index for window in heard] == [5, 6, 7, 8, 9]
    assert heard.subsegments(0.0, 10)[1].tolist() == []


def test_rows_stay_where_they_are_however_many_follow() -> None:
    rows = Rows(np.int16)
    rows.append(np.array([1, 2]))
    first = rows[0]
    for number in range(3 * BLOCK):
        rows.append(np.array([number, -number]))
    first[0] = 7
    assert rows[0].tolist() == [7, 2]
    assert rows[-1].tolist() == [3 * BLOCK - 1, 1 - 3 * BLOCK]
    assert len(rows) == 3 * BLOCK + 1


def test_a_row_may_be_replaced() -> None:
    rows = Rows(np.int8)
    rows.append(np.array([1, 2]))
    rows[0] = np.array([3, 4])
    assert rows[0].tolist() == [3, 4]


@pytest.mark.parametrize("at", [1, -2])
def test_a_row_that_is_not_there_is_an_error(at: int) -> None:
    rows = Rows(np.int8)
    rows.append(np.array([1]))
    with pytest.raises(IndexError, match=f"no row {at} of 1"):
        rows[at]
    with pytest.raises(IndexError):
        rows[at] = np.array([2])


def test_a_row_of_another_shape_is_an_error() -> None:
    rows = Rows(np.int8)
    rows.append(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"a row has the shape \(2,\), not \(3,\)"):
        rows.append(np.array([1, 2, 3]))


def in_pieces(index: int, counts: tuple[int, ...], clean: float = 3.0) -> LocalSpeakers:
    """A window whose voice k has so many pieces."""
    window = local(index, (255,) * len(counts))
    pieces = np.random.default_rng(index).normal(size=(len(counts), 4, WIDTH)).astype(np.float32)
    pieces /= np.linalg.norm(pieces, axis=2, keepdims=True)
    middles = np.array([[2 * at if at < count else -1 for at in range(4)] for count in counts], np.int16)
    return replace(
        window, single_speaker_seconds=np.full(len(counts), clean), subsegments=pieces, subsegment_middles=middles
    )


def test_pieces_of_a_voice_come_back_nearly_as_they_were() -> None:
    heard, window = WindowStore(LEVEL), in_pieces(0, (3, 0))
    heard.append(window)
    again = heard[0]
    assert again.subsegments is not None
    assert again.subsegment_middles is not None
    assert window.subsegments is not None
    assert np.array_equal(again.subsegment_middles, window.subsegment_middles)
    assert (again.subsegments[0, :3] * window.subsegments[0, :3]).sum(axis=1) == pytest.approx(1, abs=0.001)


def test_windows_without_pieces_come_back_without() -> None:
    heard = WindowStore(LEVEL)
    heard.append(local(0, (255, 255)))
    assert heard[0].subsegments is None
    assert heard.subsegments(0.0, 10)[0].shape[0] == 0


def test_pieces_of_all_voices_with_enough_speech_are_given() -> None:
    heard = WindowStore(LEVEL)
    for index, clean in enumerate((3.0, 0.5, 2.0)):
        heard.append(in_pieces(index, (3, 1), clean))
    vectors, lengths, seconds = heard.subsegments(1.0, 10)
    assert vectors.shape == (4, 4, WIDTH)
    assert lengths.tolist() == [3, 1, 3, 1]
    assert seconds.tolist() == [3.0, 3.0, 2.0, 2.0]


def test_of_too_many_voices_some_stand_for_all() -> None:
    heard = WindowStore(LEVEL)
    for index in range(40):
        heard.append(in_pieces(index, (2,)))
    vectors, _, seconds = heard.subsegments(1.0, 15)
    assert len(vectors) == 14
    assert seconds.sum() == pytest.approx(40 * 3.0)


def test_forgotten_rows_are_no_longer_there_and_the_others_keep_their_places() -> None:
    rows = Rows(np.int16)
    for number in range(3 * BLOCK):
        rows.append(np.array([number]))
    rows.forget(2 * BLOCK + 7)
    assert len(rows) == 3 * BLOCK
    assert rows[2 * BLOCK][0] == 2 * BLOCK
    with pytest.raises(IndexError):
        rows[2 * BLOCK - 1]
    rows.forget(0)
    rows.append(np.array([5]))
    assert rows[-1].tolist() == [5]
    rows.forget(len(rows))
    for number in range(BLOCK):
        rows.append(np.array([number]))
    assert rows[-1].tolist() == [BLOCK - 1]
