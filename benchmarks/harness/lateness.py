"""Which lines are final late, and what they waited for, from what was shown of them on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.report import percentile
from pipelines.asr.committing import LOOK_AHEAD, MIN_CONFIDENCE
from pipelines.types import SAMPLE_RATE, Output, Segment, Word, ends_sentence, samples

LATE = 1.5
"""Seconds from which a line counts as late"""
NEAR = samples(0.35)
"""How far the end of a word may move from one text to the next"""
CORRECTED = "cut off by a correction of labels"
ENDED = "nobody goes on behind it"
UNREAD = "not read since its end"
NO_SENTENCE = "no sentence ended there"
UNSURE = "a sentence that was not sure"
WAITED = "a sentence that waited"
CAUSES = (CORRECTED, NO_SENTENCE, UNSURE, WAITED, UNREAD, ENDED)


@dataclass(frozen=True, slots=True)
class Lateness:
    """The lines of one recording or of several, with the pieces that were cut off them."""

    shown: list[float] = field(default_factory=list)
    """Of each: seconds from its end until its last word was first in a final line, whichever that was"""
    late: list[tuple[str, float]] = field(default_factory=list)
    """Cause, one of `CAUSES`, and seconds from its end to its final text, of those that are late"""

    def __add__(self, other: Lateness) -> Lateness:
        return Lateness(self.shown + other.shown, self.late + other.late)

    def figures(self) -> dict[str, Any]:
        """For the table; None where there is nothing to measure."""
        count = len(self.shown)
        return {
            "shown_p95": percentile(self.shown, 95),
            "shown_in_time": sum(delay <= LATE for delay in self.shown) / count if count else None,
            "late": {cause: self._delays(cause) for cause in CAUSES},
        }

    def _delays(self, cause: str) -> list[float]:
        return [delay for of, delay in self.late if of == cause]

    def rows(self) -> list[list[Any]]:
        """For people: cause, how many, their share of all lines, median, how many are later than 4 s."""
        found = [(cause, self._delays(cause)) for cause in CAUSES]
        return [
            [cause, len(late), len(late) / len(self.shown), percentile(late, 50), sum(delay > 4 for delay in late)]
            for cause, late in found
            if late
        ]


COLUMNS = ("late, since", "lines", "of all", "median, s", "over 4 s")


@dataclass(slots=True)
class _Line:
    """What is shown of one line, which several segments may share."""

    pieces: dict[str, Segment] = field(default_factory=dict)
    final_at: int | None = None
    texts: list[tuple[int, tuple[Word, ...]]] = field(default_factory=list)
    """What was shown while it was open, each with the samples heard by then"""
    words_at: dict[int, int] = field(default_factory=dict)
    """Samples heard when a word was first final, by where it starts"""


def lateness(told: Iterable[tuple[int, Output]]) -> Lateness:
    """All that a pipeline has said, each with the samples heard by then."""
    lines: dict[str, _Line] = {}
    found = Lateness()
    for heard, output in told:
        if not isinstance(output, Segment):
            continue
        name = output.id.partition(".")[0]
        line = lines.setdefault(name, _Line())
        before = line.pieces.get(output.id)
        new = output.final and output.words and not (before is not None and before.final)
        line.pieces[output.id] = output
        if not output.final:
            line.texts.append((heard, _words(line)))
            continue
        line.final_at = heard if line.final_at is None else line.final_at
        for word in output.words:
            line.words_at.setdefault(word.span.start, heard)
        if new:
            found.shown.append((line.words_at[output.words[-1].span.start] - output.span.end) / SAMPLE_RATE)
            delay = (heard - output.span.end) / SAMPLE_RATE
            if delay > LATE:
                found.late.append((_cause(line, output, heard), delay))
    return found


def _words(line: _Line) -> tuple[Word, ...]:
    pieces = sorted((piece for piece in line.pieces.values() if piece.words), key=lambda piece: piece.span)
    return tuple(word for piece in pieces for word in piece.words)


def _cause(line: _Line, segment: Segment, heard: int) -> str:
    assert line.final_at is not None
    if heard > line.final_at + LOOK_AHEAD:
        return CORRECTED
    end = segment.span.end
    texts = [words for at, words in line.texts if end + LOOK_AHEAD <= at < heard]
    if not texts:
        return UNREAD
    if all(words[-1].span.end <= end + NEAR for words in texts if words):
        return ENDED
    sentences = [found for words in texts if (found := _sentence(words, end))]
    if not sentences:
        return NO_SENTENCE
    return WAITED if any(_confidence(words) >= MIN_CONFIDENCE for words in sentences) else UNSURE


def _sentence(words: Sequence[Word], end: int) -> Sequence[Word]:
    """The words up to the sentence that ends about there; none where there is no such sentence."""
    counts = [
        at for at, word in enumerate(words[:-1], 1) if abs(word.span.end - end) <= NEAR and ends_sentence(word.text)
    ]
    return words[: counts[-1]] if counts else ()


def _confidence(words: Sequence[Word]) -> float:
    known = [word.confidence for word in words if word.confidence is not None]
    return sum(known) / len(known) if known else 1.0
