"""What every Whisper is told and timed with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.asr.whisper_requests import (
    PROMPT_CHARACTERS,
    TRIAL_SECONDS,
    can_translate,
    choose_language,
    join_hotwords,
    possible_languages,
    probability,
    prompt_tail,
    read_in_batches,
    trial_noise,
    with_second_attempts,
)
from pipelines.errors import BlockError
from pipelines.types import SAMPLE_RATE, samples
from tests.fakes.recogniser_fakes import heard


def test_of_a_long_text_the_end_is_the_prompt() -> None:
    assert prompt_tail("a" * 1000 + "end") == "a" * (PROMPT_CHARACTERS - 3) + "end"
    assert prompt_tail("") is prompt_tail(None) is None


def test_hotwords_are_a_list_with_commas() -> None:
    assert join_hotwords(("Ann", "Kubernetes")) == "Ann, Kubernetes"
    assert join_hotwords(()) is None


def test_one_of_the_languages_that_are_known_is_spoken() -> None:
    def possible(**asked: Any) -> tuple[str, ...]:
        return possible_languages(RecognitionRequest(trial_noise(), **asked), {"en", "de"}, "tiny")

    assert possible() == ()
    assert possible(language="de") == ("de",)
    assert possible(among=("fr", "de", "en")) == ("de", "en")
    assert possible(language="en", among=("de", "en")) == ("en",)
    for unknown in ({"language": "fr"}, {"among": ("fr", "it")}):
        with pytest.raises(BlockError, match="tiny does not know the language 'fr'"):
            possible(**unknown)


@pytest.mark.parametrize(
    ("name", "multilingual", "able"),
    [
        ("small", True, True),
        ("tiny.en", False, False),
        ("large-v3-turbo", True, False),
        ("distil-large-v3", True, False),
        ("/models/turbo/large-v3", True, True),
    ],
)
def test_multilingual_models_translate_but_for_the_faster_ones(name: str, multilingual: bool, able: bool) -> None:
    assert can_translate(name, multilingual) == able


def test_the_likeliest_language_is_chosen_and_how_likely_it_is_among_those_that_it_may_be() -> None:
    found = [("fr", 0.6), ("de", 0.3), ("en", 0.1)]
    assert choose_language(found, ()) == ("fr", 0.6)
    assert choose_language(found, ("en", "de")) == ("de", pytest.approx(0.75))
    assert choose_language([("fr", 1.0), ("de", 0.0), ("en", 0.0)], ("en", "de"))[1] == 0.0


@pytest.mark.parametrize(("value", "kept"), [(0.5, 0.5), (-0.1, 0.0), (1.01, 1.0), (float("nan"), None)])
def test_probabilities_are_numbers_from_0_to_1_or_none(value: float, kept: float | None) -> None:
    assert probability(value) == kept


def test_the_noise_is_always_the_same() -> None:
    assert len(trial_noise()) == TRIAL_SECONDS * SAMPLE_RATE
    assert (trial_noise() == trial_noise()).all()


def asked(seconds: float, partial: bool = False) -> RecognitionRequest:
    return RecognitionRequest(np.zeros(samples(seconds), np.float32), partial=partial)


def test_only_what_is_alike_is_read_together_and_so_much_at_a_time_at_most() -> None:
    requests = [asked(1), asked(2, True), asked(0.09), asked(3), asked(4), asked(5, True)]
    read: list[list[float]] = []

    def note(batch: list[RecognitionRequest]) -> list[RecognitionResult]:
        seconds = [len(request.audio) / SAMPLE_RATE for request in batch]
        read.append(seconds)
        return [heard(f"{each:.0f}") for each in seconds]

    results = read_in_batches(requests, 2, lambda request: request.partial, note)
    assert sorted(read) == [[1, 3], [2, 5], [4]]
    assert [result.text for result in results] == ["1", "2", "", "3", "4", "5"]
    assert read_in_batches([], 2, lambda request: request.partial, note) == []


def test_a_second_attempt_counts_where_it_is_plausible_and_the_first_was_not() -> None:
    loop, well = heard("loop " * 9), heard("well said")
    requests = [asked(2), asked(2), asked(2), asked(2, True)]
    tried: list[list[int]] = []

    def again(rows: list[int]) -> list[RecognitionResult]:
        tried.append(rows)
        return [well, heard("over " * 9)]

    assert with_second_attempts(requests, [loop, well, loop, loop], again) == [well, well, loop, loop]
    assert with_second_attempts(requests, [well] * 4, again) == [well] * 4
    assert tried == [[0, 2]]
