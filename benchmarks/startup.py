"""How long a server takes from its start to the first text, and what it holds in memory by then.

    .venv/bin/python -m benchmarks.startup --times 5

Each start is a process of its own on the same data folder. A client asks for a meeting as soon as the server answers,
streams the sample meeting from its first word on at the pace of speech, and waits for the first acknowledged frame and
the first text. The first start may find cold files and makes the database; the medians are those of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.listener import Listener, Told
from benchmarks.harness.process import resident
from benchmarks.harness.recordings import FRAME, Play, Recording, gather, named
from benchmarks.harness.server import ROOT, Server
from pipelines.types import SAMPLE_RATE

COLUMNS = {
    "start": "name",
    "answers": "healthz",
    "first frame kept": "first_ack",
    "ready": "readyz",
    "first text": "first_text",
    "MB, ready": "memory_ready",
    "MB, after": "memory_after",
}
SPEECH = 10.0
"""Seconds that are spoken at most until the first text"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, measure, stop, again; print the table."""
    parser = report.parser("startup", __doc__)
    parser.add_argument("--times", type=int, default=6, metavar="K", help="how many starts (default 6)")
    parser.add_argument("--models", default="embedded", help="set of models, or fake (default embedded)")
    asked = parser.parse_args(arguments)
    if asked.times < 1:
        parser.error("--times must be at least 1")
    recording, play = beginning()
    known = report.facts("startup", arguments, models=asked.models, recordings=named([recording]))
    print(report.head(known), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.times):
            rows.append({"name": f"{number + 1}", **asyncio.run(start(Path(folder), asked.models, play))})
            print(f"  start {number + 1} of {asked.times}", file=sys.stderr, flush=True)
    rows += [median(rows[1:])] if len(rows) > 1 else []
    print(report.table(list(COLUMNS), [[row[key] for key in COLUMNS.values()] for row in rows]))
    report.save(asked.json, known, rows=rows)
    return 0


def beginning() -> tuple[Recording, Play]:
    """The sample meeting, from its first word on."""
    recording = gather([])[0]
    first = max(0, round(min(word.start for word in recording.words) * SAMPLE_RATE) // FRAME - 1) * FRAME
    return recording, Play(recording, first)


async def start(folder: Path, models: str, play: Play, root: Path = ROOT) -> dict[str, Any]:
    """One start of the checkout at `root`; seconds since the process was begun, and megabytes."""
    server, began = Server(folder, models, root=root), time.monotonic()
    try:
        await asyncio.to_thread(server.start)
        assert server.process is not None
        healthz = time.monotonic() - began
        meeting = await asyncio.to_thread(server.new_meeting, "start")
        listener = Listener(server.port, meeting, play, SPEECH)
        speaking = asyncio.create_task(listener.speak())
        await asyncio.to_thread(server.ready)
        readyz, memory = time.monotonic() - began, resident(server.process.pid)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_until_text(listener, speaking), 2 * SPEECH)
        after = resident(server.process.pid)
        told = listener.told
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    finally:
        await asyncio.to_thread(server.stop)
    return {
        "healthz": healthz,
        "readyz": readyz,
        "first_ack": told.first_ack - began if told.first_ack else None,
        "first_text": told.began + text - began if (text := _first_text(told)) is not None else None,
        "memory_ready": memory,
        "memory_after": after,
    }


async def _until_text(listener: Listener, speaking: asyncio.Task[Told]) -> None:
    while _first_text(listener.told) is None and not speaking.done():
        await asyncio.sleep(0.05)


def _first_text(told: Told) -> float | None:
    """Seconds since the first sample at which a text came."""
    return next((row["wall"] for row in told.log if row["event"].get("words")), None)


def median(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure over several starts."""
    made: dict[str, Any] = {"name": f"median of the last {len(rows)}"}
    for key in rows[0]:
        if key != "name":
            known = [row[key] for row in rows if row[key] is not None]
            made[key] = statistics.median(known) if known else None
    return made


if __name__ == "__main__":
    sys.exit(main())
