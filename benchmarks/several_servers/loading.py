"""Many live meetings on several servers of one machine: what each costs, what the database has to write."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.listener import Listener, Told
from benchmarks.harness.process import cpu_seconds, family_cpu_seconds, parent
from benchmarks.harness.recordings import Play
from benchmarks.harness.server import Server
from benchmarks.load.command import Alone, arrived, times
from benchmarks.several_servers.comparing import LEFT_OUT, names
from tests.cluster.machines import Cluster
from tests.databases.postgres_server import PostgresServer, postgres_server

STAGGER = 3.0
"""Seconds over which meetings begin"""
COLUMNS = {
    "servers": "servers",
    "meetings": "meetings",
    "lost": "lost",
    "CPU/min, servers": "servers_cpu",
    "PostgreSQL": "postgres_cpu",
    "HAProxy": "balancer_cpu",
    "all": "cpu",
    "word p50": "word_p50",
    "word p95": "word_p95",
    "final p50": "final_p50",
    "final p95": "final_p95",
    "partials dropped": "dropped_partials",
    "left out": "left_out",
    "lines": "lines",
    "words": "words",
    "equal": "equal",
    "writes/s": "writes",
    "kB/s": "written",
}
"""Columns, and the figure in each"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What had been spent by a moment: CPU seconds, and what the database had written."""

    at: float
    servers: float
    postgres: float = 0.0
    balancer: float = 0.0
    transactions: int = 0
    """Transactions that wrote something"""
    log_bytes: int = 0
    """Bytes of the write-ahead log"""

    def per_minute_of_meeting(self, before: Spent, heard: float) -> dict[str, float]:
        """CPU seconds since an earlier moment, for each minute of the `heard` seconds of audio."""
        shares = {
            "servers_cpu": self.servers - before.servers,
            "postgres_cpu": self.postgres - before.postgres,
            "balancer_cpu": self.balancer - before.balancer,
        }
        each = {name: 60 * spent / heard for name, spent in shares.items()}
        return {**each, "cpu": sum(each.values())}


@dataclass
class Place:
    """Where meetings are held: one server with its own file, or several on one PostgreSQL."""

    name: str
    servers: list[Server]
    port: int | None = None
    """Of the balancer; None: there is one server and no balancer"""
    cluster: Cluster | None = None

    def listener(self, number: int, play: Play, seconds: float) -> Listener:
        """A source of a new meeting; servers take turns."""
        server = self.servers[number % len(self.servers)]
        meeting = server.new_meeting(play.name)
        if self.port is None:
            return Listener(server.port, meeting, play, seconds)
        name = names(len(self.servers))[number % len(self.servers)]
        return Listener(self.port, meeting, play, seconds, path=f"/servers/{name}")

    def spent(self) -> Spent:
        """All that was spent so far."""
        own = sum(cpu_seconds(one.process.pid) for one in self.servers if one.process is not None)
        if self.cluster is None or self.cluster.balancer is None:
            return Spent(time.monotonic(), own)
        asked = (
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
            "::bigint, (SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer')"
        )
        ((transactions, log_bytes, checkpointer),) = self.cluster.rows(asked)
        postgres = family_cpu_seconds(parent(int(str(checkpointer))))
        balancer = cpu_seconds(self.cluster.balancer.pid)
        return Spent(time.monotonic(), own, postgres, balancer, int(str(transactions)), int(str(log_bytes)))


@contextmanager
def alone(models: str, settings: dict[str, str]) -> Iterator[Place]:
    """One server with its SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), models, settings)
        try:
            server.start()
            server.ready()
            yield Place("1, SQLite", [server])
        finally:
            server.stop()


@contextmanager
def several(count: int, postgres: PostgresServer, models: str, settings: dict[str, str]) -> Iterator[Place]:
    """So many servers on one PostgreSQL and one folder, behind HAProxy."""
    with tempfile.TemporaryDirectory() as folder:
        servers = Cluster(Path(folder), postgres, postgres.new_database(), models, lease=10.0, settings=settings)
        try:
            for name in names(count):
                servers.add(name)
            servers.start()
            yield Place(str(count), list(servers.servers.values()), servers.port, servers)
        finally:
            servers.end()


def measure(
    counts: Sequence[int], meetings: Sequence[int], chosen: Sequence[Play], models: str, seconds: float
) -> list[dict[str, Any]]:
    """All rows: first one server with its own file, then so many servers on one PostgreSQL."""
    settings = {"MEETING_LIMITS_MEETINGS": str(max(meetings))}
    known: dict[Play, Alone] = {}
    made: list[dict[str, Any]] = []

    def hold_all(place: Place) -> None:
        for count in meetings:
            made.append(asyncio.run(hold(place, chosen[:count], seconds, known)))
            print(f"  {place.name}: {count} meetings", file=sys.stderr, flush=True)

    with alone(models, settings) as place:
        hold_all(place)
    with postgres_server() as postgres:
        for count in counts:
            with several(count, postgres, models, settings) as place:
                hold_all(place)
    return made


async def hold(place: Place, chosen: Sequence[Play], seconds: float, known: dict[Play, Alone]) -> dict[str, Any]:
    """So many meetings at once, at the pace of speech; `known` is what each came to first, and gets what is new."""
    listeners = [await asyncio.to_thread(place.listener, number, play, seconds) for number, play in enumerate(chosen)]

    async def speak(number: int, listener: Listener) -> Told:
        await asyncio.sleep(STAGGER * number / len(listeners))
        return await listener.speak()

    before = await asyncio.to_thread(place.spent)
    told = await asyncio.gather(*(speak(number, one) for number, one in enumerate(listeners)))
    after = await asyncio.to_thread(place.spent)
    for one in told:
        if one.live:
            known.setdefault(one.play, Alone(one.lines, tuple(one.words)))
    return {"servers": place.name, "meetings": len(chosen), **figures(told, before, after, known)}


def figures(told: Sequence[Told], before: Spent, after: Spent, known: dict[Play, Alone]) -> dict[str, Any]:
    """A row."""
    live = [one for one in told if one.live]
    stats = [one.events("stats") for one in live]
    took = after.at - before.at
    in_database = after.postgres > 0
    return {
        "lost": len(told) - len(live),
        **after.per_minute_of_meeting(before, sum(one.seconds for one in live) or float("nan")),
        **times(live),
        "dropped_partials": sum(each[-1]["dropped_partials"] for each in stats if each),
        "left_out": max((one["left_out"] for each in stats for one in each), key=LEFT_OUT.index, default=None),
        **arrived(live, known),
        "writes": (after.transactions - before.transactions) / took if in_database else None,
        "written": (after.log_bytes - before.log_bytes) / took / 1000 if in_database else None,
    }
