"""How good what a meeting shows is: words, speakers, lines that are there twice, speech that is nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.report import percentile
from benchmarks.microphones.joined import Shown
from benchmarks.microphones.scenes import Microphone
from meeting.evaluation.evaluate import Reference
from meeting.evaluation.scores import Accuracy, Row, Share, accuracy, bare
from pipelines.turns import join_spans
from pipelines.types import SAMPLE_RATE, Segment, Span, Turn, samples

SAME = 0.5
"""Of the time, and of the words, of the shorter of two lines that make them the same line shown twice"""
COLLAR = samples(0.25)
"""What a line is taken to cover before and after it"""
RATES = ("WER", "cpWER", "DER")
"""Figures of which the best microphone has the lowest"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One way to hear a meeting, or several meetings together."""

    accuracy: Accuracy = field(default_factory=Accuracy)
    twice: int = 0
    """Lines that another source shows as well"""
    lines: int = 0
    lost: Share = field(default_factory=Share)
    """Seconds of speech that no line covers"""
    finals: list[float] = field(default_factory=list)
    """Seconds from the end of each line until it was first final"""
    misplaced: float = 0.0
    """Seconds by which some source is not where it belongs on the meeting's clock, at most"""
    changed: Share = field(default_factory=Share)
    """Changes of the source that is shown while text grows, and words that are shown in the end"""

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.accuracy + other.accuracy,
            self.twice + other.twice,
            self.lines + other.lines,
            self.lost + other.lost,
            self.finals + other.finals,
            max(self.misplaced, other.misplaced),
            self.changed + other.changed,
        )

    def rate(self, name: str) -> float | None:
        """One of RATES."""
        found = {"WER": self.accuracy.wer, "cpWER": self.accuracy.cpwer, "DER": self.accuracy.der}
        return found[name].rate

    def told(self) -> dict[str, Any]:
        """As plain numbers; None where there is nothing to measure."""
        return {
            **{name: self.rate(name) for name in RATES},
            "miss": self.accuracy.miss.rate,
            "fa": self.accuracy.false_alarm.rate,
            "confusion": self.accuracy.confusion.rate,
            "speakers": f"{self.accuracy.speakers}/{self.accuracy.reference_speakers}",
            "lines": self.lines,
            "twice": self.twice,
            "lost": self.lost.rate,
            "final_p50": percentile(self.finals, 50),
            "final_p95": percentile(self.finals, 95),
            "misplaced": self.misplaced,
            "changed": self.changed.rate,
        }


def score(reference: Reference, shown: Shown, first: Microphone) -> Figures:
    """Compare what a meeting shows with what was said; both in the time of the first microphone."""
    rows: list[Row] = [
        {
            "speaker": line.speaker,
            "start_time": line.span.start / SAMPLE_RATE,
            "end_time": line.span.end / SAMPLE_RATE,
            "words": line.text,
        }
        for line in shown.lines
    ]
    late = [shown.ready[line.id] - first.at(line.span.end) for line in shown.lines]
    return Figures(
        accuracy(reference.said, reference.turns, rows, shown.turns),
        len(twice(shown.lines)),
        len(shown.lines),
        lost(reference.turns, shown.lines),
        late,
        shown.misplaced,
        shown.changed,
    )


def twice(lines: Sequence[Segment]) -> list[tuple[Segment, Segment]]:
    """Lines that are also shown from another source, each with the longer one that says the same at the same time."""
    found = []
    for line in lines:
        others = (one for one in lines if one.source_id != line.source_id and _shorter(line, one))
        same = next((one for one in others if _same(line, one)), None)
        if same is not None:
            found.append((line, same))
    return found


def _shorter(line: Segment, other: Segment) -> bool:
    return (len(line.words), line.id) < (len(other.words), other.id)


def _same(line: Segment, longer: Segment) -> bool:
    if len(line.span & longer.span) <= SAME * min(len(line.span), len(longer.span)):
        return False
    said, again = (Counter(bare(word.text) for word in one.words) for one in (line, longer))
    return (said & again).total() > SAME * len(line.words)


def lost(turns: Iterable[Turn], lines: Iterable[Segment]) -> Share:
    """Seconds in which somebody speaks, and of these the ones that no line covers."""
    spoken = join_spans(turn.span for turn in turns)
    covered = join_spans(Span(max(0, line.span.start - COLLAR), line.span.end + COLLAR) for line in lines)
    whole = sum(map(len, spoken))
    common = sum(len(one & other) for one in spoken for other in covered)
    return Share((whole - common) / SAMPLE_RATE, whole / SAMPLE_RATE)


def best(alone: Mapping[str, Figures], rate: str) -> str:
    """The microphone that has the lowest rate by itself."""
    return min(alone, key=lambda name: (_known(alone[name].rate(rate)), name))


def _known(rate: float | None) -> float:
    return float("inf") if rate is None else rate
