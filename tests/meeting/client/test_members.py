"""Sources and viewers: what waits, what ends, and how."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from meeting.client.addresses import ServerAddress
from meeting.client.audio import MAX_PIECE
from meeting.client.client import Client
from meeting.client.driver import Endpoint
from meeting.client.errors import RequestRefused
from meeting.client.members import Source
from meeting.core.messages import AudioInfo, Start
from tests.fakes.server_fakes import config, serving, tone
from tests.meeting.client.sockets import SNAPSHOT, say, scripted, session


def test_a_full_buffer_makes_who_sends_wait_and_loses_nothing() -> None:
    received: list[bytes] = []
    may_confirm = asyncio.Event()

    async def lazy(socket: ServerConnection) -> None:
        await say(socket, SNAPSHOT)
        await socket.recv()
        await say(socket, session())
        async for data in socket:
            if not isinstance(data, bytes):
                await say(socket, {"type": "ended", "segments": 0})
                return
            received.append(data[12:])
            if len(received) == 4:
                await may_confirm.wait()
                await say(socket, {"type": "ack", "seq": 3, "audio": 0})
            elif may_confirm.is_set():
                await say(socket, {"type": "ack", "seq": len(received) - 1, "audio": 0})

    async def run() -> None:
        async with scripted(lazy) as url:
            endpoint = Endpoint(ServerAddress.parse(url), "m")
            async with Source(endpoint, Start(1, AudioInfo()), 4 * MAX_PIECE, 10.0) as source:
                sending = asyncio.create_task(source.send(b"x" * 8 * MAX_PIECE))
                await asyncio.sleep(0.3)
                assert not sending.done()
                assert source.unacknowledged == 4
                may_confirm.set()
                await asyncio.wait_for(sending, 10)
            assert source.ended

    asyncio.run(run())
    assert b"".join(received) == b"x" * 8 * MAX_PIECE


@pytest.mark.slow
def test_a_program_that_takes_no_events_meanwhile_gets_the_whole_transcript_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.client.event_queue.EventQueue.__init__.__defaults__", (20,))

    async def run(port: int) -> list[str]:
        client = Client(f"127.0.0.1:{port}")
        meeting = await client.create_meeting()
        async with client.speak(meeting.id) as source:
            for _ in range(30):
                await source.send(tone(1.0))
            await source.finish()
            return [event.type async for event in source]

    with serving(config(tmp_path)) as served:
        kinds = asyncio.run(run(served.port))
    assert kinds[-1] == "ended"
    assert "snapshot" in kinds
    assert len(kinds) <= 30


@pytest.mark.slow
def test_a_meeting_that_a_host_ends_takes_no_more(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        client = Client(f"127.0.0.1:{port}")
        meeting = await client.create_meeting()
        async with client.speak(meeting.id) as source:
            await source.send(tone(1.0))
            await client.end(meeting.id)
            kinds = [event.type async for event in source]
            assert kinds[-1] == "ended"
            with pytest.raises(RequestRefused, match="was ended"):
                await source.send(tone(1.0))

    with serving(config(tmp_path)) as served:
        asyncio.run(run(served.port))


@pytest.mark.slow
def test_left_by_an_error_the_source_does_not_stop_the_meeting(tmp_path: Path) -> None:
    async def run(port: int) -> str:
        client = Client(f"127.0.0.1:{port}")
        meeting = await client.create_meeting()

        async def speak() -> None:
            async with client.speak(meeting.id) as source:
                await source.send(tone(1.0))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await speak()
        return str((await client.meeting(meeting.id))["state"])

    with serving(config(tmp_path)) as served:
        assert asyncio.run(run(served.port)) == "live"


@pytest.mark.slow
def test_a_viewer_reads_what_a_source_says(tmp_path: Path) -> None:
    async def run(port: int) -> tuple[list[str], list[str]]:
        client = Client(f"127.0.0.1:{port}")
        meeting = await client.create_meeting()
        async with client.follow(meeting.id) as viewer, client.speak(meeting.id) as source:
            await source.send(tone(2.0))
            await source.stop()
            read = [event.type async for event in viewer]
            return read, [event.type async for event in source]

    with serving(config(tmp_path)) as served:
        read, said = asyncio.run(run(served.port))
    assert read[0] == "snapshot"
    assert read[-1] == said[-1] == "ended"
    assert read.count("segment") == said.count("segment") == 4
    assert "session" not in read


def test_start_declares_what_was_asked_for() -> None:
    started: list[dict[str, object]] = []

    async def note(socket: ServerConnection) -> None:
        await say(socket, SNAPSHOT)
        started.append(json.loads(await socket.recv()))
        await say(socket, session())
        await socket.recv()
        await say(socket, {"type": "ended", "segments": 0})

    async def run() -> None:
        async with scripted(note) as url:
            info = AudioInfo("pcm_f32le", 48_000, 2)
            async with Client(url).speak("m", info, name="Ann", language="en", hotwords=["Qi"]):
                pass

    asyncio.run(run())
    assert started[0] == {
        "type": "start",
        "version": 1,
        "audio": {"encoding": "pcm_f32le", "sample_rate": 48_000, "channels": 2},
        "source": {"name": "Ann", "kind": "room"},
        "language": "en",
        "hotwords": ["Qi"],
        "resume": None,
        "translate": False,
        "pause": None,
    }
