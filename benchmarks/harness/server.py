"""A server as a process of its own, with real models or with the tests' fakes: started, waited for, asked, killed."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.harness.process import environment

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""Seconds after which something will not happen any more"""

FAKE = """
import os
import socket
import sys
from meeting.transport import connections
if sys.argv[1] == 'talkative':
    listen = socket.socket.listen
    def listen_with_small_buffers(server, *backlog):
        # Else the system holds as much of a flood as it likes for one who does not read.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        listen(server, *backlog)
    socket.socket.listen = listen_with_small_buffers
    connections.STUCK_SECONDS = 600.0  # on a busy machine less than this is not enough to fall behind
    connections.CLOSING_SECONDS = 600.0  # nor to read why one was cut off
import meeting.server.run
from meeting.sources import memory
from meeting.server.app import create_app
from meeting.server.logs import set_up_logs
from meeting.config.sources import load_config
from benchmarks.harness.talkative import Talkative
from tests.fakes.models.other_models import with_others
from tests.fakes.server_fakes import FakeBackend, LeanPipeline
class Forgetful(list):
    def append(self, pipeline):
        pass
class Tidy(FakeBackend):
    def load_engine(self, models, on_progress):
        engine = super().load_engine(models, on_progress)
        memory.freeze_objects()
        return engine
    def release_memory(self):
        memory.collect_and_trim()
LeanPipeline.slow = float(os.environ.get("FAKE_SLOW", "0"))
backend = Tidy(pipeline=Talkative if sys.argv[1] == 'talkative' else LeanPipeline, pipelines=Forgetful())
meeting.server.run.create_app = lambda settings, **options: with_others(create_app(settings, backend, **options))
settings = load_config()
set_up_logs(settings.server.log_level)
meeting.server.run.serve(settings)
"""
"""A server whose models are the tests' fakes: all else is real. They take `FAKE_SLOW` seconds for each of audio;
with `FAKE_OTHERS` meetings can be transcribed again with others, which take as many as that says"""

COMPLETE = """
import sys
from meeting.cli import main
from pipelines.stream.stream import Pipeline
Pipeline.live = property(lambda pipeline: False, lambda pipeline, live: None)
sys.exit(main(sys.argv[1:]))
"""
"""A server that leaves out nothing where the machine is too full, but is late: it hears live sources as recordings"""


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
    complete: bool = False
    """Whether it leaves out nothing, however full the machine is, and is late instead"""
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
        program = ["-m", "meeting", *serve] if not self.complete else ["-c", COMPLETE, *serve]
        program = ["-c", FAKE, self.models] if fake else program
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
