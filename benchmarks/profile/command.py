"""Which part of the models costs how much CPU per second of audio, when everything is read as in an unhurried meeting.

    .venv/bin/python -m benchmarks.profile FOLDER...

One meeting in this process, without a server: audio comes in frames of 0.1 s, and the next one waits until all that the
last one asked of the models is answered, so that every partial is read and none is overtaken. The models run on the
threads that call them, and the CPU time of those calls is taken; the rest is everything else of the process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import report
from benchmarks.harness.recordings import FRAME, Recording, gather, named
from benchmarks.profile.taps import Patience, Spent, tap
from pipelines.errors import MeetingError
from pipelines.types import Output, Segment

COLUMNS = ("part", "CPU s per s of audio", "share", "calls per s", "ms per call")


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the models, play the recordings, print the table."""
    parser = report.parser("profile", __doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="recordings with their references")
    parser.add_argument("--seconds", type=float, help="of each recording only so much")
    parser.add_argument("--models", default="embedded", help="set of models (default embedded)")
    asked = parser.parse_args(arguments)
    from pipelines.engine.loader import load_engine
    from pipelines.options import EngineOptions

    try:
        recordings = [one.cut(asked.seconds) for one in gather(asked.folders)]
        engine = load_engine(EngineOptions(set=asked.models), lambda message: None)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    known = report.facts("profile", arguments, models=engine.models, recordings=named(recordings))
    print(report.head(known), flush=True)
    spent, absent = tap(engine)
    found = measure(engine, recordings, spent)
    engine.close()
    print(report.table(COLUMNS, rows(found)))
    print(f"{found['partials']} partials and {found['finals']} finals in {found['seconds']:.0f} s of audio.")
    if absent:
        print(f"Not to be told apart with these models: {', '.join(absent)}.")
    report.save(asked.json, known, **found)
    return 0


def measure(engine: Any, recordings: Iterable[Recording], spent: Spent) -> dict[str, Any]:
    """Seconds by part over all recordings, the models being loaded and warm."""
    from pipelines.options import PipelineOptions
    from pipelines.stream.stream import Pipeline

    patience, outputs, heard = Patience(engine), list[Output](), 0.0
    spent.clear()
    cpu, wall = time.process_time(), time.perf_counter()
    for recording in recordings:
        heard += recording.seconds
        audio = recording.audio.astype(np.float32) / 32768
        pipeline = Pipeline(engine, PipelineOptions(), outputs.append, recording.name)
        for at in range(0, len(audio), FRAME):
            pipeline.feed(audio[at : at + FRAME])
            patience.wait()
        pipeline.finish()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    lines = [output for output in outputs if isinstance(output, Segment)]
    parts = {
        part: {"cpu": seconds, "calls": spent.calls[part]}
        for part, seconds in sorted(spent.seconds.items(), key=lambda item: -item[1])
    }
    return {
        "seconds": heard,
        "cpu": cpu,
        "wall": wall,
        "parts": parts,
        "partials": sum(not line.final for line in lines),
        "finals": sum(line.final for line in lines),
    }


def rows(found: dict[str, Any]) -> list[list[Any]]:
    """The table: parts, all else, and everything."""
    seconds, cpu = found["seconds"], found["cpu"]
    made: list[list[Any]] = []
    for part, one in found["parts"].items():
        each = 1000 * one["cpu"] / one["calls"]
        made.append([part, one["cpu"] / seconds, f"{one['cpu'] / cpu:.0%}", one["calls"] / seconds, each])
    rest = cpu - sum(one["cpu"] for one in found["parts"].values())
    made.append(["all else", rest / seconds, f"{rest / cpu:.0%}", None, None])
    made.append(["**all**", cpu / seconds, "100%", None, None])
    made.append(["by the clock", found["wall"] / seconds, None, None, None])
    return made
