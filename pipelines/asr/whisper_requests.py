"""What every way to run a Whisper does with requests: prompt, language, batches, second attempts, a trial on noise."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Sequence

import numpy as np

from pipelines.asr.plausibility import is_plausible
from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.errors import BlockError
from pipelines.types import SAMPLE_RATE, Samples

MIN_SAMPLES = SAMPLE_RATE // 10
"""Samples below which there is nothing to recognise (0.1 s)"""
PROMPT_CHARACTERS = 400
"""Characters of earlier text that are given as a prompt"""
NO_REPEAT_NGRAM = 3
"""Words that may not follow each other twice in a second attempt"""
GPU_BATCH = 16
"""Utterances that a GPU recognises together; their spectrograms and what the model makes of them take its memory"""
UNTRANSLATING = ("turbo", "distil")
"""What the names of multilingual models have in them that transcribe only, and write the language spoken if told to
translate"""
TRIAL_SECONDS = 5
"""Length of the speech with which the real-time factor is measured: a common utterance"""
TRIAL_TOKENS = 24
"""Tokens that people say in that time"""


def prompt_tail(prompt: str | None) -> str | None:
    """The end of the text before an utterance, as much of it as is given; None for no text."""
    return (prompt or "")[-PROMPT_CHARACTERS:] or None


def join_hotwords(hotwords: Sequence[str]) -> str | None:
    """Names and terms as a Whisper is told them; None for none."""
    return ", ".join(hotwords) or None


def task_of(request: RecognitionRequest) -> str:
    """What a Whisper is to do with an utterance, in its own words."""
    return "translate" if request.translate else "transcribe"


def can_translate(name: str, multilingual: bool) -> bool:
    """Whether a Whisper of such a name has been trained to translate: its faster versions have not."""
    own_name = name.rpartition("/")[2].lower()
    return multilingual and not any(kind in own_name for kind in UNTRANSLATING)


def possible_languages(request: RecognitionRequest, known: Container[str], name: str) -> tuple[str, ...]:
    """Those languages of a request that a model knows, of which one is spoken; none where it may be any.

    Raises BlockError, with the model's name, where it knows none of them.
    """
    asked = (request.language,) if request.language else request.among
    possible = tuple(code for code in asked if code in known)
    if asked and not possible:
        raise BlockError("speech", f"{name} does not know the language {asked[0][:20]!r}")
    return possible


def choose_language(found: Sequence[tuple[str, float]], among: Sequence[str]) -> tuple[str, float]:
    """The likeliest of some languages, any where none is named, and its probability if it must be one of them.

    `found` are codes with their probabilities.
    """
    possible = [one for one in found if one[0] in among] if among else [*found]
    language, probability = max(possible, key=lambda one: one[1])
    return language, probability / sum(one[1] for one in possible) if among and probability else probability


def probability(value: float) -> float | None:
    """A number in [0, 1]; None where the model gives none that is one."""
    number = float(value)
    return min(1.0, max(0.0, number)) if np.isfinite(number) else None


def read_in_batches(
    requests: Sequence[RecognitionRequest],
    most: int,
    alike: Callable[[RecognitionRequest], Hashable],
    read: Callable[[list[RecognitionRequest]], list[RecognitionResult]],
) -> list[RecognitionResult]:
    """A result for each request, in order: read so many at a time, only such for which `alike` gives the same.

    What is shorter than 0.1 s is not read and has no words.
    """
    results = [RecognitionResult()] * len(requests)
    groups: dict[Hashable, list[int]] = {}
    for row, request in enumerate(requests):
        if len(request.audio) >= MIN_SAMPLES:
            groups.setdefault(alike(request), []).append(row)
    for rows in groups.values():
        for first in range(0, len(rows), most):
            batch = rows[first : first + most]
            for row, result in zip(batch, read([requests[row] for row in batch]), strict=True):
                results[row] = result
    return results


def with_second_attempts(
    requests: Sequence[RecognitionRequest],
    first: Sequence[RecognitionResult],
    again: Callable[[list[int]], Sequence[RecognitionResult]],
) -> list[RecognitionResult]:
    """The results, of which those of final requests that are not plausible are made again.

    `again` gets the places of these in `requests`. What it makes counts where it is plausible.
    """
    results = [*first]
    implausible = [
        row
        for row, (request, result) in enumerate(zip(requests, first, strict=True))
        if not (request.partial or is_plausible(result, len(request.audio)))
    ]
    second = again(implausible) if implausible else ()
    for row, result in zip(implausible, second, strict=True):
        if is_plausible(result, len(requests[row].audio)):
            results[row] = result
    return results


def trial_noise() -> Samples:
    """Noise in place of speech, `TRIAL_SECONDS` of it."""
    return np.random.default_rng(0).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)
