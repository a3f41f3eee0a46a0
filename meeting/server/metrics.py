"""Metrics for a monitoring system, in Prometheus' format: numbers only, nothing of what is said."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from meeting.live.rooms import Rooms

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsCollector(Collector):
    """Reads the rooms when the metrics are asked for."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        rooms = self._rooms
        ready = rooms.services.engine.models is not None
        yield GaugeMetricFamily("meeting_live", "Meetings with a source", value=rooms.live)
        yield GaugeMetricFamily("meeting_viewers", "Clients that read along", value=rooms.viewers)
        yield GaugeMetricFamily("meeting_models_ready", "1 once the models are loaded", value=float(ready))
        yield CounterMetricFamily("meeting_audio_seconds", "Seconds of audio received", value=rooms.audio_seconds)
        yield CounterMetricFamily("meeting_finished", "Meetings finished since the start", value=rooms.finished)

    def render(self) -> bytes:
        """All metrics as sent."""
        return generate_latest(self._registry)
