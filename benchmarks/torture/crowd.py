"""Many who read along: when each of them has a line, and what becomes of those who stop reading."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
import urllib.request

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.server import PATIENCE, Server
from benchmarks.harness.source import Source
from benchmarks.harness.talkative import LINES, LOUD, sound
from benchmarks.torture.shared import Options, Result, sample
from meeting.core.errors import CloseCode

SMALL = 4096
"""Bytes that the socket of a client holds that does not read"""
FLOOD = 60 * LINES
"""Lines that are said, at most, until those who do not read must have fallen behind"""
OTHERS = 20
"""Readers beside them meanwhile"""
CUT_OFF = CloseCode.TRY_AGAIN_LATER
"""Close code for them"""


async def crowd(options: Options) -> Result:
    """One source, many viewers; then as many lines as it takes until a tenth of them, who do not read, fall behind."""
    viewers, deaf = options.count, max(1, options.count // 10)
    worst, finals, arrived, calm = await _calm(options, viewers, deaf)
    # Few others: text must come fast enough for those who do not read to have too much waiting within the seconds
    # after which a connection that takes nothing is ended anyway.
    cut, missed, flooded = await _flood(options, min(OTHERS, viewers - deaf), deaf)
    measured = f"{finals} finals: the last of {viewers - deaf} readers had each within {worst:.2f} s of the first; "
    measured += (
        f"{arrived} of {finals * (viewers - deaf)} arrived; {calm:+.0f} MB; in a flood of text {cut} of {deaf} fell "
    )
    measured += f"behind and were cut off with {CUT_OFF}, {missed} readers missed something; {flooded:+.0f} MB"
    passed = worst <= 1.0 and arrived == finals * (viewers - deaf) and max(calm, flooded) < 200
    passed = passed and cut == deaf and not missed
    bar = f"≤ 1 s, memory bounded, all {deaf} cut off and nobody else"
    return Result(f"1 source, {viewers} viewers, {deaf} stop reading", bar, measured, passed)


async def _calm(options: Options, viewers: int, deaf: int) -> tuple[float, int, int, float]:
    """Seconds between the first and the last reader of a line at worst; lines; how often one arrived; megabytes."""
    server = Server(options.folder / "crowd", options.models)
    server.start()
    server.ready()
    meeting, before = server.new_meeting("crowd"), server.memory()
    source = Source(server.port, meeting, sample(options.seconds), options.speed)
    first: dict[str, float] = {}
    late: list[float] = []

    async def view() -> None:
        async with connect(_address(server, meeting), max_size=None, compression=None) as connection:
            async for text in connection:
                now = time.monotonic()
                if '"final":true' in str(text) and '"type":"segment"' in str(text)[:20]:
                    message = json.loads(text)
                    late.append(now - first.setdefault(f"{message['id']} {message['rev']}", now))

    silent = [asyncio.create_task(_deafen(server, meeting, asyncio.Event())) for _ in range(deaf)]
    reading = [asyncio.create_task(view()) for _ in range(viewers - deaf)]
    await asyncio.sleep(2)
    await server.outliving(source.run())
    await asyncio.wait(reading, timeout=30)
    grown = server.memory() - before
    await _stop(*silent, *reading)
    server.stop()
    return max(late, default=9.0), len(first), len(late), grown


async def _flood(options: Options, readers: int, deaf: int) -> tuple[int, int, float]:
    """How many that do not read are cut off while more and more is said, how many others miss some; megabytes."""
    server = Server(options.folder / "flood", "talkative")
    server.start()
    server.ready()
    meeting, before, listen = server.new_meeting("flood"), server.memory(), asyncio.Event()
    silent = [asyncio.create_task(_deafen(server, meeting, listen)) for _ in range(deaf)]
    got: list[int] = []

    async def view() -> None:
        lines = 0
        async with connect(_address(server, meeting), max_size=None, compression=None) as connection:
            async for text in connection:
                lines += str(text).count('"type":"segment"')
        got.append(lines)

    reading = [asyncio.create_task(view()) for _ in range(readers)]
    while _viewers(server) < readers + deaf:
        await asyncio.sleep(0.1)
    source = Source(server.port, meeting, sound(FLOOD / LINES, (1 + LOUD) / 2), 20.0, kinds=("ended",))
    speaking = asyncio.create_task(source.run())
    deadline = time.monotonic() + PATIENCE
    while await asyncio.to_thread(_viewers, server) > readers and time.monotonic() < deadline and not speaking.done():
        await asyncio.sleep(0.1)
    most = server.memory() - before
    listen.set()
    codes = await asyncio.gather(*silent)
    await server.outliving(speaking)
    await asyncio.wait(reading, timeout=30)
    await _stop(*reading)
    said = len(server.transcript(meeting))
    server.stop()
    return codes.count(CUT_OFF), readers - got.count(said), most


async def _deafen(server: Server, meeting: str, listen: asyncio.Event) -> int | None:
    """Connect and read nothing until `listen` is set, then everything; the code that the connection ends with."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", server.port))
    # Who does not read does not see that it is let go either: it need not wait for that.
    address, options = _address(server, meeting), {"max_size": None, "compression": None, "max_queue": 1}
    connection: ClientConnection
    async with connect(address, sock=small, ping_interval=None, close_timeout=0.1, **options) as connection:
        await listen.wait()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.recv(decode=False)
        return connection.close_code


def _viewers(server: Server) -> int:
    """Who reads along, in all meetings."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=20) as answer:
        figures = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    return round(float(figures["meeting_viewers"]))


def _address(server: Server, meeting: str) -> str:
    return f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}"


async def _stop(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
