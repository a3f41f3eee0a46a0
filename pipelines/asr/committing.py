"""What of an utterance is final while it still grows: its complete sentences, and what another voice follows.

A line whose speaker has finished, and in which somebody else goes on without a pause, would otherwise wait for the
end of the other. A recogniser changes little of a sentence once it has heard how the next one begins: what is cut there
loses less than what is cut at any fixed time or at a quiet place. Nor does it change much of what somebody said before
another began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipelines.asr.recogniser import RecognisedWord
from pipelines.turns import labelled_runs
from pipelines.types import ends_sentence, samples

LOOK_AHEAD = samples(0.5)
"""Audio behind a sentence that must have been heard"""
MIN_LENGTH = samples(1.0)
"""Shortest audio that is committed at once"""
MIN_CONFIDENCE = 0.7
"""Mean confidence that sentences need: what a recogniser guesses at in noise it takes back later"""
MIN_CONFIDENCE_BEFORE_CHANGE = 0.5
"""The same for words that another voice follows, which the end of the utterance will hardly explain"""
MIN_WORDS_OF_VOICE = 2
"""Words of each voice at a change; a single one may have a turn that is told a little too early or too late"""
MIN_SPEECH_BEFORE_CHANGE = samples(1.0)
"""Shortest run of words of the voice before a change"""
MIN_SPEECH_BEHIND_CHANGE = samples(0.3)
"""The same for the voice behind it"""
MIN_SENTENCE_PART_BEFORE_CHANGE = samples(0.7)
"""Shortest part of a sentence that may have another speaker than the rest; less than where lines are split, since what
is shorter waits"""
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

    def extend(self, open_words: Sequence[RecognisedWord], length: int, labels: Sequence[str | None] = ()) -> Committed:
        """With those of the words that follow that are final; the utterance has `length` samples by now.

        `labels` are the speakers of these words, None for unknown ones; empty where nobody tells speakers apart.
        """
        latest = length - LOOK_AHEAD
        sentences = _sure(open_words[: complete_sentences(open_words, latest)], MIN_CONFIDENCE)
        before_change = open_words[: before_change_of_voice(open_words, labels, latest)]
        count = max(len(sentences), len(_sure(before_change, MIN_CONFIDENCE_BEFORE_CHANGE)))
        if not count:
            return self
        end = (open_words[count - 1].end + open_words[count].start) // 2
        if end - self.end < MIN_LENGTH:
            return self
        return Committed(self.index, (*self.words, *open_words[:count]), (*self.ends, end))

    def read_again(self, before: Committed, open_words: Sequence[RecognisedWord]) -> Committed:
        """With the words of another reading in the last stretch; `before` is what was final without it.

        The words are those that follow `before`. Where none of them lies in the stretch it keeps those that it has.
        """
        count = sum(word.start + word.end < 2 * self.end for word in open_words)
        return Committed(self.index, (*before.words, *open_words[:count]), self.ends) if count else self


def _sure(words: Sequence[RecognisedWord], least: float) -> Sequence[RecognisedWord]:
    """The words, or none of them where their mean confidence is below `least`."""
    known = [word.confidence for word in words if word.confidence is not None]
    return words if not known or sum(known) >= least * len(known) else ()


def complete_sentences(words: Sequence[RecognisedWord], latest: int) -> int:
    """Number of words at the start that end with a sentence, before sample `latest`, and that others follow."""
    counts = (at + 1 for at, word in enumerate(words[:-1]) if word.end <= latest and ends_sentence(word.text))
    return max(counts, default=0)


def before_change_of_voice(words: Sequence[RecognisedWord], labels: Sequence[str | None], latest: int) -> int:
    """Number of words at the start behind which another voice is heard, the last of them before sample `latest`.

    `labels` are the speakers of the words, None for unknown ones. Each voice has several words there and some speech.
    """
    runs = [run for _, run in labelled_runs(words[: len(labels)], labels)]
    found = count = 0
    for before, behind in pairwise(runs):
        count += len(before)
        if (
            min(len(before), len(behind)) >= MIN_WORDS_OF_VOICE
            and before[-1].end - before[0].start >= MIN_SPEECH_BEFORE_CHANGE
            and behind[-1].end - behind[0].start >= MIN_SPEECH_BEHIND_CHANGE
            and before[-1].end <= latest
        ):
            found = count
    return found
