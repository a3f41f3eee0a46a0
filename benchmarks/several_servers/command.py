"""Several servers on one PostgreSQL and one folder: whether they write what one server writes, and what they cost.

    .venv/bin/python -m benchmarks.several_servers compare FOLDER...       # recordings, with or without references
    .venv/bin/python -m benchmarks.several_servers load FOLDER...          # 1, 2 and 3 servers, at the pace of speech
    .venv/bin/python -m benchmarks.several_servers takeover FOLDER...      # a long meeting whose server is killed

`compare` sends all recordings of the folders as live sources, through one server with its SQLite file and through
several behind HAProxy, and compares the words, times and labels that are stored. So that these do not depend on how
full the machine is, its servers leave out nothing, and are late instead, as with recordings. `load` holds meetings at
the pace of speech on one server alone and on several servers of this machine, which take turns: CPU seconds for each
minute of a meeting, latencies, what is left out, transactions and bytes that PostgreSQL writes. Each FOLDER of it holds
recordings with references. `takeover` kills the server of a meeting that was going on for so many minutes, made of the
recordings one after the other again and again, and tells when another server has it, when its source is back, and when
all of its text is there. Needs the extra `postgres`, PostgreSQL and HAProxy. docs/cluster.md has the last tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import report
from benchmarks.harness.recordings import SAMPLE, gather, named, plays
from benchmarks.several_servers import comparing, loading, takeover
from meeting.evaluation.evaluate import SUFFIXES
from meeting.evaluation.scores import require_extra
from pipelines.errors import MeetingError
from tests.cluster.machines import without_haproxy
from tests.databases.postgres_server import without_postgres


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print the table; returns the exit code."""
    asked = _arguments(arguments)
    missing = without_postgres() or without_haproxy()
    try:
        if missing is not None:
            raise MeetingError(missing)
        return {"compare": _compare, "load": _load, "takeover": _take_over}[asked.what](asked, arguments)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = report.parser("several_servers", __doc__)
    parser.add_argument("what", choices=("compare", "load", "takeover"))
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="recordings (default: the sample)")
    parser.add_argument("--models", default="embedded", help="set of models, or fake (default embedded)")
    parser.add_argument("--servers", nargs="+", type=int, metavar="N", help="servers (compare: 2; load: by row, 1 2 3)")
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="compare: recordings at once (default 4)")
    parser.add_argument(
        "--speed",
        default="max",
        help="compare: times the pace of speech, or max, as fast as the servers take it (default)",
    )
    parser.add_argument("--live", action="store_true", help="compare: let servers leave out what is not done in time")
    parser.add_argument(
        "--meetings", nargs="+", type=int, default=[2, 6], metavar="N", help="load: by row (default 2 6)"
    )
    parser.add_argument(
        "--minutes", nargs="+", type=float, default=[5, 60], metavar="N", help="takeover: by row (default 5 60)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="load: length of each meeting (default 60)")
    asked = parser.parse_args(arguments)
    asked.servers = asked.servers or ([2] if asked.what == "compare" else [1, 2, 3])
    return asked


def recordings(folders: Sequence[Path]) -> list[Path]:
    """All recordings of some folders, by name; raises MeetingError where there are none."""
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    heard = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not heard:
        raise MeetingError(f"no recording in {', '.join(map(str, folders))}")
    return heard


def _compare(asked: argparse.Namespace, arguments: Sequence[str] | None) -> int:
    chosen = comparing.longest_first(recordings(asked.folders or [SAMPLE]))
    pace = comparing.Pace(asked.at_once, None if asked.speed == "max" else float(asked.speed), not asked.live)
    known = report.facts("several_servers", arguments, models=asked.models)
    print(report.head(known), flush=True)
    one = comparing.through_one(chosen, pace, asked.models)
    several = comparing.through_several(chosen, pace, asked.models, asked.servers[0])
    rows = comparing.rows(one, several)
    print(report.table(comparing.COLUMNS, rows))
    report.save(asked.json, known, rows=[dict(zip(comparing.COLUMNS, row, strict=True)) for row in rows])
    return 0


def _load(asked: argparse.Namespace, arguments: Sequence[str] | None) -> int:
    require_extra()
    found = gather(asked.folders)
    known = report.facts("several_servers", arguments, models=asked.models, recordings=named(found))
    print(report.head(known), flush=True)
    chosen = plays(found, max(asked.meetings))
    rows = loading.measure(asked.servers, asked.meetings, chosen, asked.models, asked.seconds)
    print(report.table(list(loading.COLUMNS), [[row[key] for key in loading.COLUMNS.values()] for row in rows]))
    report.save(asked.json, known, rows=rows)
    return 0


def _take_over(asked: argparse.Namespace, arguments: Sequence[str] | None) -> int:
    found = gather(asked.folders)
    known = report.facts("several_servers", arguments, models=asked.models, recordings=named(found))
    print(report.head(known), flush=True)
    rows = takeover.measure(asked.minutes, [one.audio for one in found], asked.models)
    columns = takeover.COLUMNS
    print(report.table(list(columns), [[row[key] for key in columns.values()] for row in rows]))
    report.save(asked.json, known, rows=rows)
    return 0
