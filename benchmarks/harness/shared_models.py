"""The shared models on a Ray cluster of this machine, as processes: started, looked at, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.process import children, cpu_seconds, environment, resident
from benchmarks.harness.server import PATIENCE, ROOT, Over, free_port

READY = "the shared models answer on port"
"""What `models serve` says once they do"""


@dataclass
class SharedModels:
    """`models serve` with a cluster of its own, on one port however often it is killed."""

    folder: Path
    models: str = "embedded"
    replicas: int = 1
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where they answer."""
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """Of a server that is to use them."""
        return {"MEETING_MODELS_ENGINE": "ray", "MEETING_MODELS_RAY_ADDRESS": self.address}

    def start(self) -> None:
        """Start them; returns once they answer. Raises Over."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start them, and wait for nothing."""
        asked = ["--models", self.models, "--replicas", str(self.replicas), "--grpc-port", str(self.port)]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "models.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meeting", "models", "serve", *asked],
                cwd=ROOT,
                env=environment(ROOT),
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Wait until they answer. Raises Over."""
        deadline = time.monotonic() + PATIENCE
        while READY not in self.log:
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise Over(f"the shared models do not start:\n{self.log[-4000:]}")
            time.sleep(0.1)

    @property
    def log(self) -> str:
        """What they have said."""
        return (self.folder / "models.log").read_text(errors="replace")

    @property
    def processes(self) -> dict[int, str]:
        """Each process with its command line, Ray's own ones included."""
        found: dict[int, str] = {}
        todo = [self.process.pid] if self.process is not None and self.process.poll() is None else []
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                todo += children(pid)
        return found

    def replica(self, application: str) -> int:
        """The process of a replica of "speech" or "speakers"."""
        named = f"ray::ServeReplica:{application}:"
        return next(pid for pid, command in self.processes.items() if command.startswith(named))

    def cost(self) -> dict[str, tuple[float, float]]:
        """CPU seconds so far and megabytes, of replicas, of the proxy that takes calls, and of the rest of Ray."""
        total = {"replicas": (0.0, 0.0), "proxy": (0.0, 0.0), "the rest of Ray": (0.0, 0.0)}
        for pid, command in self.processes.items():
            kind = "the rest of Ray"
            if command.startswith("ray::ServeReplica"):
                kind = "replicas"
            elif command.startswith("ray::ProxyActor"):
                kind = "proxy"
            with contextlib.suppress(OSError):
                cpu, memory = total[kind]
                total[kind] = (cpu + cpu_seconds(pid), memory + resident(pid))
        return total

    def kill(self) -> None:
        """All of them at once, as a machine that fails: head, proxy and replicas."""
        for pid in list(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        """As an interrupt at the keyboard does; what is left after that is killed."""
        left = list(self.processes)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
