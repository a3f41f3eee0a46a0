"""Conversations composed of single utterances, put through rooms, lines and noise, with exact references; and a matrix
of what the program makes of them.

    .venv/bin/pip install -c constraints.txt -e ".[eval,rooms]"
    .venv/bin/python -m benchmarks.rooms make SET
    .venv/bin/python -m benchmarks.rooms matrix SET --half choose --plot rooms.png
    .venv/bin/python -m benchmarks.rooms statistics FOLDER...

`make` writes SET/HALF/CONDITION/NAME.flac with NAME.rttm and, where the words are known, NAME.seglst.json and
NAME.words.ctm, and SET/manifest.jsonl. The same command gives the same bytes. Voices, rooms and noises belong to one
of two halves, by a hash of their names: choose on one, report on the other. `statistics` counts how people take turns
in the RTTM files of folders; what `make` uses was counted in AMI and lies beside this program.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import report
from benchmarks.harness.recordings import SAMPLE
from benchmarks.harness.server import ROOT
from benchmarks.rooms import making, matrix, turn_taking
from benchmarks.rooms.conditions import CONDITIONS
from benchmarks.rooms.voices import HALVES
from meeting.evaluation.evaluate import read_rttm
from pipelines.errors import MeetingError
from pipelines.types import Turn

SHARED = ROOT.parent / "shared" / "eval"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rooms", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_make(commands.add_parser("make", help="compose conversations and put them through all conditions"))
    _add_statistics(commands.add_parser("statistics", help="how people take turns in references"))
    _add_matrix(commands.add_parser("matrix", help="run the program over a set and tabulate errors by condition"))
    asked = parser.parse_args(arguments)
    asked.given = sys.argv[1:] if arguments is None else list(arguments)
    run = {"make": _make, "statistics": _statistics, "matrix": matrix.run}[asked.command]
    try:
        return run(asked)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _add_make(parser: argparse.ArgumentParser) -> None:
    wanted = making.Wanted(Path())
    parser.add_argument("out", type=Path, metavar="SET", help="folder to write")
    parser.add_argument(
        "--voices",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="folders with voices.jsonl, or with recordings and their references "
        "(default ../shared/eval/voices where it is there, and the sample meeting)",
    )
    parser.add_argument(
        "--rooms",
        type=Path,
        metavar="DIR",
        help="folder of impulse responses and noise_* (default ../shared/eval/rooms; without: simulated and made)",
    )
    parser.add_argument("--seed", type=int, default=wanted.seed, help="another one gives another set (default 0)")
    parser.add_argument(
        "--talks", type=int, default=wanted.talks, help="conversations for each condition and half (default 4)"
    )
    parser.add_argument("--seconds", type=float, help="of each, about (default by its voices: 35 to 150)")
    parser.add_argument("--conditions", nargs="+", metavar="NAME", default=list(wanted.conditions), help="only these")
    parser.add_argument("--both", action="store_true", help="make nothing where only one half has two voices")
    parser.add_argument("--small", action="store_true", help="a minute or two, to try it")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")


def _make(asked: argparse.Namespace) -> int:
    shared = SHARED / "voices"
    voices = asked.voices or [*([shared] if shared.is_dir() else []), SAMPLE]
    rooms = asked.rooms or (SHARED / "rooms" if (SHARED / "rooms").is_dir() else None)
    wanted = making.Wanted(
        asked.out, tuple(voices), rooms, asked.seed, asked.talks, asked.seconds, tuple(asked.conditions), asked.both
    )
    made = making.make(
        making.small(wanted) if asked.small else wanted, asked.jobs, lambda line: print(f"  {line}", file=sys.stderr)
    )
    for half in HALVES:
        mine = [row for row in made if row["half"] == half]
        people = {seat["voice"] for row in mine for seat in row["seats"]}
        seconds = sum(row["seconds"] for row in mine)
        print(f"{half}: {len(mine)} recordings, {seconds / 60:.1f} minutes, {len(people)} voices")
    return 0


def _add_statistics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER[:SECONDS]",
        help="RTTM files, joined from pieces of so many seconds if told (default: what `make` uses)",
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write them here, for `make`")
    parser.add_argument("--source", default="", help="what to say there of where they come from")


def _statistics(asked: argparse.Namespace) -> int:
    if asked.folders:
        found = turn_taking.count(piece for folder in asked.folders for piece in _pieces(folder))
    else:
        found = turn_taking.load()
    columns = ["transition", "found", "measured by", *(f"{percent} %" for percent in (10, 25, 50, 75, 90))]
    rows = []
    for kind, unit in zip(turn_taking.KINDS, ("pause, s", "pause, s", "overlap, s", "begins at"), strict=True):
        one = found.transitions[kind]
        known = dict(zip(turn_taking.PERCENTILES, one.percentiles, strict=True))
        rows.append([kind, one.count, unit, *(known[percent] for percent in (10, 25, 50, 75, 90))])
    print(report.table(columns, rows))
    print(f"Back to whoever spoke before: {found.returns:.2f} of changes with a third person present.")
    print(f"Overlap: {found.overlap:.3f} of speech. Silence: {found.silence:.3f} of the time.")
    print(f"Backchannels: {found.backchannels:.3f} a second of the turns of others.")
    if asked.write is not None:
        body = {"source": asked.source, "statistics": turn_taking.as_dict(found)}
        asked.write.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return 0


def _pieces(folder: str) -> list[list[Turn]]:
    name, _, joined = folder.partition(":")
    try:
        seconds = float(joined) if joined else None
    except ValueError as error:
        raise MeetingError(f"{folder} should be FOLDER or FOLDER:SECONDS") from error
    paths = sorted(Path(name).glob("*.rttm"))
    return [piece for path in paths for piece in turn_taking.cut(read_rttm(path), seconds)]


def _add_matrix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", type=Path, metavar="SET", help="what `make` wrote")
    parser.add_argument("--half", choices=[*HALVES, "both"], default=HALVES[0], help="(default choose)")
    parser.add_argument(
        "--conditions",
        nargs="+",
        metavar="NAME",
        help=f"only these, of {', '.join(c.name for c in CONDITIONS)}",
    )
    parser.add_argument("--recordings", type=int, metavar="N", help="only the first so many of each condition")
    parser.add_argument("--models", default="embedded", help="model set (default embedded)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, each with its models (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here, for programs")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw it, as PNG")
