"""Connections that stay: a source that is held back keeps its own, a client that is gone does not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from meeting.config.settings import Config
from meeting.core.messages import AudioFrame
from meeting.server.meeting_server import server_config
from meeting.transport import websocket_connection
from meeting.transport.connections import Connection, ConnectionLimits, ConnectionRegistry
from meeting.transport.uvicorn_parts import ServerState
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.server_fakes import FakeBackend, FakePipeline, Serving, config, serving, tone, wait_ready

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

    def feed(self, audio: Samples) -> None:
        """Have more to do than may wait until it is let go."""
        super().feed(audio)
        if not self.free.is_set():
            self.on_backlog(1000.0)
            threading.Thread(target=self._let_go, daemon=True).start()

    def _let_go(self) -> None:
        self.free.wait(60)
        self.on_backlog(0.0)


@pytest.fixture
def free() -> Iterator[threading.Event]:
    """What lets the pipelines go on."""
    HeldPipeline.free = threading.Event()
    yield HeldPipeline.free
    HeldPipeline.free.set()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: threading.Event) -> Iterator[Serving]:
    """A server that loses its patience in a moment."""
    monkeypatch.setattr(websocket_connection, "PING_INTERVAL", EVERY)
    monkeypatch.setattr(websocket_connection, "PING_TIMEOUT", TIMEOUT)
    monkeypatch.setattr("meeting.session.source.REMINDER_INTERVAL", EVERY)
    with serving(config(tmp_path), FakeBackend(pipeline=HeldPipeline)) as running:
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


def sockets(served: Serving) -> list[websocket_connection.WebSocketConnection]:
    """The server's side of each open socket."""
    found = list(served.server.server_state.connections)
    return [connection for connection in found if isinstance(connection, websocket_connection.WebSocketConnection)]


def held(served: Serving) -> bool:
    """Whether the server leaves unread what a client sends."""
    return any(one.read_paused for one in sockets(served))


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_client_that_answers_no_ping_is_given_up(served: Serving) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    asked = f"GET /ws/meetings/{served.create()} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nUpgrade: websocket\r\n"
    asked += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as client:
        client.sendall(asked.encode())
        said = b""
        while part := client.recv(65536):
            said += part
    assert said.endswith(b"keepalive ping timeout")


@pytest.mark.slow
def test_a_client_that_answers_stays(served: Serving) -> None:
    async def converse() -> None:
        async with connect(address(served, served.create()), compression=None) as viewer:
            await viewer.recv()
            for _ in range(10):
                await (await viewer.ping())
                await asyncio.sleep(2 * EVERY)

    asyncio.run(asyncio.wait_for(converse(), 60))


# Strangers: what they send is read only as far as they read, and costs no more than its bytes


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and can be full."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.waiting = 0
        self.reading = True
        self.over = False

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data

    def get_write_buffer_size(self) -> int:
        """As the test says."""
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The test says when it is full."""

    def pause_reading(self) -> None:
        """Nothing more comes."""
        self.reading = False

    def resume_reading(self) -> None:
        """More may come."""
        self.reading = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.over

    def close(self) -> None:
        """Close it."""
        self.over = True

    abort = close


class Talk:
    """The server's side of one socket without a server: bytes go in by hand."""

    def __init__(self, sends_audio: bool = False) -> None:
        self.got: list[dict[str, Any]] = []
        self.told: asyncio.Queue[Any] = asyncio.Queue()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._app(scope, receive, send)

        settings = server_config(app, Config())
        settings.load()
        connections = ConnectionRegistry(ConnectionLimits(), asyncio.get_running_loop().time)
        connection = connections.open("127.0.0.1")
        assert connection is not None
        self.connection = connection
        self.connection.sends_audio = sends_audio
        self.wire = Wire()
        self.protocol = websocket_connection.WebSocketConnection(settings, ServerState(), {}, connection=connection)
        self.protocol.connection_made(self.wire)
        self.protocol.data_received(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await self.told.get()) == "read":
            self.got.append(await receive())
        await send({"type": "websocket.close", "code": 1000})
        await asyncio.Event().wait()

    async def begun(self) -> Talk:
        """Once the handshake is over."""
        while not self.protocol.handshake_complete:
            await asyncio.sleep(0)
        self.wire.written.clear()
        return self

    def take(self, opcode: int, data: bytes = b"", fin: bool = True, times: int = 1) -> None:
        """Frames of the client, as reads of the size that the server asks for."""
        size = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        frames = memoryview((bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + data) * times)
        while frames:
            into = self.protocol.get_buffer(-1)
            part = frames[: len(into)]
            into[: len(part)] = part
            self.protocol.buffer_updated(len(part))
            frames = frames[len(part) :]

    async def read(self) -> dict[str, Any]:
        """Let the app take a message."""
        count = len(self.got)
        self.told.put_nowait("read")
        while len(self.got) == count:
            await asyncio.sleep(0)
        return self.got[-1]


TEXT, BINARY, PING, PONG, CONT = 1, 2, 9, 10, 0


def talk(test: Callable[[Talk], Awaitable[None]], sends_audio: bool = False) -> None:
    """A test with one socket."""

    async def do() -> None:
        one = await Talk(sends_audio).begun()
        await test(one)
        one.protocol.connection_lost(None)

    asyncio.run(asyncio.wait_for(do(), 30))


def test_a_socket_is_not_read_while_what_is_written_to_it_is_not_taken() -> None:
    async def test(one: Talk) -> None:
        one.take(PING, b"x")
        assert (one.wire.reading, len(one.wire.written)) == (True, 3)
        one.protocol.pause_writing()
        assert not one.wire.reading
        one.protocol.resume_writing()
        assert one.wire.reading

    talk(test)


def test_a_socket_that_is_not_read_for_two_reasons_is_read_when_both_are_gone() -> None:
    async def test(one: Talk) -> None:
        one.take(TEXT, b"x")
        one.protocol.pause_writing()
        await one.read()
        assert not one.wire.reading, "the app has taken the message, the client nothing"
        one.protocol.resume_writing()
        assert one.wire.reading
        one.take(TEXT, b"x")
        one.protocol.pause_writing()
        one.protocol.resume_writing()
        assert not one.wire.reading, "the message still waits for the app"

    talk(test)


@pytest.mark.parametrize(("opcode", "data"), [(PING, b""), (PING, b"x" * 125), (PONG, b""), (CONT, b""), (CONT, b"x")])
def test_a_flood_of_small_frames_is_read_in_its_time(opcode: int, data: bytes) -> None:
    async def test(one: Talk) -> None:
        if opcode == CONT:
            one.take(TEXT, b"x", fin=False)
        taken = 0
        while one.wire.reading and taken < 100_000:
            one.take(opcode, data, fin=opcode != CONT)
            taken += 1
        assert taken < 10 * websocket_connection.CONTROL_RATE

    talk(test)


def test_a_message_in_parts_costs_no_more_than_its_bytes_however_many_they_are() -> None:
    async def test(one: Talk) -> None:
        one.take(BINARY, b"a", fin=False)
        one.take(CONT, b"", fin=False, times=5000)
        one.take(CONT, b"b", fin=False, times=500)
        assert [len(part) for part in one.protocol.frames] == [501]
        one.take(PING, b"in between")
        assert one.wire.written.endswith(b"in between")
        one.take(CONT, b"c")
        assert (await one.read())["bytes"] == b"a" + b"b" * 500 + b"c"

    talk(test)


@pytest.mark.parametrize("fin", [True, False])
def test_who_does_not_speak_cannot_have_much_wait(fin: bool) -> None:
    async def test(one: Talk) -> None:
        for _ in range(3):
            if not one.wire.over:
                one.take(TEXT if not one.protocol.frames else CONT, b"x" * 40_000, fin=fin)
                if fin:
                    await one.read()
        assert one.wire.over == (not fin)
        assert (b"a message has at most 69632 bytes" in one.wire.written) == (not fin)

    talk(test)


def test_who_speaks_may_send_large_messages() -> None:
    async def test(one: Talk) -> None:
        one.take(BINARY, b"x" * 40_000, fin=False)
        for _ in range(10):
            one.take(CONT, b"x" * 40_000, fin=False)
        one.take(CONT)
        assert len((await one.read())["bytes"]) == 440_000

    talk(test, sends_audio=True)


def test_a_message_beyond_the_largest_frame_is_refused_whole_or_in_parts() -> None:
    async def test(one: Talk) -> None:
        one.take(BINARY, b"x" * 60_000, fin=False)
        for _ in range(30):
            if not one.wire.over:
                one.take(CONT, b"x" * 60_000, fin=False)
        assert one.wire.over
        assert one.protocol.conn.close_sent is not None
        assert one.protocol.conn.close_sent.code == 1009

    talk(test, sends_audio=True)


def test_whose_turn_it_is_and_what_ends_a_socket() -> None:
    async def test(one: Talk) -> None:
        now = asyncio.get_running_loop().time()
        protocol, connection, wire = one.protocol, one.connection, one.wire
        assert protocol.overdue_reason(now) is None
        assert protocol.overdue_reason(now + 31) == "nobody was let in"
        assert connection.admit()
        assert protocol.overdue_reason(now + 1000) is None
        wire.waiting = 100
        assert protocol.overdue_reason(now + 1001) is None
        assert waits(connection) is False
        assert protocol.overdue_reason(now + 1006) is None
        assert waits(connection), "what it does not take for five seconds can be taken for someone else"
        wire.waiting = 90
        assert protocol.overdue_reason(now + 1007) is None
        assert waits(connection) is False
        assert protocol.overdue_reason(now + 1040) == "what was sent is not taken"
        wire.close()
        assert protocol.overdue_reason(now + 1041) is None
        assert protocol.overdue_reason(now + 1052) == "the rest of it is not taken"

    talk(test)


def waits(connection: Connection) -> bool:
    return connection._connections.waiting == 1


@pytest.mark.parametrize("admitted", [False, True])
def test_after_the_last_word_it_is_the_client_s_turn_but_who_was_let_in_may_read_it_in_peace(admitted: bool) -> None:
    async def test(one: Talk) -> None:
        if admitted:
            assert one.connection.admit()
        one.told.put_nowait("close")
        while not one.protocol.close_sent:
            await asyncio.sleep(0)
        assert one.protocol.overdue_reason(asyncio.get_running_loop().time()) is None
        assert waits(one.connection) is not admitted

    talk(test)


def test_the_close_frame_comes_behind_what_is_not_taken_and_does_not_wait_for_it() -> None:
    async def test(one: Talk) -> None:
        assert one.connection.admit()
        one.protocol.pause_writing()
        one.told.put_nowait("close")
        for _ in range(10):
            await asyncio.sleep(0)
        assert one.protocol.close_sent

    talk(test)


def test_a_client_that_pings_and_reads_nothing_is_not_read_in_the_end(served: Serving) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    asked = f"GET /ws/meetings/{served.create()} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nUpgrade: websocket\r\n"
    asked += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    pings, sent = (b"\x89\xfd" + bytes(4) + b"p" * 125) * 1000, 0
    with socket.create_connection(("127.0.0.1", served.port), timeout=1) as client:
        client.sendall(asked.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        try:
            while sent < 64 << 20:
                sent += client.send(pings)
        except OSError:
            """No more is taken."""
        assert sent < 64 << 20
        assert all(one.transport.get_write_buffer_size() < 1 << 17 for one in sockets(served))


def test_frames_that_break_the_protocol_before_it_is_agreed_on_end_their_connection() -> None:
    async def test(_: Talk) -> None:
        early = Talk()
        assert not early.protocol.handshake_complete
        early.protocol.data_received(b"\xff" * 8)
        assert (early.wire.over, early.wire.written) == (True, b"")
        early.protocol.connection_lost(None)

    talk(test)
