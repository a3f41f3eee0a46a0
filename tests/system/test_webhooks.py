"""A server that is killed tells after its restart what it had not told before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.server import Server, end_all
from benchmarks.harness.source import Source
from tests.fakes.server_fakes import tone
from tests.meeting.webhooks.receivers import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made
    end_all()


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
