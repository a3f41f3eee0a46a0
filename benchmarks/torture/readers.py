"""Readers who come at once: what a server goes through when two hundred of them open a meeting of many hours.

Clients and the watch over `/healthz` are processes of their own, so that only the server's delays are measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import re
import select
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.process import Watch
from benchmarks.harness.server import PATIENCE, Server
from benchmarks.harness.talkative import LINES, LOUD, QUIET, sound, spoken
from benchmarks.torture.shared import Options, Result
from meeting.core.ids import new_id
from meeting.core.messages import AudioFrame
from meeting.core.records import Meeting, State
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Speaker

LINE = 2.0
"""Seconds of a meeting for each of its lines"""
EVERY = 0.05
"""Seconds between two looks at `/healthz`"""
MOST_WAIT = 1.0
"""Seconds that `/healthz`, and the source of the meeting beside, may wait for an answer"""
MOST_MEMORY = 60.0
"""Megabytes by which the server may grow"""
SMALL = 4096
"""Bytes that the socket of a client holds that does not read"""
DEAF = 5.0
"""Seconds for which such clients stay"""


@dataclass(frozen=True)
class Seen:
    """What came of one crowd."""

    first: float
    """Seconds until the last of them had its first message"""
    last: float
    """Seconds until the last of them had every line"""
    least: int
    """Lines of the one that got the fewest"""
    health: float
    """Most seconds that an answer of `/healthz` took"""
    memory: float
    """Megabytes by which the server grew at most"""

    def __str__(self) -> str:
        done = f"first lines after {self.first:.1f} s, all {self.least} after {self.last:.1f} s, " if self.last else ""
        return f"{done}`/healthz` ≤ {self.health:.2f} s, {self.memory:+.0f} MB"


async def readers(options: Options) -> Result:
    """Many readers open a long meeting at once, while it is live and after its end; then such as do not read."""
    lines = max(LINES, round(options.seconds / LINE) // LINES * LINES)
    settings = {"MEETING_LIMITS_VIEWERS": "1000", "MEETING_LIMITS_SOURCE_BYTES": "100000000"}
    server, over = Server(options.folder / "readers", "talkative", settings), new_id()
    await asyncio.to_thread(_write, server.data, over, lines)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.ready)
    seen: dict[str, Seen] = {}
    async with _live(server, lines) as live, _beside(server) as late:
        for name, meeting in (("live", live), ("ended", over)):
            seen[name] = await _come(server, meeting, options.count)
            print(f"  {name}: {seen[name]}", file=sys.stderr, flush=True)
            seen[f"{name}, not reading"] = await _come(server, meeting, options.count, "--deaf")
            print(f"  {name}, not reading: {seen[f'{name}, not reading']}", file=sys.stderr, flush=True)
    traced = server.log.count("Traceback")
    server.stop()
    whole = all(seen[name].least == lines for name in ("live", "ended"))
    measured = "; ".join(f"{name}: {one}" for name, one in seen.items())
    measured += f"; {'all' if whole else '**not all**'} lines arrived, {traced} tracebacks, "
    measured += f"the meeting beside acknowledged within {max(late):.2f} s"
    bounded = all(one.health <= MOST_WAIT and one.memory <= MOST_MEMORY for one in seen.values())
    passed = bounded and whole and not traced and max(late) <= MOST_WAIT
    bar = f"`/healthz` ≤ {MOST_WAIT:g} s, ≤ {MOST_MEMORY:g} MB, every line, a meeting beside not held up"
    return Result(f"{options.count} readers at once of {lines} lines", bar, measured, passed)


def _write(folder: Path, meeting: str, lines: int) -> None:
    """Put a meeting that is over into the database."""
    with Store(folder) as store:
        store.create_meeting(Meeting(meeting, "long", State.OPEN, datetime.now(timezone.utc))).result()
        TranscriptStore(store).save_speakers(meeting, [Speaker("spk1"), Speaker("spk2", color=1)]).result()
        said = [spoken("src", number, round(number * LINE * SAMPLE_RATE), SAMPLE_RATE) for number in range(lines)]
        TranscriptStore(store).save_segments(meeting, said).result()
        store.set_state(meeting, State.ENDED, samples=round(lines * LINE * SAMPLE_RATE)).result()


@asynccontextmanager
async def _live(server: Server, lines: int) -> AsyncIterator[str]:
    """A live meeting with so many lines, whose source stays connected."""
    meeting, second = server.new_meeting("live"), sound(1.0, (1 + LOUD) / 2)
    async with _source(server, meeting, lambda seq: None) as source:
        for seq in range(lines // LINES):
            await source.send(AudioFrame(seq, 0, second).encode())
        # What was sent last is heard only once more has come.
        await source.send(AudioFrame(lines // LINES, 0, bytes(2 * len(second))).encode())
        deadline = time.monotonic() + PATIENCE
        while (await asyncio.to_thread(server.get, f"/api/meetings/{meeting}"))["segments"] < lines:
            assert time.monotonic() < deadline, "the meeting did not become as long as it should"
            await asyncio.sleep(0.5)
        yield meeting


@asynccontextmanager
async def _beside(server: Server) -> AsyncIterator[list[float]]:
    """A meeting at the pace of speech; the seconds until each of its frames was acknowledged."""
    sent: list[float] = []
    late: list[float] = []
    done = -1
    tenth = sound(0.1, (LOUD + QUIET) / 2)

    async def speak(source: ClientConnection) -> None:
        while True:
            sent.append(time.monotonic())
            await source.send(AudioFrame(len(sent) - 1, 0, tenth).encode())
            await asyncio.sleep(0.1)

    def acked(seq: int) -> None:
        nonlocal done
        late.extend(time.monotonic() - began for began in sent[done + 1 : seq + 1])
        done = seq

    async with _source(server, server.new_meeting("beside"), acked) as source:
        speaking = asyncio.create_task(speak(source))
        try:
            yield late
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            acked(len(sent) - 1)


@asynccontextmanager
async def _source(server: Server, meeting: str, acked: Callable[[int], None]) -> AsyncIterator[ClientConnection]:
    """A source that may speak; `acked` is told the number of each frame."""
    ready = asyncio.Event()

    async def read(source: ClientConnection) -> None:
        async for text in source:
            message = json.loads(text)
            if message["type"] == "session":
                ready.set()
            elif message["type"] == "ack":
                acked(message["seq"])

    address = f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}"
    async with connect(address, max_size=None, compression=None, ping_timeout=None) as source:
        audio = {"encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE, "channels": 1}
        await source.send(json.dumps({"type": "start", "version": 1, "audio": audio}))
        reading = asyncio.create_task(read(source))
        try:
            await asyncio.wait_for(ready.wait(), 60)
            yield source
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _come(server: Server, meeting: str, count: int, *how: str) -> Seen:
    """Let so many readers come at once, and look at the server meanwhile."""
    assert server.process is not None
    await asyncio.sleep(6)  # every five seconds the server hands back memory that it does not need
    before = server.memory()
    async with Watch(server.process.pid).running(0.1) as watch, _polling(server.port) as took:
        told = await _run("crowd", str(server.port), meeting, str(count), *how)
    return Seen(told["first"], told["last"], told["least"], max(took), watch.peak - before)


@asynccontextmanager
async def _polling(port: int) -> AsyncIterator[list[float]]:
    """Ask for `/healthz` again and again; afterwards the seconds that each answer took."""
    pipe, took = asyncio.subprocess.PIPE, list[float]()
    process = await asyncio.create_subprocess_exec(*_command("health", str(port)), stdin=pipe, stdout=pipe)
    try:
        yield took
    finally:
        out, _ = await process.communicate(b"\n")
        took.extend(json.loads(out))


async def _run(*arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(*_command(*arguments), stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return json.loads(out)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.torture.readers", *arguments]


# In the processes of the clients


def watch_health(port: int) -> list[float]:
    """Seconds that each answer of `/healthz` took, until there is something to read from standard input."""
    took = []
    while not took or not select.select([sys.stdin], [], [], EVERY)[0]:
        began = time.monotonic()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as asked:
            asked.request("GET", "/healthz")
            asked.getresponse().read()
        took.append(time.monotonic() - began)
    return took


@dataclass
class Reader:
    """One of a crowd, which counts what it gets."""

    first: float = 0.0
    last: float = 0.0
    lines: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, address: str, began: float) -> None:
        """Read until every line is there, and on."""
        async with connect(address, max_size=None, compression=None, open_timeout=60, ping_timeout=None) as connection:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._take(await connection.recv(decode=False), began)

    def _take(self, data: bytes, began: float) -> None:
        if data.startswith((b'{"type":"snapshot"', b'{"type":"earlier"')) and not self.done.is_set():
            self.lines += data.count(b'"type":"segment"')
            self.last = time.monotonic() - began
            self.first = self.first or self.last
            # The last field says how many are left; a snapshot without it is whole.
            left = re.search(rb'"(?:earlier|left)":(\d+)}$', data)
            if left is None or left[1] == b"0":
                self.done.set()

    async def refuse(self, address: str) -> None:
        """Connect, and read nothing."""
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        small.setblocking(False)
        port = int(address.split(":")[2].split("/")[0])
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
        async with connect(
            address, sock=small, max_size=None, compression=None, max_queue=1, open_timeout=60, close_timeout=0.1
        ):
            self.done.set()
            await asyncio.sleep(3600)


async def crowd(port: int, meeting: str, count: int, deaf: bool) -> dict[str, float]:
    """So many readers at once: seconds until all had their first message and every line; the fewest lines."""
    address, began = f"ws://127.0.0.1:{port}/ws/meetings/{meeting}", time.monotonic()
    came = [Reader() for _ in range(count)]
    tasks = [asyncio.create_task(one.refuse(address) if deaf else one.read(address, began)) for one in came]
    for one, task in zip(came, tasks, strict=True):
        arrived = asyncio.create_task(one.done.wait())
        await asyncio.wait({arrived, task}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
    if deaf:
        await asyncio.sleep(DEAF)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    first, last = max(one.first for one in came), max(one.last for one in came)
    return {"first": first, "last": last, "least": min(one.lines for one in came)}


def main() -> None:
    """One of the processes beside the server; prints JSON."""
    parser = argparse.ArgumentParser(description=(main.__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("health", "crowd"))
    parser.add_argument("port", type=int)
    parser.add_argument("meeting", nargs="?")
    parser.add_argument("count", type=int, nargs="?")
    parser.add_argument("--deaf", action="store_true")
    asked = parser.parse_args()
    if asked.what == "health":
        print(json.dumps(watch_health(asked.port)))
    else:
        print(json.dumps(asyncio.run(crowd(asked.port, asked.meeting, asked.count, asked.deaf))))


if __name__ == "__main__":
    main()
