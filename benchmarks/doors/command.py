"""The same recording through the page's socket and through other protocols: how late, how good, what it costs.

    .venv/bin/pip install -c constraints.txt -e ".[eval]"
    .venv/bin/python -m benchmarks.doors FOLDER...

One server hears each recording once through each endpoint, one after the other, at the pace of speech, and then as a
file. All are judged by the same scorer against the same references. Each FOLDER holds NAME.flac beside NAME.rttm and
NAME.seglst.json; without one the sample meeting is played.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.doors.clients import DOORS, FILES, of_file
from benchmarks.doors.told import Told
from benchmarks.harness import report
from benchmarks.harness.latency import Delays, delays
from benchmarks.harness.process import Watch
from benchmarks.harness.recordings import Recording, gather, named
from benchmarks.harness.report import percentile
from benchmarks.harness.server import Server
from meeting.evaluation.scores import Row, Share, require_extra, word_errors
from pipelines.errors import MeetingError

WARM_UP = 10.0
"""Seconds of the first recording that the server hears before anything is measured"""
LIVE = {
    "endpoint": "endpoint",
    "final p50": "final_p50",
    "final p95": "final_p95",
    "WER": "WER",
    "cpWER, as told": "cpWER_told",
    "cpWER, in the end": "cpWER_end",
    "MB, before": "memory_before",
    "MB, peak": "memory_peak",
}
AS_FILE = {"file to": "endpoint", "seconds": "took", "WER": "WER", "cpWER": "cpWER_end"}
"""Columns of the two tables, and the figure in each"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything through every endpoint and print the tables."""
    asked = _arguments(arguments)
    try:
        require_extra()
        recordings = [one.cut(asked.seconds) for one in gather(asked.folders)]
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    known = report.facts("doors", arguments, models=asked.models, recordings=named(recordings))
    print(report.head(known), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), asked.models)
        server.start()
        try:
            server.ready()
            live, files = asyncio.run(measured(server, recordings, asked.speed))
        finally:
            server.stop()
    for columns, rows in ((LIVE, live), (AS_FILE, files)):
        print(report.table(list(columns), [[one[key] for key in columns.values()] for one in rows]))
    report.save(asked.json, known, live=live, files=files)
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = report.parser("doors", __doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="recordings with their references")
    parser.add_argument("--seconds", type=float, help="of each recording at most (default all)")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as it was spoken (default 1)")
    parser.add_argument("--models", default="embedded", help="set of models, or fake (default embedded)")
    return parser.parse_args(arguments)


async def measured(
    server: Server, recordings: Sequence[Recording], speed: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of both tables."""
    first = next(iter(DOORS.values()))
    await first(server, recordings[0].cut(WARM_UP), speed)
    live, files = [], []
    for name, door in DOORS.items():
        print(f"  {name}", file=sys.stderr, flush=True)
        assert server.process is not None
        before = server.memory()
        async with Watch(server.process.pid).running() as watch:
            told = [await door(server, recording, speed) for recording in recordings]
        live.append({"endpoint": name, "memory_before": before, "memory_peak": watch.peak, **figures(recordings, told)})
    for path in FILES:
        found = [await asyncio.to_thread(of_file, server, path, recording) for recording in recordings]
        heard = [Told([], None, rows) for _, rows in found]
        name = path.partition("?")[0]
        files.append({"endpoint": name, "took": sum(took for took, _ in found), **figures(recordings, heard)})
    return live, files


def figures(recordings: Sequence[Recording], told: Sequence[Told]) -> dict[str, Any]:
    """What an endpoint comes to, over several recordings as if they were one."""
    waited = Delays()
    for recording, one in zip(recordings, told, strict=True):
        waited += delays(recording.words, one.texts)
    wer, end = _errors(recordings, [one.end for one in told])
    live = [one.live for one in told if one.live is not None]
    return {
        "final_p50": percentile(waited.finals, 50),
        "final_p95": percentile(waited.finals, 95),
        "WER": wer.rate,
        "cpWER_told": _errors(recordings, live)[1].rate if live else None,
        "cpWER_end": end.rate,
    }


def _errors(recordings: Sequence[Recording], heard: Sequence[Sequence[Row]]) -> tuple[Share, Share]:
    """WER and cpWER."""
    found = [word_errors(recording.rows, rows) for recording, rows in zip(recordings, heard, strict=True)]
    return sum((wer for wer, _ in found), Share()), sum((labelled for _, labelled in found), Share())
