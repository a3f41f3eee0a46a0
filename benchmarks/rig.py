"""What the torture needs: a server process to kill, a source that never gives up, a proxy that breaks connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.process import environment
from meeting.core.messages import AudioFrame

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
FRAME = RATE // 10 * 2
"""Bytes of a frame: 0.1 s of 16-bit samples"""
PATIENCE = 300.0
"""Seconds after which something will not happen any more"""

FAKE = """
import os
import sys
import meeting.server.run
from meeting.live import memory
from meeting.server.app import create_app
from meeting.cli import set_up_logs
from meeting.config.sources import load_config
from benchmarks.talkative import Talkative
from tests.fakes.server_fakes import FakeMachinery, LeanPipeline
class Forgetful(list):
    def append(self, pipeline):
        pass
class Tidy(FakeMachinery):
    def load_engine(self, models, on_progress):
        engine = super().load_engine(models, on_progress)
        memory.keep_for_good()
        return engine
    def tidy(self):
        memory.give_back()
LeanPipeline.slow = float(os.environ.get("FAKE_SLOW", "0"))
machinery = Tidy(pipeline=Talkative if sys.argv[1] == 'talkative' else LeanPipeline, pipelines=Forgetful())
meeting.server.run.create_app = lambda settings, **options: create_app(settings, machinery, **options)
settings = load_config()
set_up_logs(settings.server.log_level)
meeting.server.run.serve(settings)
"""
"""A server whose models are the tests' fakes: all else is real. They take `FAKE_SLOW` seconds for each of audio"""


class Over(Exception):
    """The server has ended, or what was waited for never came."""


LAUNCHED: list[subprocess.Popen[bytes]] = []
"""Every server that was started"""


def end_all() -> None:
    """End the servers that a test has left behind."""
    while LAUNCHED:
        process = LAUNCHED.pop()
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """The server as a process of its own, on one port and one data folder however often it is killed."""

    folder: Path
    models: str = "embedded"
    """A set of models, or "fake", or "talkative" """
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables beyond ours"""
    open_files: int | None = None
    """Most files that it may have open; None: as many as we may"""
    port: int = field(default_factory=free_port)
    root: Path = ROOT
    """Checkout whose program it is"""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """All that it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it; returns once it serves."""
        self.launch()
        self.until(lambda: self.get("/healthz") is not None)

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        ours = {"MEETING_DATA_DIR": str(self.data), "MEETING_PORT": str(self.port)}
        fake = self.models in ("fake", "talkative")
        serve = ["serve", "--models", self.models, "--port", str(self.port), "--data-dir", str(self.data)]
        program = ["-c", FAKE, self.models] if fake else ["-m", "meeting", *serve]
        command = [sys.executable, *program]
        if self.open_files is not None:
            command = ["sh", "-c", f'ulimit -n {self.open_files} && exec "$@"', "sh", *command]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.root,
                env={**environment(self.root), **ours, **self.settings},
                stdout=log,
                stderr=log,
            )
        LAUNCHED.append(self.process)

    def ready(self) -> None:
        """Wait for models and recovery."""
        self.until(lambda: self.get("/readyz") is not None)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; raises Over when it never does or the server has ended."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise Over("waited in vain")
            self.check()
            time.sleep(0.05)

    def check(self) -> None:
        """Raises Over when the server has ended."""
        if self.process is None or self.process.poll() is not None:
            code = None if self.process is None else self.process.returncode
            raise Over(f"the server has ended with {code}:\n{self.log[-4000:]}")

    async def outliving(self, work: Awaitable[T], patience: float = 3600.0) -> T:
        """The result of some work; raises Over when the server ends before it, or it takes too long."""
        task, deadline = asyncio.ensure_future(work), time.monotonic() + patience
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=0.2)
                self.check()
                if time.monotonic() > deadline:
                    raise Over("waited in vain")
            return task.result()
        finally:
            task.cancel()

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As a service manager does; its exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def headers(self) -> dict[str, str]:
        """What opens it, where it asks for a token."""
        token = self.settings.get("MEETING_SERVER_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> Any:
        """A path's JSON; None unless it answers with 200."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=self.headers)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return json.load(answer)
        except OSError:
            return None

    def new_meeting(self, title: str = "torture") -> str:
        """A new meeting's id."""
        body = json.dumps({"title": title}).encode()
        address = f"http://127.0.0.1:{self.port}/api/meetings"
        asked = urllib.request.Request(address, body, {"Content-Type": "application/json", **self.headers})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return str(json.load(answer)["id"])

    def transcript(self, meeting: str) -> list[dict[str, Any]]:
        """A meeting's stored segments."""
        segments: list[dict[str, Any]] = self.get(f"/api/meetings/{meeting}/transcript")["segments"]
        return segments

    def memory(self) -> float:
        """Megabytes that it holds."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def limit_files(self, size: int | None) -> None:
        """Let no file of it grow beyond so many bytes, as a full disk does; None lets them grow again."""
        assert self.process is not None
        soft = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


class Source:
    """Streams audio and behaves as the page does: keeps what is not acknowledged, reconnects, resumes."""

    def __init__(
        self,
        port: int,
        meeting: str,
        audio: bytes,
        speed: float = 1.0,
        kinds: Collection[str] | None = None,
        stops: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`kinds` are the types of messages that are remembered, all when None; `stops`: it ends the meeting; `headers`
        are what a server asks for."""
        self.port = port
        self.meeting = meeting
        self.speed = speed
        self.frames = [audio[at : at + FRAME] for at in range(0, len(audio), FRAME)]
        self.acked = -1
        self.connections = 0
        self.messages: list[dict[str, Any]] = []
        self._kinds = kinds
        self._stops = stops
        self._headers = headers
        self.ended = False
        self._resume: dict[str, str] | None = None
        self._began: float | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Messages of a type."""
        return [message for message in self.messages if message["type"] == kind]

    async def run(self) -> None:
        """Send everything and wait for the end, whatever happens in between."""
        attempt = 0
        while not self.ended:
            before = self.connections
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, EOFError, asyncio.TimeoutError):
                address = f"ws://127.0.0.1:{self.port}/ws/meetings/{self.meeting}"
                # The answer to a ping waits behind the audio of a source that is held back.
                async with connect(
                    address,
                    max_size=None,
                    compression=None,
                    open_timeout=5,
                    ping_timeout=None,
                    additional_headers=self._headers,
                ) as connection:
                    await self._converse(connection)
            attempt = 0 if self.connections > before else attempt + 1
            if not self.ended:
                await asyncio.sleep(min(1.0, 0.02 * 2**attempt) * random.uniform(0.5, 1))

    async def _converse(self, connection: ClientConnection) -> None:
        audio = {"encoding": "pcm_s16le", "sample_rate": RATE, "channels": 1}
        start = {"type": "start", "version": 1, "audio": audio, "source": {"name": "torture"}, "resume": self._resume}
        await connection.send(json.dumps(start))
        sending: asyncio.Task[None] | None = None
        try:
            async for text in connection:
                message = json.loads(text)
                if self._kinds is None or message["type"] in self._kinds:
                    self.messages.append(message)
                if message["type"] == "session":
                    self.connections += 1
                    self._resume = {"source_id": message["source_id"], "token": message["resume_token"]}
                    assert message["next_seq"] >= self.acked + 1, "the server lost frames that it had acknowledged"
                    sending = asyncio.create_task(self._send(connection, message["next_seq"]))
                elif message["type"] == "ack":
                    self.acked = max(self.acked, message["seq"])
                elif message["type"] == "ended":
                    self.ended = True
                elif message["type"] == "error":
                    assert not message["fatal"], message
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, connection: ClientConnection, first: int) -> None:
        self._began = time.monotonic() if self._began is None else self._began
        for seq in range(first, len(self.frames)):
            due = self._began + (seq + 1) * 0.1 / self.speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await connection.send(AudioFrame(seq, seq * 100_000, self.frames[seq]).encode())
        if self._stops:
            await connection.send('{"type":"stop"}')


class Proxy:
    """A TCP proxy between sources and server that breaks connections."""

    def __init__(self, port: int, seed: int = 0) -> None:
        self.target = port
        self.port = 0
        self.delay = 0.0
        """Seconds by which everything is delayed, at most"""
        self._random = random.Random(seed)
        self._open: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._ghosts: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listen for as long as needed."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listening.close()
            self.cut()
            for task in self._ghosts:
                task.cancel()

    def cut(self, ghost: bool = False) -> None:
        """Break what is open without a word; with `ghost` the server is left with a connection that says no more."""
        broken, self._open = self._open, []
        for client, server in broken:
            self.cuts += 1
            client.transport.abort()
            if ghost:
                task = asyncio.create_task(self._haunt(server))
                self._ghosts.add(task)
                task.add_done_callback(self._ghosts.discard)
            else:
                server.transport.abort()

    async def _haunt(self, server: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            server.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open.append((writer, back))
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.delay:
                    await asyncio.sleep(self._random.uniform(0, self.delay))
                writer.write(data)
                await writer.drain()
            writer.close()


def told(segments: list[dict[str, Any]]) -> list[tuple[str, float, float, str | None, str]]:
    """What must be the same in two runs of the same audio."""
    return [(s["id"], s["start"], s["end"], s["speaker"], s["text"]) for s in segments]
