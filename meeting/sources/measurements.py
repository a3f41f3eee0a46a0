"""What is counted of a server while it runs, for whoever watches over it: numbers only, nothing of what is said."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipelines.timing import Histogram
from pipelines.types import PipelineStats

LATENCY_BOUNDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Ranges in which seconds between speech and text are counted"""
LAG_BOUNDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0)
"""Ranges in which seconds of audio that wait for the models are counted"""


class Counter:
    """Numbers that only grow, one for each label; any thread may add to it."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, label: str = "", count: int = 1) -> None:
        """Count so many more."""
        with self._lock:
            self._counts[label] = self._counts.get(label, 0) + count

    @property
    def total(self) -> int:
        """All labels together."""
        return sum(self.by_label().values())

    def by_label(self) -> dict[str, int]:
        """As it is now."""
        with self._lock:
            return dict(self._counts)


class Measurements:
    """All that a server counts; each part is added to where it happens."""

    def __init__(self) -> None:
        self.word_latency = Histogram(LATENCY_BOUNDS)
        """Seconds from the audio of a word to the first line with it, in meetings that people read along"""
        self.final_latency = Histogram(LATENCY_BOUNDS)
        """Seconds from the end of a line's audio to its final text"""
        self.recognition_lag = Histogram(LAG_BOUNDS)
        """Seconds of audio that waited for the recogniser, at every `stats`"""
        self.diarization_lag = Histogram(LAG_BOUNDS)
        self.dropped_partials = Counter()
        self.recoveries = Counter()
        """Meetings that were gone on with after the end of an earlier process, or of its room"""
        self.sockets_closed = Counter()
        """By close code, or "client" where the client went by itself"""
        self.responses = Counter()
        """HTTP answers by status"""
        self.connections_refused = Counter()
        """TCP connections that were turned away or closed early, by reason"""
        self.webhooks = Counter()
        """Deliveries of webhooks by what became of them"""
        self.webhooks_waiting: Callable[[], int] = lambda: 0
        """Deliveries that wait to be sent"""
        self.open_connections: Callable[[], int] = lambda: 0
        """TCP connections that are open now"""

    def add_stats(self, stats: PipelineStats) -> None:
        """How a pipeline keeps up."""
        self.recognition_lag.add(stats.asr_lag)
        self.diarization_lag.add(stats.diarization_lag)
