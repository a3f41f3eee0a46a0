"""Partial results of an utterance that grows: what was recognised long ago is kept, only the rest is recognised again.

Without this a long utterance would cost more with each partial result. Final results never use what is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.asr.recogniser import RecognisedWord, RecognitionResult, normalise_word, shift_words
from pipelines.spacing import join_words
from pipelines.types import samples

MAX_REREAD = samples(5.0)
"""Audio that is recognised again as a whole; of more, the beginning is kept as it was recognised"""
REREAD = samples(2.5)
"""Audio at the end that is always recognised again: what a recogniser makes of it depends on what follows"""
WORD_LEAD = samples(0.05)
"""Room before a word that begins where another ends, so that its onset is not cut off"""


@dataclass(slots=True)
class PartialTranscript:
    """What is known of one utterance while it grows. `start` and `extend` are called in turn."""

    key: tuple[int, int] = (-1, -1)
    """Index and first sample of the utterance"""
    anchor: int = 0
    """Sample of the utterance from which on it is recognised again"""
    settled: tuple[RecognisedWord, ...] = ()
    """Words before the anchor"""
    open_words: tuple[RecognisedWord, ...] = ()
    """Words behind it as last recognised; times of both are from the start of the utterance"""
    draft: object = None
    """What the recogniser may start from behind the anchor"""

    @property
    def settled_text(self) -> str:
        """The text before the anchor."""
        return join_words(word.text for word in self.settled)

    def start(self, key: tuple[int, int], length: int) -> int:
        """The sample from which to recognise an utterance, now that it has `length` samples."""
        if key != self.key:
            self.key, self.anchor, self.settled, self.open_words, self.draft = key, 0, (), (), None
        elif length - self.anchor > MAX_REREAD:
            self._move_anchor(length - REREAD)
        return self.anchor

    def go_on(
        self,
        key: tuple[int, int],
        anchor: int,
        settled: Sequence[RecognisedWord],
        open_words: Sequence[RecognisedWord],
    ) -> None:
        """Go on behind words that are final by now."""
        self.key, self.anchor, self.draft = key, anchor, None
        self.settled, self.open_words = tuple(settled), tuple(open_words)

    def extend(self, result: RecognitionResult) -> RecognitionResult:
        """The result of the whole utterance, from that of the audio behind the anchor."""
        words = shift_words(result.words, self.anchor)
        if words and self.open_words and normalise_word(words[0].text) == normalise_word(self.open_words[0].text):
            # a recogniser takes what it is given for a new sentence, and writes its first word with a capital letter
            words[0] = replace(words[0], text=self.open_words[0].text)
        self.open_words, self.draft = tuple(words), result.draft
        return replace(result, words=(*self.settled, *self.open_words), draft=None)

    def _move_anchor(self, latest: int) -> None:
        """Put the anchor into the longest pause of its last part before `latest`; without a pause it stays."""
        middle = (self.anchor + latest) // 2
        gaps = [
            (after.start - before.end, number)
            for number, (before, after) in enumerate(zip(self.open_words, self.open_words[1:], strict=False), 1)
            if middle <= after.start <= latest
        ]
        if not gaps:
            return
        number = max(gaps)[1]
        before, after = self.open_words[number - 1 : number + 1]
        self.anchor = max((before.end + after.start) // 2 - WORD_LEAD, before.start)
        self.settled = (*self.settled, *self.open_words[:number])
        self.open_words, self.draft = self.open_words[number:], None
