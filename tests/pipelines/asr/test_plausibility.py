"""Which results are shown: loops, repetition, guesses about silence and impossible haste are not."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.asr.plausibility import (
    compression_ratio,
    implausible_reason,
    is_loop,
    is_plausible,
    recognise_plausibly,
    without_repeats,
)
from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.recogniser_fakes import FakeRecogniser, heard


@pytest.mark.parametrize(
    "text",
    [
        "thank you thank you thank you thank you",
        "so no no no no no no no no no",
        "and then I see it, and then I see it. And then I see it and then I see it",
    ],
)
def test_the_same_phrase_again_and_again_is_a_loop(text: str) -> None:
    assert is_loop(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        "yes yes we can do that yes",
        "I don't know I don't know what to say",
        "one two three four five six seven eight nine ten",
        "ha ha ha ha ha",
    ],
)
def test_speech_that_repeats_itself_a_little_is_no_loop(text: str) -> None:
    assert not is_loop(text.split())


def test_punctuation_and_case_do_not_hide_a_loop() -> None:
    assert is_loop(["Thank", "you.", "thank", "you,", "Thank", "YOU!", "thank", "you"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", 0),
        ("we show them the page and ask what they think And ask what they think, and ask what they think and ask", 10),
        ("ask what they think ask what they think ask what they think", 4),
        ("ask what they think ask what they think ask what they", 11),
        ("ask what they think ask what they think ask what they think of it", 14),
        ("no no no no no no no", 7),
        ("one two three four five six seven eight nine ten eleven twelve", 12),
    ],
)
def test_a_phrase_that_goes_round_at_the_end_is_shown_once(text: str, kept: int) -> None:
    words = heard(text).words
    assert without_repeats(words) == words[:kept]


def test_repetitive_text_compresses_better_than_speech() -> None:
    assert compression_ratio("the same words " * 20) > 2.4
    assert compression_ratio("we should look at the figures before the meeting on Thursday") < 2.4


def test_no_text_has_no_compression() -> None:
    assert compression_ratio("") == 0.0


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (heard("we meet on Thursday"), None),
        (heard("we meet on Thursday", avg_logprob=-1.5), "silence"),
        (heard("we meet on Thursday", avg_logprob=-1.5, no_speech_prob=0.1), None),
        (heard("we meet on Thursday", avg_logprob=-1.5, no_speech_prob=0.9), "silence"),
        (heard("we meet on Thursday", avg_logprob=-0.2, no_speech_prob=0.9), None),
        (heard("la la la la la la la la"), "loop"),
        (heard("we meet on Thursday", compression_ratio=3.1), "repetition"),
        (heard(" ".join(f"word{i}" for i in range(60))), "haste"),
        (RecognitionResult(), None),
    ],
)
def test_results_are_implausible_for_a_named_reason(result: RecognitionResult, why: str | None) -> None:
    assert implausible_reason(result, 4 * SAMPLE_RATE) == why
    assert is_plausible(result, 4 * SAMPLE_RATE) is (why is None)


AUDIO: Samples = np.zeros(2 * SAMPLE_RATE, np.float32)


def shown(answer: RecognitionResult) -> RecognitionResult:
    """What is shown of an answer about two seconds of audio."""
    return recognise_plausibly(FakeRecogniser(answer), [RecognitionRequest(AUDIO)])[0]


def test_a_loop_gives_no_words_but_its_language() -> None:
    assert shown(heard("la la la la la la la la la la")) == RecognitionResult(language="en")


def test_a_guess_about_silence_gives_no_words() -> None:
    assert shown(heard("thanks for watching", avg_logprob=-1.4, no_speech_prob=0.9)).words == ()


def test_a_plausible_result_is_given_as_it_is() -> None:
    result = heard("we meet on Thursday")
    assert shown(result) == result


def test_no_audio_is_not_recognised() -> None:
    nobody = FakeRecogniser()
    assert recognise_plausibly(nobody, [RecognitionRequest(np.zeros(0, np.float32))]) == [RecognitionResult()]
    assert nobody.asked == []
