"""Lines that stand whatever is heard now: what other sources hear of the same speech is not told beside them. Pure.

Which source is shown where several hear the same may be another one with other models. A line that people have
edited, or whose sound is gone, says all the same what was said, and the other source would say it once more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pipelines.turns import join_spans
from pipelines.types import Segment, Span, Word, samples

NEAR_NEW, NEAR_OLD = samples(0.25), samples(0.5)
"""Samples around a word of a source in which it is taken to be speaking: now, and as it was shown before"""


class StandingLines:
    """The lines that stand, by source."""

    def __init__(self, standing: Iterable[Segment], before: Iterable[Segment], now: Iterable[Segment]) -> None:
        """`before` are the other lines that were shown, `now` are those that are heard now."""
        self._standing = _by_source((line.source_id, line.span) for line in standing)
        self._before = _by_source(_words(before, NEAR_OLD))
        self._now = _by_source(_words(now, NEAR_NEW))

    def beside(self, segment: Segment) -> list[Segment]:
        """What a line that is heard now says beside those that stand: all of it, mostly, or parts, or nothing."""
        others = [id_ for id_ in self._standing if id_ != segment.source_id]
        if not others:
            return [segment]
        runs: list[list[Word]] = [[]]
        for word in segment.words:
            middle = (word.span.start + word.span.end) // 2
            if any(self._said_by(id_, middle) for id_ in others):
                runs.append([])
            else:
                runs[-1].append(word)
        left = [tuple(run) for run in runs if run]
        if left == [segment.words]:
            return [segment]
        return [_part(segment, number, words) for number, words in enumerate(left, 1)]

    def _said_by(self, source_id: str, sample: int) -> bool:
        """Whether what is heard at a sample is what a line of this source that stands is about, and nothing else."""
        if sample not in self._standing[source_id] or sample in self._now.get(source_id, _NEVER):
            return False  # where both are heard now, they hear different things
        return not any(sample in times for id_, times in self._before.items() if id_ != source_id)


class _Times:
    """Samples at which something is the case."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = join_spans(spans)
        self._starts = [span.start for span in self._spans]

    def __contains__(self, sample: int) -> bool:
        at = bisect_right(self._starts, sample) - 1
        return at >= 0 and sample < self._spans[at].end


_NEVER = _Times(())


def _by_source(spans: Iterable[tuple[str, Span]]) -> Mapping[str, _Times]:
    found: dict[str, list[Span]] = {}
    for source_id, span in spans:
        found.setdefault(source_id, []).append(span)
    return {source_id: _Times(times) for source_id, times in found.items()}


def _words(lines: Iterable[Segment], near: int) -> Iterator[tuple[str, Span]]:
    for line in lines:
        for word in line.words:
            yield line.source_id, Span(word.span.start - near, word.span.end + near)


def _part(segment: Segment, number: int, words: tuple[Word, ...]) -> Segment:
    span = Span(words[0].span.start, words[-1].span.end)
    id_ = segment.id if number == 1 else f"{segment.id}x{number}"
    part = replace(segment, id=id_, span=span, words=words)
    return replace(part, stable_chars=len(part.text))
