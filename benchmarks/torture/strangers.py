"""Strangers with sockets: they send what nobody asked for, or nothing, and read nothing; what that costs a server.

Each test runs its attack in a process of its own, against a server in which a meeting is being held:

    .venv/bin/python -m benchmarks.torture pings idle headers sockets pipelines --models fake
    .venv/bin/python -m benchmarks.torture.strangers idle PORT --count 1100 --seconds 60      # the attack alone
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import http.client
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.harness.process import Watch
from benchmarks.harness.server import ROOT, Server
from benchmarks.harness.source import Source
from benchmarks.torture.shared import Options, Result, sample, told, uninterrupted

GROWTH = 60.0
"""Megabytes by which the server may grow beyond the most that it holds while the same meeting runs alone"""
LOGGED = 100_000
"""Bytes that it may log"""
TOKEN = "a-token-that-no-stranger-has"


async def unread_pings(options: Options) -> Result:
    """Pings as fast as they are taken, whose pongs nobody reads."""
    return await _besieged("pings", f"unread pings on {options.count} sockets", options)


async def idle(options: Options) -> Result:
    """More connections than there are files, which say nothing."""
    name = f"{options.count} idle connections, 1,024 files"
    return await _besieged("idle", name, options, open_files=1024)


async def slow_headers(options: Options) -> Result:
    """Requests that come a byte a second."""
    return await _besieged("headers", f"{options.count} headers, a byte a second", options)


async def mute_sockets(options: Options) -> Result:
    """Sockets that never show a token."""
    return await _besieged("sockets", f"{options.count} sockets without a token", options)


async def unread_answers(options: Options) -> Result:
    """Requests one after the other, whose answers nobody reads."""
    return await _besieged("pipelines", f"unread answers on {options.count} connections", options)


async def _besieged(attack: str, name: str, options: Options, open_files: int | None = None) -> Result:
    settings = {"MEETING_SERVER_TOKEN": TOKEN, "MEETING_SERVER_LOG_LEVEL": "info"}
    server = Server(options.folder / attack, options.models, settings, open_files=open_files)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.ready)
    plain, alone = await uninterrupted(server, options)
    meeting = server.new_meeting("beside")
    source = Source(server.port, meeting, sample(options.seconds), options.speed, headers=server.headers)
    neighbour = asyncio.create_task(source.run())
    await asyncio.sleep(min(2.0, options.seconds / options.speed / 4))
    assert server.process is not None
    logged = len(server.log)
    health, watch = Health(server.port), Watch(server.process.pid)
    async with watch.running(0.2):
        with health.watched():
            did = await _attack(attack, server.port, options.count, options.seconds / options.speed)
            await asyncio.wait_for(neighbour, 3600)
    equal = told(server.transcript(meeting)) == told(plain)
    grown, logged = watch.peak - alone, len(server.log) - logged
    server.stop()
    measured = (
        f"{did}: `/healthz` within {health.worst:.2f} s at worst of {health.asked} times; {grown:+.1f} MB; "
        f"{logged / 1000:.1f} kB logged; the meeting beside it {'equal' if equal else '**differs**'}"
    )
    bar = f"`/healthz` ≤ {options.healthy:g} s, ≤ +{GROWTH:g} MB, ≤ {LOGGED // 1000} kB logged, neighbour equal"
    passed = health.worst <= options.healthy and grown <= GROWTH and logged <= LOGGED and equal
    return Result(name, bar, measured, passed and "Traceback" not in server.log)


async def _attack(attack: str, port: int, count: int, seconds: float) -> str:
    """Run an attack as a process of its own; what it says it did."""
    command = [
        "-m",
        "benchmarks.torture.strangers",
        attack,
        str(port),
        "--count",
        str(count),
        "--seconds",
        str(seconds),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, "the attack itself failed"
    return said.decode().strip()


@dataclass
class Health:
    """Asks for `/healthz` all the time, on a new connection each."""

    port: int
    worst: float = 0.0
    """Longest that an answer took, in seconds; infinite if none came"""
    asked: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Ask from another thread."""
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.1):
            began = time.monotonic()
            took = float("inf")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    took = time.monotonic() - began
                connection.close()
            self.asked += 1
            self.worst = max(self.worst, took)


# The attacks


@dataclass
class Stranger:
    """All strangers of one attack."""

    port: int
    until: float
    """When it is over, on the steady clock"""
    sent: int = 0
    """Bytes"""
    opened: int = 0
    """Connections"""
    closed: int = 0
    """Of them, by the server"""

    async def keep_on(self, behave: Callable[[Stranger, socket.socket], Awaitable[None]]) -> None:
        """Connect and behave in a way; again a second after the server has ended it."""
        while (left := self.until - time.monotonic()) > 0:
            with contextlib.closing(socket.socket()) as mine:
                mine.setblocking(False)
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._once(mine, behave), left)
                    self.closed += 1
            await asyncio.sleep(1)

    async def _once(self, mine: socket.socket, behave: Callable[[Stranger, socket.socket], Awaitable[None]]) -> None:
        await asyncio.get_running_loop().sock_connect(mine, ("127.0.0.1", self.port))
        self.opened += 1
        try:
            await behave(self, mine)
        except OSError:
            """The server ended it."""

    async def send(self, mine: socket.socket, data: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(mine, data)
        self.sent += len(data)


async def _say_nothing(who: Stranger, mine: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(mine, 4096):
        pass


async def _trickle(who: Stranger, mine: socket.socket) -> None:
    closed = asyncio.create_task(_say_nothing(who, mine))
    try:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 10_000:
            await who.send(mine, bytes([byte]))
            await asyncio.wait({closed}, timeout=1)
            if closed.done():
                return
    finally:
        closed.cancel()
        await asyncio.gather(closed, return_exceptions=True)


async def _open_socket(who: Stranger, mine: socket.socket) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    asked = f"GET /ws/meetings/{'a' * 12} HTTP/1.1\r\nHost: 127.0.0.1:{who.port}\r\nUpgrade: websocket\r\n"
    asked += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    await who.send(mine, asked.encode())
    if not (await asyncio.get_running_loop().sock_recv(mine, 4096)).startswith(b"HTTP/1.1 101"):
        raise ConnectionError("no socket")


async def _stay_mute(who: Stranger, mine: socket.socket) -> None:
    await _open_socket(who, mine)
    await _say_nothing(who, mine)


async def _ping(who: Stranger, mine: socket.socket) -> None:
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await _open_socket(who, mine)
    pings = (struct.pack("!BB", 0x89, 0x80 | 125) + bytes(4) + b"p" * 125) * 500
    while True:
        await who.send(mine, pings)


async def _pipeline(who: Stranger, mine: socket.socket) -> None:
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    requests = b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000
    while True:
        await who.send(mine, requests)


ATTACKS: dict[str, Callable[[Stranger, socket.socket], Awaitable[None]]] = {
    "pings": _ping,
    "idle": _say_nothing,
    "headers": _trickle,
    "sockets": _stay_mute,
    "pipelines": _pipeline,
}
"""Name -> how each of its connections behaves"""


async def attack(name: str, port: int, count: int, seconds: float) -> Stranger:
    """So many connections at once that behave in a way for so many seconds."""
    who = Stranger(port, time.monotonic() + seconds)
    await asyncio.gather(*(who.keep_on(ATTACKS[name]) for _ in range(count)))
    return who


def main() -> int:
    """Run one attack and print what it did."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torture.strangers", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("port", type=int, help="of a server on this machine")
    parser.add_argument("--count", type=int, default=100, help="connections at once (default 100)")
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    who = asyncio.run(attack(asked.attack, asked.port, asked.count, asked.seconds))
    print(f"{who.opened} connections opened, {who.closed} ended by the server, {who.sent / 1e6:.1f} MB sent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
