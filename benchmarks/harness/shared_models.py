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

from benchmarks.harness.process import command_line, cpu_seconds, environment, family, resident
from benchmarks.harness.ray_nodes import RayNodes
from benchmarks.harness.server import PATIENCE, ROOT, Over, free_port

READY = "the shared models answer on port"
"""What `models serve` says once they do"""
PARTS = {
    "replicas": ("ray::ServeReplica",),
    "proxy": ("ray::ProxyActor",),
    "controller": ("ray::ServeController",),
    "gcs_server": ("gcs_server",),
    "raylet": ("raylet",),
    "agents, dashboard": ("ray::DashboardAgent", "ray::RuntimeEnvAgent", "dashboard.py"),
    "log monitor": ("log_monitor.py",),
    "autoscaler's monitor": ("monitor.py",),
}
"""What a cluster's processes are for, and how these are called"""


def part_of(command: str) -> str:
    """The part that a process with this command line belongs to; "others" for `models serve` itself."""
    words = [word.rpartition("/")[2] for word in command.split()[:3]]
    return next((part for part, names in PARTS.items() if any(word.startswith(names) for word in words)), "others")


@dataclass
class SharedModels:
    """`models serve` with a cluster of its own, on one port however often it is killed."""

    folder: Path
    models: str = "embedded"
    replicas: int | None = 1
    """Of each kind; None leaves it to autoscaling"""
    cpus: float = 1.0
    """Processors of each replica"""
    nodes: RayNodes | None = None
    """A cluster of several nodes that they are on until it is killed or stopped; after that they have their own"""
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
        """Start them, and wait for nothing but nodes."""
        if self.nodes is not None:
            self.nodes.start()
            self.nodes.add()
        asked = ["--models", self.models, "--grpc-port", str(self.port), "--cpus", f"{self.cpus:g}"]
        asked += [] if self.replicas is None else ["--replicas", str(self.replicas)]
        asked += [] if self.nodes is None else ["--cluster", self.nodes.address]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "models.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meeting", "models", "serve", *asked],
                cwd=ROOT,
                env={**environment(ROOT), **(self.nodes.variables if self.nodes else {})},
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
        alive = self.process is not None and self.process.poll() is None
        own = family(self.process.pid) if self.process is not None and alive else []
        found = {pid: line for pid in own if (line := command_line(pid))}
        return found if self.nodes is None else {**self.nodes.processes, **found}

    def replica(self, application: str) -> int:
        """The process of a replica of "speech" or "speakers"."""
        return self.replicas_of(application)[0]

    def replicas_of(self, application: str) -> list[int]:
        """All of them."""
        named = f"ray::ServeReplica:{application}:"
        return [pid for pid, command in self.processes.items() if command.startswith(named)]

    def cost(self) -> dict[str, tuple[float, float]]:
        """CPU seconds so far and megabytes of each part of `PARTS`, and of "others"."""
        total = dict.fromkeys([*PARTS, "others"], (0.0, 0.0))
        for pid, command in self.processes.items():
            with contextlib.suppress(OSError):
                cpu, memory = total[part_of(command)]
                total[part_of(command)] = (cpu + cpu_seconds(pid), memory + resident(pid))
        return total

    def kill(self) -> None:
        """All of them at once, as a machine that fails: head, proxy and replicas."""
        self._kill(list(self.processes))
        if self.process is not None:
            self.process.wait()
        self._end_nodes()

    def stop(self) -> None:
        """As an interrupt at the keyboard does; what is left after that is killed."""
        left = list(self.processes)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self._kill(left)
        if self.process is not None:
            self.process.wait()
        self._end_nodes()

    def _kill(self, processes: list[int]) -> None:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _end_nodes(self) -> None:
        if self.nodes is not None:
            self.nodes.stop()
            self.nodes = None
