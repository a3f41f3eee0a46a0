"""Accepting connections: bounded, quick with those that say nothing, and calm when files run out."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meeting.transport.acceptor import ACCEPTED_PER_TURN, OTHERS_PER_TURN, Acceptor, is_complete_request
from meeting.transport.connections import MAX_SILENT, STUCK_SECONDS, Connection, ConnectionLimits, ConnectionRegistry


class Echo(asyncio.Protocol):
    """Answers with what it is told."""

    made = 0
    last: Any = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count."""
        type(self).made += 1
        type(self).last = transport
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the connection."""
        self.connection.closed()


class Listening:
    """A listening socket that can be told to fail, and counts how often it is asked."""

    def __init__(self) -> None:
        self.real = socket.socket()
        self.real.bind(("127.0.0.1", 0))
        self.fails = 0
        self.asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """As the real one, or with the error of a process that has no file left."""
        self.asked += 1
        if self.fails > 0:
            self.fails -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self.real.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def run(
    test: Callable[[Acceptor, ConnectionRegistry, Listening], Awaitable[None]],
    bounds: ConnectionLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """A test with an acceptor that is at work."""

    async def do() -> None:
        Echo.made = 0
        listening = Listening()
        connections = ConnectionRegistry(bounds or ConnectionLimits(), asyncio.get_running_loop().time)
        acceptor = Acceptor(listening, connections, Echo, tls)  # type: ignore[arg-type]
        acceptor.start()
        try:
            await test(acceptor, connections, listening)
        finally:
            acceptor.close()
            listening.real.close()

    asyncio.run(asyncio.wait_for(do(), 30))


async def connect(listening: Listening) -> socket.socket:
    mine = socket.socket()
    mine.setblocking(False)
    await asyncio.get_running_loop().sock_connect(mine, listening.getsockname())
    return mine


async def say(mine: socket.socket, text: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(mine, text)
    return await loop.sock_recv(mine, 4096)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("text", [b"hello", b"GET /ws HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n"])
def test_who_speaks_is_answered(text: bytes) -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        mine = await connect(listening)
        assert await say(mine, text) == text
        mine.close()
        await until(lambda: len(connections) == 0)

    run(test)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such option")
def test_the_system_gives_up_too_on_who_takes_nothing() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        mine = await connect(listening)
        await say(mine, b"hello")
        assert Echo.last is not None
        ours = Echo.last.get_extra_info("socket")
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * STUCK_SECONDS
        mine.close()

    run(test)


def test_who_says_nothing_costs_no_more_than_a_file() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        silent = [await connect(listening) for _ in range(50)]
        await until(lambda: len(connections) == 50)
        assert Echo.made == 0
        assert await say(silent[7], b"now") == b"now"
        assert Echo.made == 1
        for mine in silent:
            mine.close()
        await until(lambda: len(connections) == 0)

    run(test)


def test_beyond_the_bound_the_oldest_silent_ones_are_closed_and_the_latest_answered() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        silent = [await connect(listening) for _ in range(MAX_SILENT + 10)]
        assert await say(silent[-1], b"hello") == b"hello"
        for mine in silent[:9]:
            assert await asyncio.get_running_loop().sock_recv(mine, 1) == b""
        for mine in silent:
            mine.close()

    run(test)


def test_many_websockets_at_once_are_all_begun() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        text = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
        mine = [await connect(listening) for _ in range(40)]
        assert await asyncio.gather(*(say(one, text) for one in mine)) == [text] * 40
        for one in mine:
            one.close()

    run(test)


def test_without_a_place_a_newcomer_is_told_so() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        connections.total = 1
        served = await connect(listening)
        await say(served, b"hello")
        (connection,) = connections._all
        connection.mark_busy()
        refused = await connect(listening)
        answer = await asyncio.get_running_loop().sock_recv(refused, 4096)
        assert answer.startswith(b"HTTP/1.1 503 ")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b'"overloaded"' in body
        assert await say(served, b"again") == b"again"
        for one in (served, refused):
            one.close()

    run(test)


def test_when_files_run_out_it_makes_room_and_asks_again_later(caplog: pytest.LogCaptureFixture) -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        silent = [await connect(listening) for _ in range(ACCEPTED_PER_TURN // 2)]
        await until(lambda: len(connections) == len(silent))
        listening.fails, listening.asked = 1, 0
        turned_away = await connect(listening)
        answer = await asyncio.get_running_loop().sock_recv(turned_away, 4096)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert len(connections) < len(silent)
        assert listening.asked == 2
        later = await connect(listening)
        assert await say(later, b"hello") == b"hello"
        for one in (*silent, turned_away, later):
            one.close()

    with caplog.at_level(logging.INFO):
        run(test)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "no further connection can be accepted for the moment: Too many open files"
    ]


def test_while_files_stay_out_it_neither_spins_nor_floods_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        listening.fails = 1_000_000
        mine = await connect(listening)
        await asyncio.sleep(0.5)
        assert 2 <= listening.asked <= 20
        listening.fails = 0
        assert await say(mine, b"hello") == b"hello"
        mine.close()

    with caplog.at_level(logging.INFO):
        run(test)
    assert len(caplog.records) <= 10


def test_closing_lets_go_of_everyone() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        silent = [await connect(listening) for _ in range(3)]
        await until(lambda: len(connections) == 3)
        acceptor.close()
        acceptor.close()
        assert len(connections) == 0
        for one in silent:
            assert await asyncio.get_running_loop().sock_recv(one, 1) == b""
            one.close()

    run(test)


def test_a_handshake_that_comes_to_nothing_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        wrong, half = await connect(listening), await connect(listening)
        await asyncio.get_running_loop().sock_sendall(wrong, b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.get_running_loop().sock_sendall(half, b"\x16\x03\x01\x02\x00\x01")
        await until(lambda: len(connections) == 1)
        connections.shed(1)
        await until(lambda: len(connections) == 0)
        for one in (wrong, half):
            one.close()

    with caplog.at_level(logging.INFO):
        run(test, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET / HTTP/1.1\r\nUPGRADE: WebSocket\r\n\r\n", False),
    ],
)
def test_a_look_at_what_came_tells_whole_requests_and_reads_nothing(text: bytes, prompt: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(text)
        assert [is_complete_request(ours), is_complete_request(ours)] == [prompt] * 2
        assert ours.recv(4096) == text
    assert not is_complete_request(ours)


def test_whole_requests_are_begun_before_the_others() -> None:
    async def test(acceptor: Acceptor, connections: ConnectionRegistry, listening: Listening) -> None:
        order: list[bytes] = []

        async def ask(mine: socket.socket, text: bytes) -> None:
            await say(mine, text)
            order.append(text)

        others = [await connect(listening) for _ in range(20 * OTHERS_PER_TURN)]
        last = await connect(listening)
        whole = b"GET / HTTP/1.1\r\n\r\n"
        await asyncio.gather(*(ask(one, b"G") for one in others), ask(last, whole))
        assert order.index(whole) < 10 * OTHERS_PER_TURN
        for one in (*others, last):
            one.close()

    run(test)
