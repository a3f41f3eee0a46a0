"""What of an utterance is final while it still grows: its complete sentences.

A line whose speaker has finished, and in which somebody else goes on without a pause, would otherwise wait for the
end of the other. A recogniser changes little of a sentence once it has heard how the next one begins: what is cut there
loses less than what is cut at any fixed time or at a quiet place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.asr.recogniser import RecognisedWord
from pipelines.types import ends_sentence, samples

LOOK_AHEAD = samples(0.5)
"""Audio behind a sentence that must have been heard"""
MIN_LENGTH = samples(1.0)
"""Shortest audio that is committed at once"""
MIN_CONFIDENCE = 0.7
"""Mean confidence that the words need: what a recogniser guesses at in noise it takes back later"""
MAX_REREAD = samples(5.0)
"""Committed audio that is read again as context of what follows"""


@dataclass(frozen=True, slots=True)
class Committed:
    """What is final of one utterance; times in samples from its start."""

    index: int = -1
    """That of the utterance"""
    words: tuple[RecognisedWord, ...] = ()
    ends: tuple[int, ...] = ()
    """Where each committed stretch ends, in order"""

    @property
    def end(self) -> int:
        """Where what is still open begins."""
        return self.ends[-1] if self.ends else 0

    def reread_from(self, context: int) -> int:
        """Where reading begins for what is open: at most `MAX_REREAD` before it, where a stretch begins.

        `context` samples lie before the utterance; the start of these is negative.
        """
        starts = (-context, 0, *self.ends)
        return next(start for start in starts if start == self.end or self.end - start <= MAX_REREAD)

    def extend(self, open_words: Sequence[RecognisedWord], length: int) -> Committed:
        """With the complete sentences of the words that follow; the utterance has `length` samples by now."""
        count = complete_sentences(open_words, length - LOOK_AHEAD)
        if not count or not _is_sure(open_words[:count]):
            return self
        end = (open_words[count - 1].end + open_words[count].start) // 2
        if end - self.end < MIN_LENGTH:
            return self
        return Committed(self.index, (*self.words, *open_words[:count]), (*self.ends, end))


def _is_sure(words: Sequence[RecognisedWord]) -> bool:
    known = [word.confidence for word in words if word.confidence is not None]
    return not known or sum(known) >= MIN_CONFIDENCE * len(known)


def complete_sentences(words: Sequence[RecognisedWord], latest: int) -> int:
    """Number of words at the start that end with a sentence, before sample `latest`, and that others follow."""
    counts = (at + 1 for at, word in enumerate(words[:-1]) if word.end <= latest and ends_sentence(word.text))
    return max(counts, default=0)
