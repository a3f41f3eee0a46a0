"""Servers as processes of their own, on one PostgreSQL and one folder, behind HAProxy: for tests and benchmarks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.server import Server, end_all, free_port
from tests.databases.postgres_server import PostgresServer

LEASE = 3.0
"""Seconds of a lease: short, so that tests need not wait"""
TABLES = (
    "meetings",
    "sources",
    "segments",
    "speakers",
    "turns",
    "gaps",
    "resumes",
    "segment_edits",
    "speaker_edits",
    "edit_history",
)
"""What is kept of a meeting, where there is such a table"""

HAPROXY = """
global
    maxconn 1000
defaults
    mode http
    option redispatch
    retries 3
    retry-on conn-failure
    timeout connect 2s
    timeout client 1m
    timeout server 1m
    timeout tunnel 1h
frontend meetings
    bind 127.0.0.1:{port}
    acl named path_beg /servers/
    http-request set-var(txn.server) path,field(3,/) if named
    http-request replace-path /servers/[^/]+/?(.*) /\\1 if named
    http-request set-var(txn.meeting) path,field(4,/) if {{ path_beg /api/meetings/ /ws/meetings/ }}
    use_backend named if {{ var(txn.server) -m found }}
    use_backend by_meeting if {{ var(txn.meeting) -m found }}
    default_backend any
backend by_meeting
    balance hash var(txn.meeting)
    hash-type consistent djb2 avalanche
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 2 on-marked-down shutdown-sessions
{servers}
backend any
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 2
{servers}
backend named
    use-server %[var(txn.server)] if TRUE
{servers}
"""


def without_haproxy() -> str | None:
    """Why tests with a balancer cannot run; None when they can."""
    return None if shutil.which("haproxy") else "no HAProxy: install the package haproxy"


class ClusterServer(Server):
    """One of several servers: all share the data folder, or an object store."""

    @property
    def data(self) -> Path:
        """The folder of all."""
        return Path(self.settings["MEETING_DATA_DIR"])

    def suspend(self) -> None:
        """As SIGSTOP does, or a machine that stands still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to stop, and wait for nothing."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


@dataclass
class Cluster:
    """Servers by name, their balancer, and what they share."""

    folder: Path
    postgres: PostgresServer
    url: str
    models: str = "fake"
    lease: float = LEASE
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables of all servers"""
    apart: bool = False
    """Whether each server has a folder of its own: what they share is an object store that `settings` name"""
    port: int = field(default_factory=free_port)
    servers: dict[str, ClusterServer] = field(default_factory=dict)
    balancer: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients come."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The folder that all servers share."""
        return self.folder / "shared"

    def add(self, name: str) -> None:
        """One more server, not started yet."""
        settings = {
            "MEETING_DATA_DIR": str(self.folder / f"data-{name}" if self.apart else self.data),
            "MEETING_STORAGE_DATABASE": self.url,
            "MEETING_CLUSTER_ADDRESS": f"{self.address}/servers/{name}",
            "MEETING_CLUSTER_LEASE": str(self.lease),
            "MEETING_SERVER_PUBLIC_URL": self.address,
            **self.settings,
        }
        self.servers[name] = ClusterServer(self.folder / name, self.models, settings)

    def start(self) -> None:
        """Start all servers, and the balancer once they are ready."""
        for server in self.servers.values():
            server.launch()
        for server in self.servers.values():
            server.ready()
        self.start_balancer()

    def start_balancer(self) -> None:
        """Start it, and wait until it has found the servers."""
        lines = [f"    server {name} 127.0.0.1:{one.port}" for name, one in self.servers.items()]
        path = self.folder / "haproxy.cfg"
        path.write_text(HAPROXY.format(port=self.port, servers="\n".join(lines)))
        with (self.folder / "haproxy.log").open("ab") as log:
            self.balancer = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=log, stderr=log)
        next(iter(self.servers.values())).until(lambda: self.get("/api/meetings") is not None)

    def stop_balancer(self) -> None:
        """End it at once, with all connections."""
        if self.balancer is not None:
            self.balancer.kill()
            self.balancer.wait()

    def get(self, path: str) -> Any:
        """What is answered to a request by way of the balancer; None unless that is 200."""
        asking = Server(self.folder, port=self.port)
        return asking.get(path)

    def owner(self, meeting_id: str) -> str | None:
        """The name of the server that has a meeting, while its lease runs."""
        asked = (
            "SELECT s.address FROM ownerships o JOIN servers s ON s.id = o.server_id "
            f"WHERE o.subject = '{meeting_id}' AND s.expires > clock_timestamp()"
        )
        rows = self.rows(asked)
        return str(rows[0][0]).rpartition("/")[2] if rows else None

    def until_owned(self, meeting_id: str, but: str = "") -> str:
        """Wait until a server has a meeting that is not the one of this name; which."""
        deadline = time.monotonic() + 60
        while (owner := self.owner(meeting_id)) in (None, but):
            assert time.monotonic() < deadline, "no other server has taken the meeting"
            time.sleep(0.05)
        return str(owner)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the database says."""
        return self.postgres.execute(statement, self.url.rpartition("/")[2])

    def kept(self, meeting_id: str) -> dict[str, object]:
        """All that database and folder hold of a meeting."""
        there = {str(name) for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        kept: dict[str, object] = {}
        for table in there & set(TABLES):
            key = "id" if table == "meetings" else "meeting_id"
            rows = self.rows(f"SELECT to_jsonb(t) FROM {table} t WHERE {key} = '{meeting_id}'")
            kept[table] = sorted(json.dumps(row[0], sort_keys=True) for row in rows)
        for path in sorted((self.data / "audio").glob(f"{meeting_id}.*")):
            kept[path.name] = (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        return kept

    def end(self) -> None:
        """End everything."""
        self.stop_balancer()
        for server in self.servers.values():
            if server.process is not None and server.process.poll() is None:
                server.resume()
                server.kill()
        end_all()


@contextmanager
def cluster(folder: Path, postgres: PostgresServer, **options: Any) -> Iterator[Cluster]:
    """Two servers that run, behind their balancer; `options` are those of `Cluster`."""
    made = Cluster(folder, postgres, postgres.new_database(), **options)
    for name in ("a", "b"):
        made.add(name)
    try:
        made.start()
        yield made
    finally:
        made.end()
