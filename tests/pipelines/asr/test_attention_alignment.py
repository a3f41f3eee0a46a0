"""Tokens are placed where attention follows the audio, in order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.asr.attention_alignment import token_frames


def attention(starts: list[int], frames: int, heads: int = 2) -> NDArray[np.float32]:
    """Heads that attend from where each token begins to where the next one does."""
    weights = np.full((heads, len(starts), frames), 0.01, np.float32)
    for token, (start, end) in enumerate(zip(starts, [*starts[1:], frames], strict=True)):
        weights[:, token, start:end] = 1.0 / (end - start)
    return weights


@pytest.mark.parametrize("starts", [[0], [0, 10], [0, 30, 60, 61 + 20], [0, 12, 24, 36, 48, 60, 72, 84]])
def test_each_token_begins_where_the_attention_moves_on_to_it(starts: list[int]) -> None:
    assert token_frames(attention(starts, 100)).tolist() == starts


def test_one_head_that_looks_elsewhere_does_not_move_the_others() -> None:
    weights = attention([0, 40, 80], 120, heads=5)
    weights[4] = np.random.default_rng(0).random(weights[4].shape)
    assert np.abs(token_frames(weights) - [0, 40, 80]).max() <= 2


def test_a_short_distraction_is_smoothed_away() -> None:
    weights = attention([0, 50], 100)
    weights[:, :, 20:22] = weights[:, ::-1, 20:22]
    assert token_frames(weights).tolist() == [0, 50]


def test_tokens_are_always_in_order() -> None:
    starts = token_frames(np.random.default_rng(1).random((3, 20, 64), np.float32))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()


@pytest.mark.parametrize(("tokens", "frames"), [(6, 3), (5, 0), (4, 1)])
def test_more_tokens_than_frames_share_them(tokens: int, frames: int) -> None:
    starts = token_frames(np.ones((1, tokens, frames), np.float32))
    assert len(starts) == tokens
    assert (np.diff(starts) >= 0).all()
    assert starts.max() <= frames


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_little_audio_is_aligned_as_well(frames: int) -> None:
    assert token_frames(np.ones((2, 1, frames), np.float32)).tolist() == [0]


def test_no_tokens_have_no_place() -> None:
    assert token_frames(np.ones((2, 0, 9), np.float32)).tolist() == []
