"""The seam behind which speech recognisers live: what is asked of one, what it answers, what it says of itself.

A recogniser is a class with the methods of `Recogniser`; whatever it is made of is loaded in its own module and
nowhere else. This module loads no model.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from pipelines.spacing import join_words
from pipelines.types import SAMPLE_RATE, Samples, Span, Word

MIN_WORD_SAMPLES = SAMPLE_RATE // 50
"""Samples that a word lasts at least, where there is room (20 ms)"""


@dataclass(frozen=True, slots=True)
class RecogniserInfo:
    """What a loaded recogniser says of itself. New fields will have defaults, so that older recognisers stay valid."""

    name: str
    """As shown to people, such as "small" or "moonshine-tiny-en" """
    max_batch: int = 1
    """Utterances that it recognises together at most; more than 1 only where that is faster than one by one"""
    takes_context: bool = False
    """Whether it ignores the prompt, and is given the audio before an utterance in its place"""
    on_gpu: bool = False
    """Whether it computes on a GPU, and so takes no CPU from other work"""
    concurrent: bool = False
    """Whether several threads may call it at once, each with its own batch, and all of them gain by it"""
    languages: tuple[str, ...] | None = None
    """Codes of the languages that it reads, such as "en"; None for many"""
    translates: bool = False
    """Whether it can write down in English what is said in other languages"""
    reads_carefully: bool = False
    """Whether it reads better, and more slowly, what is asked of it as `RecognitionRequest.careful`"""


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """One utterance to be recognised."""

    audio: Samples
    """16 kHz mono, shape (samples,)"""
    prompt: str | None = None
    """The text before it"""
    language: str | None = None
    """Code of the language that is spoken, such as "en"; None leaves it to the recogniser"""
    hotwords: tuple[str, ...] = ()
    """Names and terms that are likely to be said"""
    partial: bool = False
    """Whether speed counts more than accuracy: the utterance goes on, and will be recognised again"""
    draft: object = None
    """`RecognitionResult.draft` of a shorter request with the same beginning; it may only make this one faster"""
    among: tuple[str, ...] = ()
    """Codes of the languages of which one is spoken, where it is left to a recogniser that can choose; empty: any"""
    translate: bool = False
    """Whether the words are to be English, whatever is spoken; never where `info.translates` is False"""
    careful: bool = False
    """Whether accuracy counts more than speed, since the words last; for those of `info.reads_carefully`"""


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word, with times in samples from the start of the audio of the request."""

    text: str
    start: int
    end: int
    confidence: float | None = None
    """Probability in [0, 1]; None where the recogniser gives none"""


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """What a recogniser made of one request; the measures are None where it gives none."""

    words: tuple[RecognisedWord, ...] = ()
    """In order; times neither overlap nor leave the audio (`fix_word_times`)"""
    language: str | None = None
    """Code of the language that is spoken"""
    avg_logprob: float | None = None
    """Mean log probability of the tokens"""
    no_speech_prob: float | None = None
    """Probability that nobody speaks"""
    compression_ratio: float | None = None
    """How many times shorter the text becomes when compressed"""
    language_probability: float | None = None
    """Probability of `language`, where it was detected"""
    draft: object = field(default=None, compare=False, repr=False)
    """What the same recogniser may start from when it is given more of the same utterance

    Where it is made of tuples, strings and numbers only, one on another machine is given it, too.
    """
    unstable: bool = False
    """Whether the final result will be made from more audio before the utterance, so that no word is certain yet"""
    committed: int | None = None
    """Number of words at the start that are final though the utterance grows; None where that was not asked"""

    @property
    def text(self) -> str:
        """The words as they are written."""
        return join_words(word.text for word in self.words)


@runtime_checkable
class Recogniser(Protocol):
    """Audio in, words out. Holds weights and no state of any meeting; it is called from one thread at a time,
    unless `info.concurrent`.

    A class that inherits from this one need not define `recognise_batch`.
    """

    @property
    def info(self) -> RecogniserInfo:
        """What it can do; always the same."""

    def measure_rtf(self) -> float:
        """Seconds of computing per second of speech (real-time factor), in batches as large as it may have.

        Takes a moment, and is called when nothing else uses the machine.
        """

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Recognise one utterance. The same request gives the same result. Raises BlockError."""

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Recognise several utterances, all final or all partial, up to `info.max_batch`: a result for each, in order.

        Raises BlockError when any of them fails.
        """
        return [self.recognise(request) for request in requests]


def trim_context(
    result: RecognitionResult, context: int, length: int, last_word: str | None = None
) -> RecognitionResult:
    """A result of `context + length` samples without what was said in the first `context`, with times from there.

    A word belongs where its middle is. But where `last_word`, the last one of the context, is known, and the result
    has it one word further or nearer than that, it is the seam: a word there is neither said twice nor lost.
    """
    count = sum((word.start + word.end) // 2 < context for word in result.words)
    if last_word:
        near = (count, count - 1, count + 1)
        matching = (
            at
            for at in near
            if 0 < at <= len(result.words) and normalise_word(result.words[at - 1].text) == normalise_word(last_word)
        )
        count = next(matching, count)
    words = shift_words(result.words[count:], -context)
    return replace(result, words=fix_word_times(words, length), draft=None)


def shift_words(words: Sequence[RecognisedWord], by: int) -> list[RecognisedWord]:
    """The same words so many samples later."""
    return [replace(word, start=word.start + by, end=word.end + by) for word in words]


def fix_word_times(words: Sequence[RecognisedWord], samples: int) -> tuple[RecognisedWord, ...]:
    """The words without blank ones, in the order given; their times neither go back nor overlap nor leave the audio.

    `samples` is the length of the audio; each word lasts `MIN_WORD_SAMPLES`, or an equal share where there is no room.
    """
    kept = [replace(word, text=word.text.strip()) for word in words if word.text.strip()]
    shortest = min(MIN_WORD_SAMPLES, samples // len(kept)) if kept else 0
    if not shortest:
        return ()
    fixed: list[RecognisedWord] = []
    before = 0
    for index, word in enumerate(kept):
        room = samples - (len(kept) - index - 1) * shortest  # what follows must still fit behind this word
        start = min(max(word.start, before), room - shortest)
        following = kept[index + 1].start if index + 1 < len(kept) else samples
        end = min(max(min(word.end, following), start + shortest), room)
        fixed.append(replace(word, start=start, end=end))
        before = end
    return tuple(fixed)


def absolute_words(result: RecognitionResult, start: int) -> tuple[Word, ...]:
    """The words of a result whose audio begins at sample `start` of the meeting."""
    return tuple(Word(word.text, Span(start + word.start, start + word.end), word.confidence) for word in result.words)


def normalise_word(word: str) -> str:
    """A word without case and punctuation, to compare it; punctuation alone stays, so that it equals itself only."""
    letters = "".join(char for char in word.casefold() if unicodedata.category(char)[0] not in "PS")
    return letters or word
