"""The seam behind which speech recognisers live, and the doubts that all their results must pass; loads no model."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipelines.types import SAMPLE_RATE, Samples, Span, Word

MIN_WORD_SAMPLES = SAMPLE_RATE // 50
"""Samples that a word lasts at least, where there is room (20 ms)"""

LOOP_REPEATS = 4
"""Times that the same words follow each other before it is a loop"""
LOOP_MIN_WORDS = 8
"""Words that such a loop has at least: "no, no, no, no" is speech"""
LOOP_MAX_PHRASE = 12
"""Words of the longest phrase that is looked for"""

MAX_COMPRESSION_RATIO = 2.4
"""Text that shrinks further than this repeats itself"""
MIN_AVG_LOGPROB = -1.0
"""Mean log probability below which a result is a guess"""
MAX_NO_SPEECH_PROB = 0.6
"""Probability of "no speech here" above which a guess is not believed"""
MAX_WORDS_PER_SECOND = 9.0
"""Faster than people speak"""


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word, with times in samples from the start of the audio that was read."""

    text: str
    start: int
    end: int
    confidence: float | None = None
    """Probability in [0, 1]; None where the recogniser gives none"""


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """What a recogniser made of one piece of audio; the measures are None where it gives none."""

    words: tuple[RecognisedWord, ...] = ()
    language: str | None = None
    avg_logprob: float | None = None
    """Mean log probability of the tokens"""
    no_speech_prob: float | None = None
    """Probability that nobody speaks"""
    compression_ratio: float | None = None
    """How many times shorter the text becomes when compressed"""
    language_probability: float | None = None
    """Probability of `language`, where it was detected"""
    draft: object = field(default=None, compare=False, repr=False)
    """What the same recogniser may start from when it reads more of the same slice"""

    unstable: bool = False
    """Whether the final reading will hear more than this one did, so that no word of it is sure"""

    @property
    def text(self) -> str:
        """The words, joined by single spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """One slice to be read; the fields are the arguments of `Recogniser.read`."""

    audio: Samples
    prompt: str | None = None
    language: str | None = None
    hotwords: tuple[str, ...] = ()
    partial: bool = False
    draft: object = None


class Recogniser(Protocol):
    """Audio in, words out; holds weights and no state of any meeting.

    One with a true attribute `context` takes no prompt, and hears what was said right before a slice instead.
    """

    @property
    def name(self) -> str:
        """As shown to people, such as "small" or "moonshine-tiny-en" """

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Codes of the languages it reads; None means any that Whisper knows"""

    def pace(self) -> float:
        """Seconds of computing per second of speech, as measured in a moment."""

    def read(
        self,
        audio: Samples,
        *,
        prompt: str | None = None,
        language: str | None = None,
        hotwords: Sequence[str] = (),
        partial: bool = False,
        draft: object = None,
    ) -> RecognitionResult:
        """Read one slice of speech.

        `prompt` is the text before it, `partial` asks for speed, `draft` comes from a reading of its beginning and
        may only make it faster. The same audio and arguments give the same result.
        Raises BlockError.
        """


class BatchRecogniser(Recogniser, Protocol):
    """A recogniser that gains from reading several slices together."""

    @property
    def at_once(self) -> int:
        """Slices that it reads together at most"""

    def read_all(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Read slices as `read` would, one reading for each, in order. Raises BlockError when any of them fails."""


def trim_context(
    result: RecognitionResult, context: int, length: int, last_word: str | None = None
) -> RecognitionResult:
    """A reading of `start + length` samples without what was said in the first `start`, with times from there.

    A word belongs where its middle is; but where the last word `before` that place is known, and the reading has it
    one word further or nearer than that, it is the seam: a word there is neither said twice nor lost.
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
    words = [replace(word, start=word.start - context, end=word.end - context) for word in result.words[count:]]
    return replace(result, words=fix_word_times(words, length), draft=None)


def compression_ratio(text: str) -> float:
    """How many times shorter the text becomes when compressed; 0 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_loop(words: Sequence[str]) -> bool:
    """Whether the same phrase follows itself more often than anybody would say it."""
    normalised = [normalise_word(word) for word in words]
    for length in range(1, min(LOOP_MAX_PHRASE, len(normalised) // LOOP_REPEATS) + 1):
        needed = max(LOOP_REPEATS, -(-LOOP_MIN_WORDS // length))
        same = 0
        for here in range(length, len(normalised)):
            same = same + 1 if normalised[here] == normalised[here - length] else 0
            if same >= length * (needed - 1):
                return True
    return False


def implausible_reason(result: RecognitionResult, samples: int) -> str | None:
    """Why a reading of that many samples is not believed: "loop", "repetition", "silence" or "haste"; None if it is."""
    if is_loop([word.text for word in result.words]):
        return "loop"
    if result.compression_ratio is not None and result.compression_ratio > MAX_COMPRESSION_RATIO:
        return "repetition"
    guessed = result.avg_logprob is not None and result.avg_logprob < MIN_AVG_LOGPROB
    if guessed and (result.no_speech_prob is None or result.no_speech_prob > MAX_NO_SPEECH_PROB):
        return "silence"
    # One second more, since a short slice may hold the ends of words that began before it.
    if len(result.words) > MAX_WORDS_PER_SECOND * (samples / SAMPLE_RATE + 1):
        return "haste"
    return None


def is_plausible(result: RecognitionResult, samples: int) -> bool:
    """Whether a reading of that many samples may be shown."""
    return implausible_reason(result, samples) is None


def fix_word_times(words: Sequence[RecognisedWord], samples: int) -> tuple[RecognisedWord, ...]:
    """Words in the order given, whose times neither go back nor overlap nor are empty and stay within `samples`."""
    kept = [replace(word, text=word.text.strip()) for word in words if word.text.strip()]
    shortest = min(MIN_WORD_SAMPLES, samples // len(kept)) if kept else 0
    if not shortest:
        return ()
    fixed: list[RecognisedWord] = []
    before = 0
    for index, word in enumerate(kept):
        room = samples - (len(kept) - index - 1) * shortest
        start = min(max(word.start, before), room - shortest)
        following = kept[index + 1].start if index + 1 < len(kept) else samples
        end = min(max(min(word.end, following), start + shortest), room)
        fixed.append(replace(word, start=start, end=end))
        before = end
    return tuple(fixed)


def absolute_words(result: RecognitionResult, start: int) -> tuple[Word, ...]:
    """The words of a piece of audio that begins at sample `start` of the meeting."""
    return tuple(Word(word.text, Span(start + word.start, start + word.end), word.confidence) for word in result.words)


def normalise_word(word: str) -> str:
    """A word without case and punctuation; punctuation alone stays, so that it equals itself only."""
    letters = "".join(char for char in word.casefold() if unicodedata.category(char)[0] not in "PS")
    return letters or word
