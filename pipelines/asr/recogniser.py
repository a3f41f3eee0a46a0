"""The seam behind which speech recognisers live, and the doubts that all their results must pass; loads no model."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipelines.types import SAMPLE_RATE, Samples, Span, Word

SHORTEST_WORD = SAMPLE_RATE // 50
"""Samples that a word lasts at least, where there is room (20 ms)"""

LOOP_REPEATS = 4
"""Times that the same words follow each other before it is a loop"""
LOOP_WORDS = 8
"""Words that such a loop has at least: "no, no, no, no" is speech"""
LOOP_LONGEST = 12
"""Words of the longest phrase that is looked for"""

MOST_COMPRESSION = 2.4
"""Text that shrinks further than this repeats itself"""
LEAST_LOGPROB = -1.0
"""Mean log probability below which a result is a guess"""
MOST_NO_SPEECH = 0.6
"""Probability of "no speech here" above which a guess is not believed"""
MOST_WORDS_A_SECOND = 9.0
"""Faster than people speak"""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word, with times in samples from the start of the audio that was read."""

    text: str
    start: int
    end: int
    confidence: float | None = None
    """Probability in [0, 1]; None where the recogniser gives none"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser made of one piece of audio; the measures are None where it gives none."""

    words: tuple[HeardWord, ...] = ()
    language: str | None = None
    avg_logprob: float | None = None
    """Mean log probability of the tokens"""
    no_speech: float | None = None
    """Probability that nobody speaks"""
    compression: float | None = None
    """How many times shorter the text becomes when compressed"""
    language_confidence: float | None = None
    """Probability of `language`, where it was detected"""
    draft: object = field(default=None, compare=False, repr=False)
    """What the same recogniser may start from when it reads more of the same slice"""

    provisional: bool = False
    """Whether the final reading will hear more than this one did, so that no word of it is sure"""

    @property
    def text(self) -> str:
        """The words, joined by single spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Request:
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
    ) -> Heard:
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

    def read_all(self, requests: Sequence[Request]) -> list[Heard]:
        """Read slices as `read` would, one reading for each, in order. Raises BlockError when any of them fails."""


def behind(heard: Heard, start: int, length: int, before: str | None = None) -> Heard:
    """A reading of `start + length` samples without what was said in the first `start`, with times from there.

    A word belongs where its middle is; but where the last word `before` that place is known, and the reading has it
    one word further or nearer than that, it is the seam: a word there is neither said twice nor lost.
    """
    count = sum((word.start + word.end) // 2 < start for word in heard.words)
    if before:
        near = (count, count - 1, count + 1)
        alike = (at for at in near if 0 < at <= len(heard.words) and plain(heard.words[at - 1].text) == plain(before))
        count = next(alike, count)
    words = [replace(word, start=word.start - start, end=word.end - start) for word in heard.words[count:]]
    return replace(heard, words=tidy(words, length), draft=None)


def compression_ratio(text: str) -> float:
    """How many times shorter the text becomes when compressed; 0 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_loop(words: Sequence[str]) -> bool:
    """Whether the same phrase follows itself more often than anybody would say it."""
    said = [plain(word) for word in words]
    for length in range(1, min(LOOP_LONGEST, len(said) // LOOP_REPEATS) + 1):
        needed = max(LOOP_REPEATS, -(-LOOP_WORDS // length))
        same = 0
        for here in range(length, len(said)):
            same = same + 1 if said[here] == said[here - length] else 0
            if same >= length * (needed - 1):
                return True
    return False


def doubt(heard: Heard, samples: int) -> str | None:
    """Why a reading of that many samples is not believed: "loop", "repetition", "silence" or "haste"; None if it is."""
    if is_loop([word.text for word in heard.words]):
        return "loop"
    if heard.compression is not None and heard.compression > MOST_COMPRESSION:
        return "repetition"
    guessed = heard.avg_logprob is not None and heard.avg_logprob < LEAST_LOGPROB
    if guessed and (heard.no_speech is None or heard.no_speech > MOST_NO_SPEECH):
        return "silence"
    # One second more, since a short slice may hold the ends of words that began before it.
    if len(heard.words) > MOST_WORDS_A_SECOND * (samples / SAMPLE_RATE + 1):
        return "haste"
    return None


def believable(heard: Heard, samples: int) -> bool:
    """Whether a reading of that many samples may be shown."""
    return doubt(heard, samples) is None


def tidy(words: Sequence[HeardWord], samples: int) -> tuple[HeardWord, ...]:
    """Words in the order given, whose times neither go back nor overlap nor are empty and stay within `samples`."""
    kept = [replace(word, text=word.text.strip()) for word in words if word.text.strip()]
    shortest = min(SHORTEST_WORD, samples // len(kept)) if kept else 0
    if not shortest:
        return ()
    tidied: list[HeardWord] = []
    before = 0
    for index, word in enumerate(kept):
        room = samples - (len(kept) - index - 1) * shortest
        start = min(max(word.start, before), room - shortest)
        following = kept[index + 1].start if index + 1 < len(kept) else samples
        end = min(max(min(word.end, following), start + shortest), room)
        tidied.append(replace(word, start=start, end=end))
        before = end
    return tuple(tidied)


def placed(heard: Heard, start: int) -> tuple[Word, ...]:
    """The words of a piece of audio that begins at sample `start` of the meeting."""
    return tuple(Word(word.text, Span(start + word.start, start + word.end), word.confidence) for word in heard.words)


def plain(word: str) -> str:
    """A word without case and punctuation; punctuation alone stays, so that it equals itself only."""
    letters = "".join(char for char in word.casefold() if unicodedata.category(char)[0] not in "PS")
    return letters or word
