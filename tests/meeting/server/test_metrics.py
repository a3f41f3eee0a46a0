"""Metrics of a server for a monitoring system, read by Prometheus' own parser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from meeting.cluster.ownership import LeaseFigures, SingleServer
from meeting.config.settings import Models
from meeting.server.app import create_app
from meeting.server.metrics import CountingMiddleware
from meeting.sources.backend import Engine
from meeting.sources.measurements import Measurements
from pipelines.engine.job_queue import JobQueue
from tests.conftest import ROOT
from tests.fakes.server_fakes import FakeBackend, FakeEngine, Serving, config, serving, tone, wait_ready

DASHBOARD = ROOT / "deploy" / "grafana" / "meeting.json"
STANDARD = ("process_",)
"""How names begin that are the same for all programs"""


class QueuedEngine(FakeEngine):
    """Models with queues, twice: as on two GPUs; and as on other machines, which were silent for a while."""

    stalled_seconds = 12.5

    def __init__(self) -> None:
        self.queues = tuple(
            JobQueue[int, int](name, lambda items: items, max_batch=4) for name in ("speech", "speakers") * 2
        )


class QueuedBackend(FakeBackend):
    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        return QueuedEngine()


def parsed(text: str) -> dict[str, Metric]:
    """Families by name."""
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parsed(text).values()
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    """One value; 0 where there is none yet."""
    return samples(text).get((name, tuple(sorted(labels.items()))), 0.0)


def metrics_of(served: Serving) -> str:
    answer = served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


def test_figures_follow_a_meeting(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        meeting_id = served.create()
        with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
            viewer.receive()
            host.start()
            host.frame(0, tone())
            host.until("ack")
            during = metrics_of(served)
            host.send("stop")
            host.close_code()
            viewer.close_code()
        while value(after := metrics_of(served), "meeting_finished_total") == 0:
            pass
    assert [value(during, f"meeting_{name}") for name in ("live", "sources", "viewers")] == [1, 1, 1]
    assert [value(after, f"meeting_{name}") for name in ("live", "sources", "viewers")] == [0, 0, 0]
    assert value(after, "meeting_audio_seconds_total") == value(during, "meeting_audio_seconds_total") == 1
    assert value(after, "meeting_models_ready") == 1
    for name in ("word_latency", "final_latency", "recognition_lag", "diarization_lag"):
        assert value(after, f"meeting_{name}_seconds_count") == 1, name
    assert value(after, "meeting_diarization_lag_seconds_sum") == 0.3
    assert value(after, "meeting_recognition_lag_seconds_bucket", le="0.5") == 1
    assert 0 <= value(after, "meeting_word_latency_seconds_sum") < 5
    assert value(after, "meeting_sockets_closed_total", code="1000") == 2
    assert value(after, "meeting_http_responses_total", status="201") == 1
    assert value(after, "meeting_disk_free_bytes") > value(after, "meeting_disk_needed_bytes") > 0
    assert value(during, "meeting_connections") >= 3


def test_how_connections_end_is_counted_by_its_code(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as served:
        meeting_id = served.create()
        with served.connect("nothere") as lost:
            assert lost.close_code() == 4404
        with served.connect(meeting_id) as rude:
            rude.send("shout")
            assert rude.close_code() == 4400
        with served.connect(meeting_id) as gone:
            gone.receive()
        assert served.http.get("/api/meetings/nothere").status_code == 404
        with pytest.raises(Exception, match="403"), served.connect(meeting_id, origin="http://evil.example"):
            pass
        while value(text := metrics_of(served), "meeting_sockets_closed_total", code="client") == 0:
            pass
    closed = {code: value(text, "meeting_sockets_closed_total", code=code) for code in ("4404", "4400", "refused")}
    assert closed == {"4404": 1, "4400": 1, "refused": 1}
    assert value(text, "meeting_http_responses_total", status="404") == 1


def test_each_queue_of_each_copy_of_the_models_is_told(tmp_path: Path) -> None:
    backend = QueuedBackend()
    app = create_app(config(tmp_path), backend)
    engine = app.state.rooms.services.engine
    engine.load()
    queues = engine.wait().queues
    for number in range(3):
        queues[0].submit(number)
    assert value(app.state.metrics.render().decode(), "meeting_model_jobs_waiting", engine="0", queue="speech") == 3
    with queues[0]:
        assert queues[0].submit(3).result(10) == 3
    text = app.state.metrics.render().decode()
    labels = {"engine": "0", "queue": "speech"}
    assert value(text, "meeting_model_jobs_waiting", **labels) == 0
    assert value(text, "meeting_model_batch_size_sum", **labels) == 4
    batches = value(text, "meeting_model_batch_size_count", **labels)
    assert 1 <= batches <= 2
    assert value(text, "meeting_model_seconds_count", **labels) == batches
    assert value(text, "meeting_model_wait_seconds_count", **labels) == 4
    told = {labels for name, labels in samples(text) if name == "meeting_model_jobs_waiting"}
    assert len(told) == 4
    assert value(text, "meeting_models_stalled_seconds_total") == 12.5


def test_a_disk_that_cannot_be_asked_is_not_a_number_and_no_error(tmp_path: Path) -> None:
    app = create_app(config(tmp_path), FakeBackend())

    def refuse(folder: Path) -> int:
        raise OSError

    app.state.rooms.disk.free = refuse
    assert "meeting_disk_free_bytes NaN" in app.state.metrics.render().decode()


class Leased(SingleServer):
    """One of several servers, as far as figures go."""

    def __init__(self, told: LeaseFigures) -> None:
        self.told = told

    def figures(self) -> LeaseFigures:
        return self.told


def test_how_a_server_among_several_stands_with_its_lease_is_told(tmp_path: Path) -> None:
    app = create_app(config(tmp_path), FakeBackend())
    app.state.rooms.ownership = Leased(LeaseFigures(owned=3, takeovers=2, losses=1, age=4.5))
    text = app.state.metrics.render().decode()
    told = {name: value(text, f"meeting_{name}") for name in LEASE}
    assert told == {"owned": 3, "takeovers_total": 2, "leases_lost_total": 1, "lease_age_seconds": 4.5}
    app.state.rooms.ownership = Leased(LeaseFigures(owned=0, takeovers=0, losses=0, age=None))
    assert "meeting_lease_age_seconds NaN" in app.state.metrics.render().decode()


def test_where_there_is_one_server_no_number_is_told_of_a_lease(tmp_path: Path) -> None:
    app = create_app(config(tmp_path), FakeBackend())
    told = {name for name, _ in samples(app.state.metrics.render().decode())}
    assert not told & {f"meeting_{name}" for name in LEASE}


LEASE = ("owned", "takeovers_total", "leases_lost_total", "lease_age_seconds")
"""Ends of the names of what is told of a server among several"""


def everything(folder: Path) -> dict[str, Metric]:
    """All families of a server that has loaded its models and counted something of each kind."""
    app = create_app(config(folder), QueuedBackend())
    app.state.rooms.services.engine.load()
    app.state.rooms.services.engine.wait()
    counted = app.state.rooms.services.measurements
    for counter in (counted.sockets_closed, counted.responses, counted.connections_refused, counted.webhooks):
        counter.add("x")
    return parsed(app.state.metrics.render().decode())


def test_names_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    units = {"counter": r"\w+", "gauge": r"\w+", "histogram": r"\w+(_seconds|_size)"}
    for family in everything(tmp_path).values():
        if not family.name.startswith(STANDARD):
            assert re.fullmatch(f"meeting_{units[family.type]}", family.name), family.name
            assert family.documentation
        if family.type == "counter":
            assert {sample.name for sample in family.samples} <= {f"{family.name}_total", f"{family.name}_created"}


def named_in(text: str) -> set[str]:
    """Names of metrics in a text, without what Prometheus adds for counters and histograms."""
    found = re.findall(r"\b(?:meeting_(?!transcriber)|process_)[a-z_]+\b", text)
    return {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in found}


def test_the_dashboard_draws_what_there_is_and_nothing_else(tmp_path: Path) -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    there = {re.sub("_total$", "", name) for name in everything(tmp_path)}
    assert named_in("\n".join(asked)) - there == set()
    ours = {name for name in there if name.startswith("meeting_")}
    assert ours - named_in("\n".join(asked)) == {"meeting_build_info"}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """What is drawn, rows aside."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_the_dashboard_fits_together() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels(board):
        at = panel["gridPos"]
        places = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not places & taken, panel["title"]
        taken |= places
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource", "instance"]


def test_every_metric_is_explained(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(meeting_[a-z_]+)`", text))
    there = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in everything(tmp_path).values()
        if not family.name.startswith(STANDARD)
    }
    assert told == there


# How requests and sockets end


def counted_of(kind: str, sent: list[Message], received: list[Message], fails: bool = False) -> Measurements:
    """What is counted where an app receives and then sends."""
    counted = Measurements()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in received:
            await receive()
        for message in sent:
            await send(message)
        if fails:
            raise ZeroDivisionError

    given = iter(received)

    async def receive() -> Message:
        return next(given)

    async def send(message: Message) -> None:
        passed.append(message)

    passed: list[Message] = []
    scope: dict[str, Any] = {"type": kind}
    try:
        asyncio.run(CountingMiddleware(app, counted)(scope, receive, send))
    except ZeroDivisionError:
        assert fails
    assert passed == sent
    return counted


ACCEPT: Message = {"type": "websocket.accept"}
GONE: Message = {"type": "websocket.disconnect", "code": 1006}


def closed(code: int) -> Message:
    return {"type": "websocket.close", "code": code}


def test_an_answer_is_counted_by_its_status() -> None:
    start: Message = {"type": "http.response.start", "status": 404, "headers": []}
    assert counted_of("http", [start, {"type": "http.response.body"}], []).responses.by_label() == {"404": 1}


def test_a_socket_is_counted_by_the_code_that_closed_it() -> None:
    assert counted_of("websocket", [ACCEPT, closed(4404)], []).sockets_closed.by_label() == {"4404": 1}


def test_the_first_to_close_it_counts() -> None:
    assert counted_of("websocket", [ACCEPT, closed(1000)], [GONE]).sockets_closed.by_label() == {"client": 1}


def test_a_socket_that_was_never_let_in_is_refused() -> None:
    assert counted_of("websocket", [closed(1008)], []).sockets_closed.by_label() == {"refused": 1}
    denied = [{"type": "websocket.http.response.start", "status": 403}, {"type": "websocket.http.response.body"}]
    assert counted_of("websocket", denied, []).sockets_closed.by_label() == {"refused": 1}


def test_one_whose_app_fails_counts_once() -> None:
    assert counted_of("websocket", [ACCEPT], [], fails=True).sockets_closed.total == 1


def test_the_start_and_end_of_the_server_are_no_requests() -> None:
    counted = counted_of("lifespan", [], [{"type": "lifespan.startup"}])
    assert (counted.sockets_closed.total, counted.responses.total) == (0, 0)
