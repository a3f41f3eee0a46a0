"""What every Whisper is told and timed with."""

from __future__ import annotations

import pytest

from pipelines.asr.whisper_requests import (
    PROMPT_CHARACTERS,
    TRIAL_SECONDS,
    join_hotwords,
    probability,
    prompt_tail,
    trial_noise,
)
from pipelines.types import SAMPLE_RATE


def test_of_a_long_text_the_end_is_the_prompt() -> None:
    assert prompt_tail("a" * 1000 + "end") == "a" * (PROMPT_CHARACTERS - 3) + "end"
    assert prompt_tail("") is prompt_tail(None) is None


def test_hotwords_are_a_list_with_commas() -> None:
    assert join_hotwords(("Ann", "Kubernetes")) == "Ann, Kubernetes"
    assert join_hotwords(()) is None


@pytest.mark.parametrize(("value", "kept"), [(0.5, 0.5), (-0.1, 0.0), (1.01, 1.0), (float("nan"), None)])
def test_probabilities_are_numbers_from_0_to_1_or_none(value: float, kept: float | None) -> None:
    assert probability(value) == kept


def test_the_noise_is_always_the_same() -> None:
    assert len(trial_noise()) == TRIAL_SECONDS * SAMPLE_RATE
    assert (trial_noise() == trial_noise()).all()
