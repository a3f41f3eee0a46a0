"""How soon words stand under a label, how often that changes, and whether the first one was right."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.harness.report import percentile
from meeting.core.transcript import follow
from pipelines.types import SAMPLE_RATE, Output, Segment, Span, Speaker, SpeakersRevised, Word, samples

KNOWN_FOR = samples(1.0)
"""A voice is known once its label has stood somewhere for so long before a word begins"""
COLUMNS = {
    "condition": "condition",
    "words": "words",
    "of known voices": "known",
    "label p50, s": "label_p50",
    "label p95, s": "label_p95",
    "within 2 s": "in_time",
    "first = last": "agreement",
    "flips per word": "flips",
}


@dataclass(frozen=True, slots=True)
class LabelTimes:
    """The words of one recording or of several."""

    delays: list[float] = field(default_factory=list)
    """Of each word of a voice that was known: seconds from its end until a label, right or wrong, stood on it"""
    agreeing: int = 0
    """Of these words, those whose first label was also the last"""
    flips: int = 0
    """Changes from one label to another, of these words together"""
    words: int = 0
    """All that were kept, those of new voices and those without a label too"""

    def __add__(self, other: LabelTimes) -> LabelTimes:
        return LabelTimes(
            self.delays + other.delays,
            self.agreeing + other.agreeing,
            self.flips + other.flips,
            self.words + other.words,
        )

    def figures(self) -> dict[str, Any]:
        """For the table; None where there is nothing to measure."""
        known = len(self.delays)
        return {
            "words": self.words,
            "known": known,
            "label_p50": percentile(self.delays, 50),
            "label_p95": percentile(self.delays, 95),
            "in_time": sum(delay <= 2.0 for delay in self.delays) / known if known else None,
            "agreement": self.agreeing / known if known else None,
            "flips": self.flips / known if known else None,
        }


@dataclass(slots=True)
class _Watched:
    """One word that was kept, and the labels that stood on its place."""

    word: Word
    labels: list[tuple[int, str]] = field(default_factory=list)
    """Each with the samples heard when it came; no two alike in a row"""


def label_times(told: Iterable[tuple[int, Output]]) -> LabelTimes:
    """What a pipeline said, each output with the samples heard by then.

    A word's place is its middle: which label stood there is asked of the partial lines of each moment, whatever
    words they had. Voices that turned out to be one have one label from then on.
    """
    told = list(told)
    watched = [_Watched(word) for word in _kept_words(told)]
    middles = [_middle(one.word) for one in watched]
    shown, merged, known = dict[str, Segment](), dict[str, str](), dict[str, int]()
    for heard, output in told:
        touched = [Span(0, 0)]
        if isinstance(output, Speaker) and output.merged_into is not None:
            merged[output.id] = output.merged_into
            touched = [segment.span for segment in shown.values()]
        for segment in _changed(output, shown):
            touched += [segment.span, *([shown[segment.id].span] if segment.id in shown else [])]
            shown[segment.id] = segment
            if segment.words and segment.speaker is not None:
                known.setdefault(follow(segment.speaker, merged), heard)
        for at in {at for span in touched for at in _inside(middles, span)}:
            label = _label_at(middles[at], shown.values())
            if label is not None:
                _note(watched[at], heard, follow(label, merged))
    return _summary(watched, known, merged)


def _kept_words(told: Sequence[tuple[int, Output]]) -> list[Word]:
    """Those of the final lines, in order of time."""
    kept = {output.id: output for _, output in told if isinstance(output, Segment)}
    words = [word for segment in kept.values() if segment.final for word in segment.words]
    return sorted(words, key=_middle)


def _changed(output: Output, shown: dict[str, Segment]) -> list[Segment]:
    if isinstance(output, Segment):
        return [output]
    if not isinstance(output, SpeakersRevised):
        return []
    changes = [change for change in output.changes if change.id in shown]
    return [replace(shown[change.id], speaker=change.after) for change in changes]


def _inside(middles: Sequence[int], span: Span) -> range:
    return range(bisect_left(middles, span.start), bisect_left(middles, span.end))


def _label_at(place: int, shown: Iterable[Segment]) -> str | None:
    """The label of the line that covers a place."""
    around = (segment for segment in shown if segment.words and segment.span.start <= place < segment.span.end)
    return next((segment.speaker for segment in around), None)


def _note(watched: _Watched, heard: int, label: str) -> None:
    if not watched.labels or watched.labels[-1][1] != label:
        watched.labels.append((heard, label))


def _summary(watched: Sequence[_Watched], known: dict[str, int], merged: dict[str, str]) -> LabelTimes:
    since: dict[str, int] = {}
    for label, heard in known.items():
        owner = follow(label, merged)
        since[owner] = min(heard, since.get(owner, heard))
    of_known = [one for one in watched if one.labels and since[one.labels[-1][1]] + KNOWN_FOR <= one.word.span.start]
    return LabelTimes(
        [max(0, one.labels[0][0] - one.word.span.end) / SAMPLE_RATE for one in of_known],
        sum(follow(one.labels[0][1], merged) == one.labels[-1][1] for one in of_known),
        sum(len(one.labels) - 1 for one in of_known),
        len(watched),
    )


def _middle(word: Word) -> int:
    return (word.span.start + word.span.end) // 2
