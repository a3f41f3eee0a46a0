"""What models on a Ray cluster cost beside models of the server itself: processor, memory, latency, bytes on the wire.

    .venv/bin/python -m benchmarks.shared_models --times 3

One meeting, the sample, is spoken to a server at the pace of speech, in turn with models of its own (`local`) and with
shared ones that compute on the same machine (`ray`), one replica of each kind. Latency is that of words and of final
lines after they were spoken, against the reference. Then it is spoken once more through a relay that counts what goes
over the wire. Needs the extra `ray`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.listener import Listener, Told
from benchmarks.harness.process import cpu_seconds, resident
from benchmarks.harness.recordings import Play, gather, named
from benchmarks.harness.server import Server
from benchmarks.harness.shared_models import SharedModels

COLUMNS = {
    "models": "name",
    "server, CPU s/min": "server",
    "replicas": "replicas",
    "proxy": "proxy",
    "rest of Ray": "rest",
    "all": "all",
    "server, MB": "server_mb",
    "Ray, MB": "ray_mb",
    "words, ms": "words",
    "words 95 %": "words_95",
    "finals, ms": "finals",
    "finals 95 %": "finals_95",
}
IDLE_SECONDS = 20.0
"""Time over which it is looked at what Ray costs while nobody speaks"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the tables."""
    parser = report.parser("shared_models", __doc__)
    parser.add_argument("--times", type=int, default=2, metavar="K", help="meetings with each (default 2)")
    parser.add_argument("--models", default="embedded", help="set of models (default embedded)")
    parser.add_argument("--seconds", type=float, metavar="S", help="how much of the recording is spoken (default: all)")
    asked = parser.parse_args(arguments)
    if asked.times < 1:
        parser.error("--times must be at least 1")
    recording = gather([])[0]
    seconds = min(asked.seconds or recording.seconds, recording.seconds)
    known = report.facts("shared_models", arguments, models=asked.models, recordings=named([recording]))
    print(report.head(known), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), asked.models, Play(recording, 0), seconds, asked.times))
    rows = found["rows"]
    print(report.table(list(COLUMNS), [[row.get(key) for key in COLUMNS.values()] for row in rows]))
    for name in ("parts", "wire"):
        print(report.table(list(found[name][0]), [list(row.values()) for row in found[name]]))
    report.save(asked.json, known, **found)
    return 0


async def measure(folder: Path, models: str, play: Play, seconds: float, times: int) -> dict[str, Any]:
    """All rows: each meeting, the medians, the difference; and what went over the wire."""
    shared = SharedModels(folder / "models", models)
    kinds: dict[str, list[dict[str, Any]]] = {"local": [], "ray": []}
    try:
        await asyncio.to_thread(shared.start)
        idle = await idle_cost(shared)
        for number in range(times):
            for name, rows in kinds.items():
                server = Server(folder / f"{name}-{number}", models, dict(shared.settings) if name == "ray" else {})
                row, _ = await one_meeting(server, shared if name == "ray" else None, play, seconds)
                rows.append({"name": f"{name} {number + 1}", **row})
                print(f"  {name}, {number + 1} of {times}", file=sys.stderr, flush=True)
        wire = await count_wire(folder / "wire", models, shared, play, seconds)
    finally:
        await asyncio.to_thread(shared.stop)
    local, ray = (median(name, rows) for name, rows in kinds.items())
    parts = [
        {"part": key.removeprefix("part: "), "idle, CPU s/min": idle[key], "in a meeting": ray[key]}
        for key in idle
        if key.startswith("part: ")
    ]
    difference = {key: ray[key] - local[key] for key in local if key != "name" and local[key] is not None}
    rows = [*kinds["local"], *kinds["ray"], local, ray, {"name": "ray more than local", **difference}]
    rows.append({"name": "Ray, idle", **idle})
    more = 100 * (ray["all"] / local["all"] - 1)
    beside = 100 * ((ray["all"] - idle["all"]) / local["all"] - 1)
    wire.append({"what": "processor beyond local, %", "value": more})
    wire.append({"what": "the same without what Ray takes idle, %", "value": beside})
    return {"rows": rows, "parts": parts, "wire": wire}


async def idle_cost(shared: SharedModels) -> dict[str, Any]:
    """What the cluster takes while nobody speaks; CPU seconds a minute."""
    await asyncio.sleep(5)
    before, began = shared.cost(), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    return _ray_cost(before, shared.cost(), time.monotonic() - began)


def _ray_cost(before: dict[str, Any], after: dict[str, Any], seconds: float) -> dict[str, Any]:
    each = {kind: 60 * (after[kind][0] - before[kind][0]) / seconds for kind in after}
    memory = sum(mb for _, mb in after.values())
    total, replicas, proxy = sum(each.values()), each["replicas"], each["proxy"]
    rest = total - replicas - proxy
    return {"replicas": replicas, "proxy": proxy, "rest": rest, "all": total, "ray_mb": memory, **of_parts(each)}


def of_parts(each: dict[str, float]) -> dict[str, float]:
    """The figures of single parts of Ray, under names that no column has."""
    return {f"part: {name}": value for name, value in each.items()}


async def one_meeting(
    server: Server, shared: SharedModels | None, play: Play, seconds: float
) -> tuple[dict[str, Any], Told]:
    """One meeting on a server of its own; its cost and latency."""
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.ready)
        assert server.process is not None
        pid = server.process.pid
        meeting = await asyncio.to_thread(server.new_meeting, "shared models")
        listener = Listener(server.port, meeting, play, seconds)
        ray_before = shared.cost() if shared else {}
        before, began = cpu_seconds(pid), time.monotonic()
        told = await server.outliving(listener.speak())
        took = time.monotonic() - began
        own, memory = 60 * (cpu_seconds(pid) - before) / took, resident(pid)
        cost = _ray_cost(ray_before, shared.cost(), took) if shared else {"all": 0.0}
    finally:
        await asyncio.to_thread(server.stop)
    if not told.live:
        raise RuntimeError(f"the meeting did not take place: {told.refused or told.problem}")
    delays = told.delays()
    latency = {
        "words": _ms(delays.words, 50),
        "words_95": _ms(delays.words, 95),
        "finals": _ms(delays.finals, 50),
        "finals_95": _ms(delays.finals, 95),
    }
    return {"server": own, **cost, "all": own + cost["all"], "server_mb": memory, **latency}, told


def _ms(seconds: Sequence[float], percent: int) -> float | None:
    if len(seconds) < 2:
        return None
    return 1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def median(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure over several meetings."""
    made: dict[str, Any] = {"name": f"{name}, median"}
    for key in rows[0]:
        if key != "name":
            known = [row[key] for row in rows if row[key] is not None]
            made[key] = statistics.median(known) if known else None
    return made


async def count_wire(
    folder: Path, models: str, shared: SharedModels, play: Play, seconds: float
) -> list[dict[str, Any]]:
    """Bytes of one meeting between its server and the shared models, as TCP carries them."""
    relay = Relay(shared.port)
    port = await relay.open()
    settings = {**shared.settings, "MEETING_MODELS_RAY_ADDRESS": f"127.0.0.1:{port}"}
    try:
        await one_meeting(Server(folder, models, settings), None, play, seconds)
    finally:
        await relay.close()
    return [
        {"what": "to the models, kB per second of meeting", "value": relay.there / seconds / 1000},
        {"what": "from them, kB per second of meeting", "value": relay.back / seconds / 1000},
    ]


class Relay:
    """Passes connections on to a port of this machine, and counts bytes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.there = 0
        self.back = 0

    async def open(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no longer."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for task in (
            asyncio.create_task(self._copy(reader, far_writer, "there")),
            asyncio.create_task(self._copy(far_reader, writer, "back")),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                setattr(self, way, getattr(self, way) + len(data))
                writer.write(data)
                await writer.drain()
        writer.close()


if __name__ == "__main__":
    sys.exit(main())
