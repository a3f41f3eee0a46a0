"""How long words take from the audio to the text, as a meeting sees it; pure: time is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from meeting.sources.measurements import Measurements
from pipelines.types import Output, PipelineStats, Segment

MAX_ARRIVALS = 3000
"""Moments that are remembered: five minutes of frames of 0.1 s; what comes later than that is not counted"""
MAX_EARLY = 100
"""Lines that are remembered because their frame is not known to be on disk yet"""


class LatencyMeters:
    """Watches all sources of one meeting; nothing where there is nobody to tell."""

    def __init__(self, measurements: Measurements | None) -> None:
        self._measurements = measurements
        self._meters: dict[str, LatencyMeter] = {}

    def frame_came(self, source_id: str, seq: int, now: float) -> None:
        """As `LatencyMeter.frame_came`."""
        meter = self._meter(source_id)
        if meter is not None:
            meter.frame_came(seq, now)

    def frame_appended(self, source_id: str, seq: int, samples: int) -> None:
        """As `LatencyMeter.frame_appended`."""
        meter = self._meter(source_id)
        if meter is not None:
            meter.frame_appended(seq, samples)

    def output_made(self, source_id: str, output: Output, now: float) -> None:
        """A source's pipeline has said something, in the time of that source."""
        meter = self._meter(source_id)
        if meter is not None and isinstance(output, Segment):
            meter.line_made(output, now)
        elif meter is not None and isinstance(output, PipelineStats):
            meter.stats_told(output)

    def _meter(self, source_id: str) -> LatencyMeter | None:
        if self._measurements is None:
            return None
        if source_id not in self._meters:
            self._meters[source_id] = LatencyMeter(self._measurements)
        return self._meters[source_id]


class LatencyMeter:
    """Watches one source of one meeting: when which audio came, and when a line reached that far.

    Times are seconds on any steady clock.
    """

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements
        self._frames: deque[tuple[int, float]] = deque(maxlen=MAX_ARRIVALS)
        """Numbers of frames that are not on disk yet, and when they came"""
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=MAX_ARRIVALS)
        """How many samples had come, and when"""
        self._early: deque[tuple[int, float, Callable[[float], None]]] = deque(maxlen=MAX_EARLY)
        self._shown = 0
        self._final = 0
        self._dropped = 0

    def frame_came(self, seq: int, now: float) -> None:
        """The source has sent a frame; one that was sent before counts from its first time."""
        if not self._frames or seq > self._frames[-1][0]:
            self._frames.append((seq, now))

    def frame_appended(self, seq: int, samples: int) -> None:
        """A frame is on disk, and with it the source has so many samples; told again while a long one is heard."""
        while self._frames and self._frames[0][0] < seq:
            self._frames.popleft()
        known = self._frames and self._frames[0][0] == seq
        if known and (not self._arrivals or samples > self._arrivals[-1][0]):
            self._arrivals.append((samples, self._frames[0][1]))
            while self._early and self._early[0][0] <= samples:
                end, when, add = self._early.popleft()
                self._add(end, when, add)

    def line_made(self, segment: Segment, now: float) -> None:
        """Count a line that reaches further than those before; one that is put right later is none."""
        end = segment.span.end
        if not segment.words:
            return
        if end > self._shown:
            self._shown = end
            self._add(end, now, self._measurements.word_latency.add)
        if segment.final and end > self._final:
            self._final = end
            self._add(end, now, self._measurements.final_latency.add)

    def stats_told(self, stats: PipelineStats) -> None:
        """Count how the pipeline keeps up; partial results are told as a sum, which begins anew with a new pipeline."""
        self._measurements.add_stats(stats)
        before = self._dropped if stats.dropped_partials >= self._dropped else 0
        self._dropped = stats.dropped_partials
        if stats.dropped_partials > before:
            self._measurements.dropped_partials.add(count=stats.dropped_partials - before)

    def _add(self, end: int, now: float, add: Callable[[float], None]) -> None:
        if not self._arrivals or end > self._arrivals[-1][0]:
            self._early.append((end, now, add))
            return
        arrived = self._arrival(end)
        if arrived is not None:
            add(max(0.0, now - arrived))

    def _arrival(self, sample: int) -> float | None:
        """When a sample came; None where that is not known any more."""
        found = None
        for samples, when in reversed(self._arrivals):
            if samples < sample:
                return found
            found = when
        return found if len(self._arrivals) < MAX_ARRIVALS else None
