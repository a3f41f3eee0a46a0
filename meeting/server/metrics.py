"""Metrics for a monitoring system, in Prometheus' format: numbers only, nothing of what is said.

Their names are told in docs/operating.md and drawn by deploy/grafana/meeting.json; tests compare both with this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import meeting
from meeting.live.rooms import Rooms
from meeting.sources.measurements import Counter, Measurements
from meeting.storage.objects.journal_objects import Counts
from pipelines.timing import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BY_CLIENT = "client"
"""Stands for the code of a socket whose client went, with whatever code"""
REFUSED = "refused"
"""Stands for that of a socket that was not let in: HTTP 403"""


class MetricsCollector(Collector):
    """Reads the rooms and what was counted when the metrics are asked for."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        yield from self._meetings()
        yield from self._text()
        yield from self._models()
        yield from self._connections()
        yield from self._webhooks()
        yield from self._lease()
        yield from self._objects()
        yield from self._server()

    def render(self) -> bytes:
        """All metrics as sent."""
        return generate_latest(self._registry)

    def _meetings(self) -> Iterator[Metric]:
        rooms, counted = self._rooms, self._rooms.services.measurements
        yield GaugeMetricFamily("meeting_live", "Meetings with a source", value=rooms.live)
        yield GaugeMetricFamily(
            "meeting_sources", "Sources that are being heard", value=sum(len(room.sources) for room in rooms.open)
        )
        yield GaugeMetricFamily(
            "meeting_viewers", "Clients that read along", value=sum(room.session.viewers for room in rooms.open)
        )
        yield CounterMetricFamily("meeting_audio_seconds", "Seconds of audio received", value=rooms.audio_seconds)
        yield CounterMetricFamily("meeting_finished", "Meetings finished since the start", value=rooms.finished)
        yield CounterMetricFamily(
            "meeting_recoveries", "Meetings gone on with after they were cut off", value=counted.recoveries.total
        )
        yield GaugeMetricFamily(
            "meeting_events_waiting",
            "Events of all meetings still to be handled",
            value=sum(room.events_waiting() for room in rooms.open),
        )

    def _text(self) -> Iterator[Metric]:
        counted = self._rooms.services.measurements
        for name, told, histogram in (
            ("word_latency", "Seconds from the audio of words to the first line with them", counted.word_latency),
            ("final_latency", "Seconds from the end of a line's audio to its final text", counted.final_latency),
            ("recognition_lag", "Seconds of audio that wait for the recogniser", counted.recognition_lag),
            ("diarization_lag", "Seconds of audio that wait to be told apart by voice", counted.diarization_lag),
        ):
            yield _histogram(f"meeting_{name}_seconds", told, ((), histogram))
        yield CounterMetricFamily(
            "meeting_partials_dropped", "Partial results overtaken or left out", value=counted.dropped_partials.total
        )

    def _models(self) -> Iterator[Metric]:
        engine = self._rooms.services.engine
        ready = float(engine.models is not None)
        yield GaugeMetricFamily("meeting_models_ready", "1 once the models are loaded", value=ready)
        stalled = "Seconds in which models on other machines did not answer though they should have"
        yield CounterMetricFamily("meeting_models_stalled_seconds", stalled, value=engine.stalled_seconds)
        queues, labels, seen = engine.queues, [], dict[str, int]()
        for queue in queues:  # each copy of the models has one of each name
            number = seen[queue.name] = seen.get(queue.name, -1) + 1
            labels.append((("engine", str(number)), ("queue", queue.name)))
        waiting = GaugeMetricFamily("meeting_model_jobs_waiting", "Jobs that wait", labels=["engine", "queue"])
        for label, queue in zip(labels, queues, strict=True):
            waiting.add_metric([value for _, value in label], queue.waiting)
        yield waiting
        for name, told, histograms in (
            ("batch_size", "Jobs that the models did together", [queue.batch_sizes for queue in queues]),
            ("seconds", "Seconds that a batch took", [queue.work_seconds for queue in queues]),
            ("wait_seconds", "Seconds that a job waited for its turn", [queue.wait_seconds for queue in queues]),
        ):
            yield _histogram(f"meeting_model_{name}", told, *zip(labels, histograms, strict=True))

    def _connections(self) -> Iterator[Metric]:
        counted = self._rooms.services.measurements
        yield GaugeMetricFamily("meeting_connections", "Connections that are open", value=counted.open_connections())
        for name, label, told, counter in (
            ("connections_refused", "reason", "Connections turned away or closed early", counted.connections_refused),
            ("sockets_closed", "code", "Meetings' sockets closed, by close code", counted.sockets_closed),
            ("http_responses", "status", "HTTP answers by status", counted.responses),
        ):
            yield _counter(f"meeting_{name}", told, label, counter)

    def _webhooks(self) -> Iterator[Metric]:
        counted = self._rooms.services.measurements
        yield GaugeMetricFamily(
            "meeting_webhooks_waiting", "Deliveries of webhooks that wait", value=counted.webhooks_waiting()
        )
        told = "Tries and ends of deliveries of webhooks, by result"
        yield _counter("meeting_webhook_deliveries", told, "result", counted.webhooks)

    def _lease(self) -> Iterator[Metric]:
        figures = self._rooms.ownership.figures()
        owned = GaugeMetricFamily("meeting_owned", "Meetings that this server has, of several servers")
        takeovers = CounterMetricFamily("meeting_takeovers", "Meetings taken over from servers that were gone")
        losses = CounterMetricFamily("meeting_leases_lost", "Times that the lease of this server was lost")
        age = GaugeMetricFamily("meeting_lease_age_seconds", "Seconds since the lease was last renewed")
        if figures is not None:  # a server that is the only one has no lease, of which 0 would tell something
            owned.add_metric([], figures.owned)
            takeovers.add_metric([], figures.takeovers)
            losses.add_metric([], figures.losses)
            age.add_metric([], math.nan if figures.age is None else figures.age)
        yield from (owned, takeovers, losses, age)

    def _objects(self) -> Iterator[Metric]:
        objects = self._rooms.store.objects
        counts = Counts() if objects is None else objects.counts
        waiting = 0 if objects is None else objects.waiting
        yield GaugeMetricFamily("meeting_objects_waiting_bytes", "Audio not in the object store yet", value=waiting)
        for name, told, count in (
            ("objects_stored", "Objects of received audio that were stored", counts.stored),
            ("objects_stored_bytes", "Bytes of them", counts.stored_bytes),
            ("objects_merged", "Objects that were put together of smaller ones", counts.merged),
            ("objects_refused", "Tries to store one that failed", counts.refused),
        ):
            yield CounterMetricFamily(f"meeting_{name}", told, value=count)

    def _server(self) -> Iterator[Metric]:
        disk = self._rooms.disk
        yield GaugeMetricFamily("meeting_disk_free_bytes", "Bytes free for the data folder", value=disk.last_free())
        yield GaugeMetricFamily(
            "meeting_disk_needed_bytes", "Bytes without which no meeting goes live", value=disk.needed_bytes
        )
        answers = float(self._rooms.store.database_answers)
        yield GaugeMetricFamily("meeting_database_up", "0 while the database cannot be reached", value=answers)
        info = GaugeMetricFamily("meeting_build_info", "1, with the version of the program", labels=["version"])
        info.add_metric([meeting.__version__], 1)
        yield info


def _counter(name: str, told: str, label: str, counter: Counter) -> Metric:
    family = CounterMetricFamily(name, told, labels=[label])
    for value, count in sorted(counter.by_label().items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, told: str, *found: tuple[tuple[tuple[str, str], ...], Histogram]) -> Metric:
    labels = [label for label, _ in found[0][0]] if found else []
    family = HistogramMetricFamily(name, told, labels=labels)
    for label, histogram in found:
        ranges, total = histogram.totals()
        buckets = [("+Inf" if math.isinf(bound) else repr(float(bound)), count) for bound, count in ranges]
        family.add_metric([value for _, value in label], buckets=buckets, sum_value=total)
    return family


class CountingMiddleware:
    """ASGI middleware around everything: the status of each answer and the close code of each socket are counted."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self._app = app
        self._counted = measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and look at how it ends."""
        if scope["type"] == "http":
            await self._app(scope, receive, self._noting_status(send))
        elif scope["type"] == "websocket":
            await _CountedSocket(self._counted, receive, send).run(self._app, scope)
        else:
            await self._app(scope, receive, send)

    def _noting_status(self, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counted.responses.add(str(message["status"]))
            await send(message)

        return noting


class _CountedSocket:
    """One socket; the first side that closes it counts."""

    def __init__(self, counted: Measurements, receive: Receive, send: Send) -> None:
        self._counted = counted
        self._receive = receive
        self._send = send
        self._accepted = False
        self._closed_with: str | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Serve it, and count it once it is over."""
        try:
            await app(scope, self._noting_end, self._noting_close)
        finally:
            self._counted.sockets_closed.add(self._closed_with or BY_CLIENT)

    async def _noting_end(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect" and self._closed_with is None:
            self._closed_with = BY_CLIENT
        return message

    async def _noting_close(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self._accepted = True
        elif message["type"] == "websocket.http.response.start":
            self._closed_with = REFUSED
        elif message["type"] == "websocket.close" and self._closed_with is None:
            self._closed_with = str(int(message.get("code", 1000))) if self._accepted else REFUSED
        await self._send(message)
