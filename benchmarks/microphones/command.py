"""Several microphones in one meeting, against the best one of them.

    .venv/bin/pip install -c constraints.txt -e ".[eval,rooms]"
    .venv/bin/python -m benchmarks.microphones make SET
    .venv/bin/python -m benchmarks.microphones hear SET --outputs FOLDER
    .venv/bin/python -m benchmarks.microphones score SET --outputs FOLDER
    .venv/bin/python -m benchmarks.microphones listen SET --outputs FOLDER

`make` composes conversations as `benchmarks.rooms` does and records each with several simulated microphones: `room`
has four in one room (scored with two, three and all four), `call` a laptop's that also hears the far party from its
loudspeaker, and the sound of the tab; `headsets` one for each person. `hear` runs the pipeline over each microphone by
itself and keeps what it says; `score` joins that and needs no models; `listen` mixes the microphones as the server
plays them, and lets the pipeline hear that. Voices belong to one of two halves, by a hash of their names: choose on
one, report on the other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.recordings import SAMPLE
from benchmarks.microphones import hearing, listening, making, tables
from benchmarks.microphones.scenes import SCENES
from benchmarks.rooms.command import SHARED
from benchmarks.rooms.matrix import AudioClock
from benchmarks.rooms.voices import HALVES
from meeting.evaluation.scores import require_extra
from pipelines.errors import MeetingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.microphones",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_make(commands.add_parser("make", help="compose conversations and record each with several microphones"))
    hear = commands.add_parser("hear", help="run the pipeline over each microphone, and keep what it says")
    _add_chosen(hear)
    score = commands.add_parser("score", help="join what was kept, and tabulate errors")
    _add_chosen(score)
    score.add_argument("--each", action="store_true", help="also a table for every meeting, with every microphone")
    score.add_argument("--lines", action="store_true", help="also the lines of every meeting, those shown twice marked")
    score.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here, for programs")
    listen = commands.add_parser("listen", help="mix what was joined as the server plays it, and hear that")
    _add_chosen(listen)
    listen.add_argument("--wav", type=Path, metavar="FOLDER", help="also write what is heard here")
    asked = parser.parse_args(arguments)
    asked.given = sys.argv[1:] if arguments is None else list(arguments)
    run: Callable[[argparse.Namespace], int] = {"make": _make, "hear": _hear, "score": _score, "listen": _listen}[
        asked.command
    ]
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
        "(default ../shared/eval/voices and ../shared/eval/libri where they are there, and the sample meeting)",
    )
    parser.add_argument("--seed", type=int, default=wanted.seed, help="another one gives another set (default 0)")
    parser.add_argument(
        "--talks", type=int, default=wanted.talks, help="conversations for each scene and half (default 3)"
    )
    parser.add_argument("--seconds", type=float, default=wanted.seconds, help="of each, about (default 110)")
    parser.add_argument("--scenes", nargs="+", metavar="NAME", default=list(wanted.scenes), help="only these")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")


def _make(asked: argparse.Namespace) -> int:
    found = [folder for folder in (SHARED / "voices", SHARED / "libri") if folder.is_dir()]
    voices = tuple(asked.voices or [*found, SAMPLE])
    wanted = making.Wanted(asked.out, voices, asked.seed, asked.talks, asked.seconds, tuple(asked.scenes))
    made = making.make(wanted, asked.jobs, _progress)
    for half in HALVES:
        mine = [row for row in made if row["half"] == half]
        sources = sum(len(row["microphones"]) for row in mine)
        minutes = sum(row["seconds"] for row in mine) / 60
        print(f"{half}: {len(mine)} meetings, {minutes:.1f} minutes, {sources} microphones")
    return 0


def _add_chosen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", type=Path, metavar="SET", help="what `make` wrote")
    parser.add_argument("--outputs", type=Path, required=True, metavar="FOLDER", help="where what is heard is kept")
    parser.add_argument("--half", choices=[*HALVES, "both"], default=HALVES[0], help="(default choose)")
    parser.add_argument("--scenes", nargs="+", metavar="NAME", help=f"only these, of {', '.join(SCENES)}")


def _hear(asked: argparse.Namespace) -> int:
    wanted = making.meetings(asked.set, asked.half, asked.scenes)
    with closing(AudioClock()) as clock:
        for number, meeting in enumerate(wanted, 1):
            if not hearing.path_of(asked.outputs, meeting).exists():
                hearing.keep(asked.outputs, meeting, hearing.hear(meeting, clock))
            _progress(f"{meeting.name}: {number} of {len(wanted)}")
    return 0


def _score(asked: argparse.Namespace) -> int:
    require_extra()
    wanted = making.meetings(asked.set, asked.half, asked.scenes)
    known = report.facts("microphones", asked.given, meetings=f"{len(wanted)}, half {asked.half}")
    results = [found for meeting in wanted for found in tables.results(meeting, hearing.kept(asked.outputs, meeting))]
    print(report.head(known))
    print(tables.summary(results))
    for result in results:
        if asked.each:
            print(tables.each(result))
        if asked.lines:
            print(tables.lines(result))
    body: list[dict[str, Any]] = [result.told() for result in results]
    report.save(asked.json, known, results=body)
    return 0


def _listen(asked: argparse.Namespace) -> int:
    require_extra()
    wanted = making.meetings(asked.set, asked.half, asked.scenes)
    known = report.facts("microphones", asked.given, meetings=f"{len(wanted)}, half {asked.half}")
    found = []
    with closing(AudioClock()) as clock:
        for number, meeting in enumerate(wanted, 1):
            found.append(listening.listen(meeting, hearing.kept(asked.outputs, meeting), clock, asked.wav))
            _progress(f"{meeting.name}: {number} of {len(wanted)}")
    print(report.head(known))
    print(listening.table(found))
    return 0


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
