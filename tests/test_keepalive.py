"""Connections that stay: a source that is held back keeps its own, a client that is gone does not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from meeting import course, keepalive
from meeting.messages import AudioFrame
from pipelines.types import SAMPLE_RATE
from tests.server_fakes import FakeMachinery, FakePipeline, Serving, config, serving, tone, wait_ready

EVERY = 0.1
"""Seconds between two pings, and between two words to a source that waits"""
TIMEOUT = 1.0
"""Seconds until a ping that was not answered counts"""
FRAMES = 60
"""More than a meeting takes on its way to disk: then its source's socket is no longer read"""
SECONDS = 4
"""Of a frame: one of sound, the rest silence"""


class HeldPipeline(FakePipeline):
    """Has too much to do until it is let go."""

    free: threading.Event

    @property
    def backlog(self) -> float:  # type: ignore[override]
        """More than may wait, or nothing."""
        return 0.0 if self.free.is_set() else 1000.0

    def wait_below(self, seconds: float) -> None:
        """Until it is let go."""
        self.free.wait(60)


@pytest.fixture
def free() -> Iterator[threading.Event]:
    """What lets the pipelines go on."""
    HeldPipeline.free = threading.Event()
    yield HeldPipeline.free
    HeldPipeline.free.set()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: threading.Event) -> Iterator[Serving]:
    """A server that loses its patience in a moment."""
    monkeypatch.setattr(keepalive, "PING_EVERY", EVERY)
    monkeypatch.setattr(keepalive, "PING_TIMEOUT", TIMEOUT)
    monkeypatch.setattr(course, "REMIND", EVERY)
    with serving(config(tmp_path), FakeMachinery(pipeline=HeldPipeline)) as running:
        wait_ready(running)
        try:
            yield running
        finally:
            free.set()


def address(served: Serving, meeting_id: str) -> str:
    return f"ws://127.0.0.1:{served.port}/ws/meetings/{meeting_id}"


async def begin(source: ClientConnection) -> None:
    await source.send(json.dumps({"type": "start", "version": 1, "audio": {"sample_rate": 16000}}))
    while json.loads(await source.recv())["type"] != "session":
        pass


async def speak(source: ClientConnection) -> None:
    payload = tone(1).ljust(SECONDS * 2 * SAMPLE_RATE, bytes(1))
    for seq in range(FRAMES):
        await source.send(AudioFrame(seq, 0, payload).encode())
    await source.send(json.dumps({"type": "stop"}))


async def hold_back(source: ClientConnection, times: int) -> None:
    """Wait until a source has been told so many times that its audio waits."""
    seen: list[int] = []
    while len(seen) < 1 or seen.count(seen[-1]) <= times:
        message = json.loads(await source.recv())
        seen += [message["seq"]] if message["type"] == "ack" else []


def sockets(served: Serving) -> list[keepalive.PatientProtocol]:
    """The server's side of each open socket."""
    found = list(served.server.server_state.connections)
    return [connection for connection in found if isinstance(connection, keepalive.PatientProtocol)]


def held(served: Serving) -> bool:
    """Whether the server leaves unread what a client sends."""
    return any(one.read_paused for one in sockets(served))


def test_a_source_held_back_for_longer_than_a_ping_may_take_keeps_its_connection_and_loses_nothing(
    served: Serving, free: threading.Event
) -> None:
    meeting_id = served.create()

    async def converse() -> dict[str, Any]:
        where = address(served, meeting_id)
        async with connect(where, max_size=None, compression=None, ping_timeout=None) as source:
            await begin(source)
            speaking = asyncio.create_task(speak(source))
            await hold_back(source, 30)
            assert held(served)
            free.set()
            while (message := json.loads(await source.recv()))["type"] != "ended":
                assert message["type"] != "error"
            await speaking
            return dict(message)

    ended = asyncio.run(asyncio.wait_for(converse(), 60))
    assert ended["segments"] == FRAMES
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["duration"] == FRAMES * SECONDS


def test_a_source_that_is_gone_when_it_is_no_longer_held_back_is_given_up(
    served: Serving, free: threading.Event
) -> None:
    async def converse() -> None:
        async with connect(
            address(served, served.create()), max_size=None, compression=None, ping_timeout=None
        ) as source:
            await begin(source)
            speaking = asyncio.create_task(speak(source))
            await hold_back(source, 5)
            assert held(served)
            speaking.cancel()
            source.protocol.receive_data = lambda data: None  # type: ignore[method-assign]  # deaf: it answers no ping
            free.set()
            while sockets(served):
                await asyncio.sleep(EVERY)
            source.transport.abort()

    asyncio.run(asyncio.wait_for(converse(), 60))


def test_a_client_that_answers_no_ping_is_given_up(served: Serving) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    asked = f"GET /ws/meetings/{served.create()} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nUpgrade: websocket\r\n"
    asked += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        client.sendall(asked.encode())
        said = b""
        while part := client.recv(65536):
            said += part
    assert said.endswith(b"keepalive ping timeout")


def test_a_client_that_answers_stays(served: Serving) -> None:
    async def converse() -> None:
        async with connect(address(served, served.create()), compression=None) as viewer:
            await viewer.recv()
            for _ in range(10):
                await (await viewer.ping())
                await asyncio.sleep(2 * EVERY)

    asyncio.run(asyncio.wait_for(converse(), 60))
