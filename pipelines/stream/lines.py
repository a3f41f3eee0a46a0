"""Utterances become lines: what is final of one that still grows is a line of its own, and so is the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipelines.types import BlockFailed, Hypothesis, Pause, Span, Unread


class LineSplitter:
    """Hypotheses of utterances in, in order; hypotheses of their lines out.

    Once words of an utterance are final (`Hypothesis.committed`) they are a line, and the next hypotheses of the
    utterance are about what follows them. Lines are numbered within their utterance, so that one more in an utterance,
    or one fewer because the machine was too full, moves no number in another.

    Where the recogniser fails on a final utterance, the words that were shown of it last are final: nothing that was
    seen may be lost.
    """

    def __init__(self) -> None:
        self._utterance = -1
        self._line = 0  # the open one of the utterance
        self._final_words = 0  # before it
        self._start = 0  # where it begins
        self._last: Hypothesis | None = None

    def __call__(self, item: Hypothesis | Unread | Pause) -> list[Hypothesis | BlockFailed | Pause]:
        """One more hypothesis of an utterance; gives those of one line or two."""
        if isinstance(item, Pause):
            return [item]
        if isinstance(item, Unread):
            return [item.failure, *self._lines(self._shown(item))]
        self._last = item
        return [*self._lines(item)]

    def _shown(self, unread: Unread) -> Hypothesis:
        index, last = unread.utterance_index, self._last
        shown = last if last is not None and last.utterance_index == index else Hypothesis(index, unread.span, True, ())
        return Hypothesis(index, unread.span, True, shown.words, shown.language, pause=unread.pause)

    def _lines(self, hypothesis: Hypothesis) -> list[Hypothesis]:
        if hypothesis.utterance_index != self._utterance:
            self._utterance, self._start = hypothesis.utterance_index, hypothesis.span.start
            self._line = self._final_words = 0
        lines: list[Hypothesis] = []
        count = hypothesis.committed or 0
        if count > self._final_words:
            words = hypothesis.words[self._final_words : count]
            following = hypothesis.words[count:]
            end = (words[-1].span.end + following[0].span.start) // 2 if following else words[-1].span.end
            lines.append(self._open_line(hypothesis, end, count))
            self._line += 1
            self._final_words, self._start = count, end
        if hypothesis.final or len(hypothesis.words) >= self._final_words:
            lines.append(self._open_line(hypothesis, max(self._start, hypothesis.span.end), None))
        return lines

    def flush(self) -> Iterable[Hypothesis]:
        """Nothing is held back."""
        return []

    def _open_line(self, hypothesis: Hypothesis, end: int, last: int | None) -> Hypothesis:
        """The words behind those that are final; up to `last` these are final now."""
        audio = hypothesis.audio
        if audio is not None:
            audio = audio[self._start - hypothesis.span.start : end - hypothesis.span.start]
        return replace(
            hypothesis,
            span=Span(self._start, end),
            final=hypothesis.final or last is not None,
            words=hypothesis.words[self._final_words : last],
            unstable=hypothesis.unstable and last is None,
            committed=None,
            line=self._line,
            pause=hypothesis.pause and last is None,
            audio=audio,
        )
