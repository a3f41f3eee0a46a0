"""Two checkouts of this project on the same recordings: is what they hear the same, and what does each cost?

    .venv/bin/python -m benchmarks.compare BEFORE AFTER RECORDING...
    .venv/bin/python -m benchmarks.compare v0.1.0 . ../shared/eval/ami ../shared/eval/libri --repeat 3 --start

BEFORE and AFTER are folders with a checkout, or git revisions, which are checked out into a temporary folder. Each
RECORDING is an audio file or a folder of them, with or without references. `python -m meeting replay` hears each in
both checkouts in turn, with this Python, without settings of ours and with a data folder of its own. All files that it
writes are compared character by character; `differences.py` names the few values that are left out, and why: random
ids, the time of the run, and names of settings in `models.why`. The exit code is 1 where anything differs.

Of each checkout only the commands `replay` and `serve` are used, with `--load` also its own `benchmarks.load`, so that
nothing else needs to be alike in both.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compare.differences import Difference, first_difference
from benchmarks.harness import report
from benchmarks.harness.process import environment
from benchmarks.replay import AUDIO, ROOT, commit, recordings, replay

SIDES = ("before", "after")
COLUMNS = ("recording", "seconds", "equal", "RTF before", "after", "ratio", "CPU s before", "after", "ratio")
LEAST_STARTS = 3
"""Starts of each checkout that count; the very first may find cold files and does not"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a replay took."""

    rtf: float
    """Seconds by the clock from the first sample to the end, per second of audio"""
    computed: float
    """CPU seconds of the whole command"""


@dataclass
class Compared:
    """A recording in both checkouts."""

    name: str
    seconds: float = 0.0
    costs: dict[str, list[Cost]] = field(default_factory=lambda: {side: [] for side in SIDES})
    differences: list[str] = field(default_factory=list)

    def median(self, side: str, figure: str) -> float:
        """The median of a figure over the runs."""
        return float(statistics.median(getattr(cost, figure) for cost in self.costs[side]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what was asked for and print the tables; returns the exit code."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    files = [file for given in asked.recordings for file in audio(given)]
    if not files:
        parser.error("none of these is a recording or holds one")
    if asked.repeat < 1:
        parser.error("--repeat must be at least 1")
    with ExitStack() as open_, tempfile.TemporaryDirectory() as scratch:
        try:
            roots = {side: open_.enter_context(checkout(getattr(asked, side))) for side in SIDES}
        except ValueError as error:
            parser.error(str(error))
        known = report.facts("compare", arguments, models=asked.models)
        known |= {side: f"{getattr(asked, side)} at commit {commit(root)}" for side, root in roots.items()}
        print(report.head(known), flush=True)
        try:
            return _measure(asked, known, files, roots, Path(scratch))
        except subprocess.CalledProcessError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2


def _parser() -> argparse.ArgumentParser:
    parser = report.parser("compare", __doc__)
    for side in SIDES:
        parser.add_argument(side, metavar=side.upper(), help="folder with a checkout, or a git revision")
    parser.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING", help="audio file, or folder of them")
    parser.add_argument("--models", default="embedded", metavar="SET", help="model set (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="hear each so often, and show medians")
    parser.add_argument("--start", action="store_true", help="also time the start of both servers")
    parser.add_argument("--load", type=int, metavar="N", help="also run benchmarks.load with N meetings in both")
    return parser


def audio(given: Path) -> list[Path]:
    """A recording itself, or all in a folder."""
    if given.is_dir():
        return sorted(path for path in given.iterdir() if path.suffix.lower() in AUDIO)
    return [given] if given.is_file() else []


@contextmanager
def checkout(given: str) -> Iterator[Path]:
    """The folder of a checkout, made for this run where `given` is a revision.

    Raises ValueError where it is neither.
    """
    folder = Path(given).resolve()
    if folder.is_dir():
        if not (folder / "meeting" / "__main__.py").is_file():
            raise ValueError(f"{given} is no checkout of this project")
        yield folder
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "checkout"
        done = subprocess.run([*git, "add", "--detach", str(made), given], capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{given} is neither a folder nor a revision: {done.stderr.strip().splitlines()[-1]}")
        try:
            yield made
        finally:
            subprocess.run([*git, "remove", "--force", str(made)], capture_output=True, check=True)


def _measure(
    asked: argparse.Namespace, known: dict[str, Any], files: Sequence[Path], roots: dict[str, Path], scratch: Path
) -> int:
    for root in roots.values():  # or the first run of new code would pay for all
        for package in ("meeting", "pipelines"):
            compileall.compile_dir(root / package, quiet=2)
    compared = []
    for number, file in enumerate(files):
        compared.append(heard(file, asked.models, asked.repeat, roots, scratch / f"{number}"))
        print(f"  {number + 1} of {len(files)}: {compared[-1].name}", file=sys.stderr, flush=True)
    lines = [row(one) for one in compared]
    print(report.table(COLUMNS, [*lines, total(compared)] if len(lines) > 1 else lines))
    found = [difference for one in compared for difference in one.differences]
    print("".join(f"- {difference}\n" for difference in found) or "All files are equal.\n", flush=True)
    body: dict[str, Any] = {"rows": lines, "differences": found}
    if asked.start:
        body["start"] = starts(asked.models, 1 + max(LEAST_STARTS, asked.repeat), roots, scratch)
    if asked.load is not None:
        folders = [given.resolve() for given in asked.recordings if recordings(given)]
        body["load"] = loads(asked.models, asked.load, folders, roots, scratch)
    report.save(asked.json, known, **body)
    return 1 if found else 0


def heard(file: Path, models: str, repeat: int, roots: dict[str, Path], scratch: Path) -> Compared:
    """Replay a recording in both, as often as asked; raises CalledProcessError where that fails."""
    made, first = Compared(file.stem), scratch / "before-1"
    for number in range(1, repeat + 1):
        for side in SIDES if number % 2 else reversed(SIDES):  # what wears off or builds up falls on both
            out = scratch / f"{side}-{number}"
            known = environment(roots[side])
            summary, _, computed = replay(file, out, models, scratch / f"data-{side}-{number}", roots[side], known)
            made.seconds = summary["seconds"]
            made.costs[side].append(Cost(summary["rtf"], computed))
            if made.differences or out == first:
                continue
            difference = first_difference(first, out)
            made.differences += [_told(difference, side, number)] if difference else []
    return made


def _told(difference: Difference, side: str, number: int) -> str:
    if side == "before":
        return f"{difference} (the same checkout, its run {number}: it does not always hear the same)"
    return f"{difference} (run {number})" if number > 1 else str(difference)


def row(one: Compared) -> list[Any]:
    """A recording's line of the table."""
    return [one.name, round(one.seconds), "no" if one.differences else "yes", *_costs([one])]


def total(compared: Sequence[Compared]) -> list[Any]:
    """All recordings in one line: per second of all their audio, and the sum of CPU seconds."""
    equal = sum(not one.differences for one in compared)
    return ["**all**", round(sum(one.seconds for one in compared)), f"{equal}/{len(compared)}", *_costs(compared)]


def _costs(compared: Sequence[Compared]) -> list[float]:
    seconds = sum(one.seconds for one in compared)
    rtf = [sum(one.median(side, "rtf") * one.seconds for one in compared) / seconds for side in SIDES]
    cpu = [sum(one.median(side, "computed") for one in compared) for side in SIDES]
    return [*rtf, rtf[1] / rtf[0], *cpu, cpu[1] / cpu[0]]


def starts(models: str, count: int, roots: dict[str, Path], scratch: Path) -> list[dict[str, Any]]:
    """Start the servers of both in turn; print and return each start and the medians without the first."""
    from benchmarks import startup  # it needs the program itself, for the frames that it sends

    _, play = startup.beginning()
    rows: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for number in range(1, count + 1):
        for side in SIDES if number % 2 else reversed(SIDES):
            started = asyncio.run(startup.start(scratch / f"start-{side}", models, play, roots[side]))
            rows[side].append({"name": f"{side}, {number}", **started})
            print(f"  start {number} of {count}, {side}", file=sys.stderr, flush=True)
    medians = {side: {**startup.median(rows[side][1:]), "name": f"**{side}, median**"} for side in SIDES}
    before, after = medians.values()
    ratio = {key: after[key] / before[key] if before[key] and after[key] else None for key in before if key != "name"}
    shown = [*rows["before"], *rows["after"], before, after, {"name": "**ratio**", **ratio}]
    print(report.table(list(startup.COLUMNS), [[one[key] for key in startup.COLUMNS.values()] for one in shown]))
    return shown


def loads(models: str, meetings: int, folders: Sequence[Path], roots: dict[str, Path], scratch: Path) -> dict[str, Any]:
    """Run each checkout's own `benchmarks.load`; print and return its row of both."""
    from benchmarks.load.command import COSTS, TIMES

    rows = {}
    for side in SIDES:
        out = scratch / f"load-{side}.json"
        asked = ["--meetings", str(meetings), "--models", models, "--no-compare", "--json", str(out)]
        command = [sys.executable, "-m", "benchmarks.load", *map(str, folders), *asked]
        subprocess.run(command, cwd=roots[side], env=environment(roots[side]), stdout=sys.stderr, check=True)
        (rows[side],) = json.loads(out.read_text())["rows"]
    for columns in (TIMES, COSTS):
        lines = [[side, *(one.get(key) for key in columns.values())] for side, one in rows.items()]
        print(report.table(["checkout", *columns], lines))
    return rows
