"""A real server tells a real receiver what happens in its meetings, and holds up none for it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.server import Server, end_all
from benchmarks.harness.source import Source
from meeting.config import webhooks
from meeting.config.settings import Webhooks
from meeting.config.sources import load_config
from meeting.config.webhooks import read_endpoints
from meeting.core.records import Meeting, State
from meeting.storage import webhook_queue, webhook_store
from meeting.storage.webhook_store import WebhookStore
from meeting.webhooks import announcements, dispatcher, http_sender, schedule
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.signature import parse_secret, signed_headers
from meeting.webhooks.wiring import check_webhooks
from pipelines.errors import SettingsError
from tests.conftest import ROOT
from tests.fakes.server_fakes import Serving, config, serving, tone, wait_ready
from tests.fakes.stored import NOON
from tests.meeting.server.test_metrics import metrics_of, value
from tests.meeting.webhooks.receivers import SECRET, Receiver, receiving


@contextmanager
def telling(folder: Path, *receivers: Receiver, here: bool = True, **settings: Any) -> Iterator[Serving]:
    """A server that tells receivers on this machine everything; `here`: as far as this machine may be sent to."""
    endpoints = [{**receiver.setting, "name": f"crm{number}"} for number, receiver in enumerate(receivers)]
    told = Webhooks(read_endpoints(endpoints, "x"), ("127.0.0.1",) if here else (), **settings)
    with serving(replace(config(folder), webhooks=told)) as served:
        wait_ready(served)
        yield served


def stored(served: Serving) -> WebhookStore:
    return WebhookStore(served.app.state.rooms.store)


def eventually(served: Serving, name: str, expected: float, **labels: str) -> None:
    """Until a metric has a value."""
    deadline = time.monotonic() + 20
    while (found := value(metrics_of(served), name, **labels)) != expected:
        assert time.monotonic() < deadline, (name, found)
        time.sleep(0.01)


def test_a_meeting_is_told_in_its_order_signed_and_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "meeting")
    with receiving() as receiver, telling(tmp_path, receiver) as served:
        meeting_id = served.held("Monday, 9:00", 2.0)
        receiver.until(lambda: "meeting.ended" in receiver.events())
        eventually(served, "meeting_webhook_deliveries_total", 4, result="delivered")
        eventually(served, "meeting_webhooks_waiting", 0)
        kept = served.http.get(f"/api/meetings/{meeting_id}").json()
    assert receiver.events() == ["meeting.started", "segment.final", "segment.final", "meeting.ended"]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 4
    started, first, _, ended = (message["data"] for message in receiver.told)
    assert started == {
        "meeting_id": meeting_id,
        "title": "Monday, 9:00",
        "kept": True,
        "started_at": kept["started_at"],
    }
    assert (first["meeting_id"], first["segment"]["text"]) == (meeting_id, "one")
    assert (ended["ended_at"], ended["duration"], ended["segments"]) == (kept["ended_at"], 2.0, 2)
    assert f"127.0.0.1:{receiver.port} is told titles and times of meetings and what is said in meetings" in caplog.text
    assert "hidden" not in caplog.text
    assert SECRET not in caplog.text


def test_a_receiver_that_hangs_holds_up_neither_meetings_nor_another_receiver(tmp_path: Path) -> None:
    with receiving(*["hang"] * 50) as slow, receiving() as quick, telling(tmp_path, slow, quick) as served:
        began = time.monotonic()
        for _ in range(6):
            served.held(seconds=2.0)
        quick.until(lambda: quick.events().count("meeting.ended") == 6)
        assert time.monotonic() - began < 10
        assert len(slow.requests) == 4
        assert served.http.get("/healthz").status_code == 200


def test_nobody_on_this_machine_or_its_network_is_told_unless_that_was_allowed(tmp_path: Path) -> None:
    with receiving() as receiver, telling(tmp_path, receiver, here=False) as served:
        served.held()
        eventually(served, "meeting_webhook_deliveries_total", 1, result="retried")
        ((waiting, _),) = stored(served).troubled(9)
        assert receiver.requests == []
    assert "it has no public address" in (waiting.problem or "")


def test_a_receiver_that_fails_gets_the_rest_once_it_has_taken_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "FIRST_WAIT", 0.05)
    with receiving((503, {"retry-after": "1"}, b""), "cut") as receiver, telling(tmp_path, receiver) as served:
        served.held()
        receiver.until(lambda: "meeting.ended" in receiver.events())
        eventually(served, "meeting_webhook_deliveries_total", 2, result="retried")
    assert receiver.events() == ["meeting.started", "segment.final", "meeting.ended"]
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    times = [int(headers["webhook-timestamp"]) for headers, _ in receiver.requests]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert times[0] + 1 <= times[1] <= times[2]


def test_what_a_deleted_meeting_still_had_to_tell_is_told_no_more(tmp_path: Path) -> None:
    with receiving(500) as receiver, telling(tmp_path, receiver) as served:
        meeting_id = served.held()
        eventually(served, "meeting_webhook_deliveries_total", 1, result="retried")
        assert stored(served).counts()["crm0"].waiting == 3
        assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
        assert stored(served).counts() == {}


@pytest.mark.parametrize("unkept_text", [False, True])
def test_of_a_meeting_that_is_not_kept_no_text_is_told_unless_that_was_asked_for(
    tmp_path: Path, unkept_text: bool
) -> None:
    with receiving() as receiver, telling(tmp_path, receiver, unkept_text=unkept_text) as served:
        answer = served.http.post("/v1/listen?encoding=linear16&sample_rate=16000", content=tone(1.0))
        assert answer.status_code == 200
        receiver.until(lambda: "meeting.ended" in receiver.events())
        while served.app.state.rooms.store.unkept() or stored(served).counts():  # nothing of it is left
            time.sleep(0.01)
    events = ["meeting.started", "segment.final", "meeting.ended"]
    assert receiver.events() == [event for event in events if unkept_text or event != "segment.final"]
    assert [message["data"]["kept"] for message in receiver.told if "kept" in message["data"]] == [False, False]
    assert all((message["data"]["title"] is not None) == unkept_text for message in receiver.told[::2])


def test_a_secret_or_a_network_that_is_none_stops_the_start(tmp_path: Path) -> None:
    weak = read_endpoints([{"url": "https://example.org", "secret": "password"}], "x")
    with pytest.raises(SettingsError, match=r"webhook example.org: the secret must be"):
        check_webhooks(Webhooks(weak))
    with pytest.raises(SettingsError, match="private_networks"):
        check_webhooks(Webhooks(private_networks=("here",)))


# What the page says


PAGE = " ".join((ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8").split())
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8"), re.M | re.S)


def test_the_numbers_on_the_page_are_those_of_the_program() -> None:
    waits = [schedule.FIRST_WAIT * schedule.GROWTH**number for number in range(5)]
    for said in (
        f"within {http_sender.TIMEOUT:g} seconds",
        f"{', '.join(f'{wait:g}' for wait in waits[:-1])} and {waits[-1]:g} seconds, then hourly",
        f"({Webhooks().give_up_after:g} hours)",
        f"at most {webhooks.MOST_ENDPOINTS} endpoints",
        f"At most {webhook_queue.MOST_WAITING:,} messages of each type",
        f"the newest {webhook_store.MOST_FAILED:,} of each endpoint",
        f"the first {announcements.LONGEST_TEXT:,} characters",
    ):
        assert said in PAGE, said
    assert (schedule.LONGEST_WAIT, schedule.LONGEST_ASKED, dispatcher.AT_ONCE) == (3600, 86_400, 4)


def test_the_settings_on_the_page_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_SECRET", SECRET)
    shown = [text for kind, text in BLOCKS if kind == "yaml"]
    assert len(shown) == 2
    for text in shown:
        (tmp_path / "config.yaml").write_text(text)
        check_webhooks(load_config(tmp_path / "config.yaml", {}).webhooks)


def test_the_receiver_on_the_page_takes_what_is_sent() -> None:
    body = json.dumps(json.loads(next(text for kind, text in BLOCKS if kind == "json"))).encode()
    names: dict[str, Any] = {"secret": SECRET, "body": body}
    names["headers"] = signed_headers(parse_secret(SECRET), "msg_1", int(time.time()), body)
    exec(next(text for kind, text in BLOCKS if kind == "python"), names)
    assert names["message"]["type"] == "meeting.ended"
    ended = replace(Meeting("m", "T", State.ENDED, NOON), started_at=NOON, ended_at=NOON)
    endpoint = Endpoint("crm", "https://h", "h", ("meeting.ended",), (b"k",))
    told = json.loads(announcements.Announcements([endpoint])(ended, None)[0].body)
    assert names["message"].keys() == told.keys()
    assert names["message"]["data"].keys() == told["data"].keys()


# A server that is killed


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that outlives the server, which is a process of its own."""
    with receiving() as made:
        yield made
    end_all()


@pytest.mark.slow
def test_what_a_killed_server_had_not_told_is_told_after_its_restart(tmp_path: Path, receiver: Receiver) -> None:
    refusals = (503, {"retry-after": "1"}, b"")
    receiver.answers = [refusals] * 1000
    settings = {
        "MEETING_WEBHOOKS_ENDPOINTS": json.dumps([receiver.setting]),
        "MEETING_WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.1",
        "MEETING_SERVER_LOG_LEVEL": "info",
    }
    server = Server(tmp_path, "fake", settings)
    server.start()
    meeting = server.new_meeting()

    async def speak() -> None:
        source = Source(server.port, meeting, tone(4.0), speed=2.0)
        speaking = asyncio.create_task(source.run())
        while not (source.of("segment") and receiver.requests):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.kill)
        assert receiver.told == []
        receiver.answers = []
        await asyncio.to_thread(server.start)
        await server.outliving(speaking, 60)

    asyncio.run(speak())
    receiver.until(lambda: "meeting.ended" in receiver.events())
    lines = [line["id"] for line in server.transcript(meeting)]
    assert server.stop() == 0
    events = receiver.events()
    assert (events[0], events[-1]) == ("meeting.started", "meeting.ended")
    assert events.count("meeting.started") == 1
    told = [message["data"]["segment"]["id"] for message in receiver.told if message["type"] == "segment.final"]
    assert sorted(set(told)) == sorted(lines)
    assert len(lines) == 4
    assert "one" not in [word for line in server.log.splitlines() for word in line.split()]
