"""What a Whisper needs of a GPU's memory, and which fits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipelines.models.gpu_memory import (
    BATCH_SIZES,
    SHAPES,
    WhisperFit,
    first_that_fits,
    min_gb,
    required_gb,
    shape_of,
    whisper_budget,
)
from pipelines.models.selection import WHISPERS

LARGEST_FIRST = ("large-v3-turbo", "medium", "small", "base", "tiny")


def test_every_whisper_that_may_be_chosen_has_a_known_size() -> None:
    assert all(shape_of(name) for name in WHISPERS)


@pytest.mark.parametrize(
    ("name", "known"),
    [("turbo", "large-v3-turbo"), ("small.en", "small"), ("large", "large-v3"), ("large-v2", "large-v3")],
)
def test_other_names_of_a_model_have_its_size(name: str, known: str) -> None:
    assert shape_of(name) == SHAPES[known]


def test_a_model_nobody_knows_has_no_size() -> None:
    assert shape_of("my-whisper") is None
    assert min_gb("my-whisper") is None
    assert first_that_fits(["my-whisper"], 1000.0) is None


@pytest.mark.parametrize("name", SHAPES)
def test_smaller_numbers_and_batches_need_less_but_never_less_than_the_weights(name: str) -> None:
    shape = SHAPES[name]
    sizes = [required_gb(shape, compute, at_once) for compute in ("float16", "int8_float16") for at_once in BATCH_SIZES]
    assert sizes[:3] == sorted(sizes[:3], reverse=True)
    assert all(small < large for large, small in zip(sizes, sizes[3:], strict=False))
    assert min_gb(name) == min(sizes) > shape.million_parameters / 1000


def test_the_first_that_fits_is_taken_as_precise_and_in_as_large_batches_as_fit() -> None:
    for at_once in BATCH_SIZES:
        assert first_that_fits(LARGEST_FIRST, required_gb(SHAPES["large-v3-turbo"], "float16", at_once)) == WhisperFit(
            "large-v3-turbo", "float16", at_once
        )
    tight = required_gb(SHAPES["large-v3-turbo"], "int8_float16", 4)
    assert first_that_fits(LARGEST_FIRST, tight) == WhisperFit("large-v3-turbo", "int8_float16", 4)
    smaller = first_that_fits(LARGEST_FIRST, tight - 0.01)
    assert smaller is not None
    assert smaller.name == "small"


def test_a_larger_budget_never_gives_a_smaller_model() -> None:
    found = [first_that_fits(LARGEST_FIRST, tenth / 10) for tenth in range(0, 120)]
    ranks = [0 if fit is None else len(LARGEST_FIRST) - LARGEST_FIRST.index(fit.name) for fit in found]
    assert all(one <= other for one, other in pairwise(ranks))
    assert (found[0], found[-1]) == (None, WhisperFit("large-v3-turbo", "float16", 16))


def test_the_other_models_come_first() -> None:
    assert whisper_budget(1.0) == 0.0
    assert 0 < whisper_budget(8.0) < 8.0
