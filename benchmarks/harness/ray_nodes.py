"""A Ray cluster of several nodes on this machine: each is `ray start` with all its processes, and can be killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.process import command_line, environment, family
from benchmarks.harness.server import PATIENCE, ROOT, Over, free_port
from meeting.cluster.shared_models.serving import FAST_CALLS, OBJECT_STORE, QUIET_CLUSTER

STARTED = "Ray runtime started"
"""What `ray start` says once its node is part of the cluster"""

QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray tells nobody that it is used"""


@dataclass
class RayNode:
    """One node: a raylet with its agents, and what Ray has started on it."""

    log_file: Path
    process: subprocess.Popen[bytes]

    def wait(self) -> None:
        """Wait until it is part of the cluster. Raises Over."""
        deadline = time.monotonic() + PATIENCE
        while STARTED not in self.log:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Over(f"a node of Ray does not start:\n{self.log[-4000:]}")
            time.sleep(0.1)

    @property
    def log(self) -> str:
        """What `ray start` has said."""
        return self.log_file.read_text(errors="replace")

    @property
    def processes(self) -> dict[int, str]:
        """Each process of it with its command line."""
        if self.process.poll() is not None:
            return {}
        return {pid: line for pid in family(self.process.pid) if (line := command_line(pid))}

    def replicas(self) -> list[str]:
        """The applications that have replicas here, one for each replica."""
        named = "ray::ServeReplica:"
        lines = self.processes.values()
        return sorted(line.removeprefix(named).partition(":")[0] for line in lines if line.startswith(named))

    def kill(self) -> None:
        """As a machine that fails: `kill -9` to the raylet first, and to all else that is on it."""
        found = self.processes
        raylets = [pid for pid, line in found.items() if "/raylet/raylet " in line]
        for pid in [*raylets, *found]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class RayNodes:
    """A head that computes nothing, and worker nodes that join it."""

    folder: Path
    port: int = field(default_factory=free_port)
    head: RayNode | None = None
    workers: list[RayNode] = field(default_factory=list)
    # sockets lie in it, whose paths may have 107 characters
    scratch: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="ray-", dir="/tmp"))

    # left to itself a head asks for a token where the user has one, and nodes do not send it
    token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """What nodes and drivers need to be let in: a token that this cluster alone knows."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    @property
    def address(self) -> str:
        """Where nodes and drivers join."""
        return f"127.0.0.1:{self.port}"

    @property
    def processes(self) -> dict[int, str]:
        """Each process of all nodes with its command line."""
        nodes = [node for node in [self.head, *self.workers] if node is not None]
        return {pid: line for node in nodes for pid, line in node.processes.items()}

    def start(self) -> None:
        """Start the head. Raises Over."""
        asked = ["--head", "--port", self.port, "--ray-client-server-port", free_port(), "--include-dashboard=false"]
        self.head = self._launch("head", 0, *asked, "--temp-dir", self.scratch)
        self.head.wait()

    def add(self, cpus: int = 2) -> RayNode:
        """A further node for `cpus` replicas of one processor; returns once it has joined. Raises Over."""
        node = self._launch(f"worker-{len(self.workers)}", cpus, "--address", self.address)
        self.workers.append(node)
        node.wait()
        return node

    def stop(self) -> None:
        """All of it at once."""
        for node in [*self.workers, self.head]:
            if node is not None:
                node.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _launch(self, name: str, cpus: int, *asked: object) -> RayNode:
        # all nodes have the one address of this machine, where a port is taken once
        ports = ["--min-worker-port", 0, "--max-worker-port", 0, "--dashboard-agent-listen-port", free_port()]
        common = ["--num-cpus", cpus, "--object-store-memory", OBJECT_STORE, "--include-log-monitor=false", "--block"]
        proxy = {f"RAY_SERVE_WORKER_PROXY_{kind}_PORT": str(free_port()) for kind in ("HTTP", "GRPC")}
        self.folder.mkdir(parents=True, exist_ok=True)
        log_file = self.folder / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("ray")), "start", *map(str, [*asked, *common, *ports])],
                cwd=ROOT,
                env={**environment(ROOT), **FAST_CALLS, **QUIET_CLUSTER, **QUIET, **self.variables, **proxy},
                stdout=log,
                stderr=log,
            )
        return RayNode(log_file, process)
