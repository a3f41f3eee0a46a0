"""How many servers, cores and cards many meetings at once need, how late their lines are, and what a death costs.

    .venv/bin/python -m benchmarks.cluster_simulation                      # 10 to 10,000 meetings
    .venv/bin/python -m benchmarks.cluster_simulation --meetings 300 --models embedded --assume partial_interval=1
    .venv/bin/python -m benchmarks.cluster_simulation --count web/sample/sample.flac

Nothing is measured but with `--count`, which plays a recording and counts what one meeting makes. The rest is
simulated from assumptions.yaml, where each figure says where it comes from. Needs the extra `simulation`.
docs/cluster-simulation.md says what the tables mean.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cluster_simulation.assumptions import COMMITTED, Assumptions, load
from benchmarks.harness import report
from pipelines.errors import MeetingError, SettingsError

INTERVALS = (0.5, 1.0, 2.0)
"""Seconds between partial results whose cost is shown"""
CHECKED_MEETINGS = 100
"""Meetings of which a sample is held beside the whole"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate or count, and print the tables."""
    asked = _arguments(arguments)
    try:
        assumed = load(asked.assumptions).given(asked.assume)
        if asked.count is not None:
            return _count(asked, arguments)
        unknown = [name for name in asked.models or () if name not in assumed.models]
        if unknown:
            raise SettingsError(f"there are no models {unknown[0]}; there are {', '.join(assumed.models)}")
        return _simulate(asked, assumed, arguments)
    except ModuleNotFoundError as error:
        if error.name != "simpy":
            raise
        print('error: install the extra: pip install -c constraints.txt -e ".[simulation]"', file=sys.stderr)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
    return 2


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = report.parser("cluster_simulation", __doc__)
    parser.add_argument(
        "--meetings", nargs="+", type=int, default=[10, 100, 1000, 10_000], metavar="N", help="at once, at the peak"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="models of the file (default: all)")
    parser.add_argument("--assumptions", type=Path, default=COMMITTED, metavar="FILE", help="the figures")
    parser.add_argument("--assume", action="append", default=[], metavar="NAME=VALUE", help="another figure")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each peak (default 60)")
    parser.add_argument(
        "--whole", type=int, default=1500, metavar="N", help="sources that are all simulated; of more, a part"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write tables and pictures as one HTML file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also write the pictures alone, as SVG")
    parser.add_argument("--count", type=Path, metavar="RECORDING", help="instead: play it, and count what it makes")
    return parser.parse_args(arguments)


def _count(asked: argparse.Namespace, arguments: Sequence[str] | None) -> int:
    from benchmarks.cluster_simulation.counting import COLUMNS, count, rows

    found = count(asked.count, "embedded")
    known = report.facts("cluster_simulation", arguments, models="embedded", recording=asked.count.name)
    print(report.head(known))
    print(report.table(COLUMNS, rows(found)))
    report.save(asked.json, known, **found)
    return 0


def _simulate(asked: argparse.Namespace, assumed: Assumptions, arguments: Sequence[str] | None) -> int:
    from benchmarks.cluster_simulation.checks import beside_measured, whole_and_sample
    from benchmarks.cluster_simulation.core.sizing import demand, plan
    from benchmarks.cluster_simulation.run import Options, generator, run, sizes
    from benchmarks.cluster_simulation.tables import assumptions_table, models_table, tables

    names = asked.models or list(assumed.models)
    options = Options(asked.meetings, names, asked.seconds, asked.whole, asked.seed)
    known = report.facts("cluster_simulation", arguments, seed=asked.seed)
    print(_head(known), flush=True)
    days = sizes(assumed, options)
    found = []
    for one in run(assumed, options, days):
        print(f"  {one.meetings} meetings, {one.models.name}: simulated", file=sys.stderr, flush=True)
        found.append(one)
    wanted = demand(assumed, generator(asked.seed, "demand"))
    beside = beside_measured(assumed, wanted, generator(asked.seed, "beside"))
    sampled, intervals = [], []
    for name in names:
        models = assumed.models[name]
        planned = plan(assumed, models, wanted, CHECKED_MEETINGS)
        random = generator(asked.seed, "sample", name)
        sampled.append((name, *whole_and_sample(assumed, models, planned, asked.seconds, random)))
        for interval in INTERVALS:
            rarer = assumed.given([f"partial_interval={interval}"])
            then = demand(rarer, generator(asked.seed, "demand"))
            intervals.append((interval, name, plan(rarer, models, then, max(asked.meetings))))
    made = [(one, one.notes(assumed, names)) for one in tables(assumed, days, found, beside, sampled, intervals)]
    made += [(table, []) for table in (models_table(assumed, names), assumptions_table(assumed))]
    for table, notes in made:
        print(f"## {table.title}\n\n{report.table(table.columns, table.rows)}")
        print("".join(f"{note}\n" for note in notes))
    _write(asked, known, made, days, found)
    return 0


def _head(known: dict[str, Any]) -> str:
    return f"Simulated on {known['date']} at commit {known['commit']}: `{known['command']}`\n"


def _write(asked: argparse.Namespace, known: dict[str, Any], made: list[Any], days: Any, found: Any) -> None:
    """The files that were asked for."""
    if asked.page is not None or asked.plot is not None:
        from benchmarks.cluster_simulation.page import draw, write_page

        picture = draw(days, found)
        if asked.page is not None:
            write_page(asked.page, known, made, picture)
        if asked.plot is not None:
            asked.plot.parent.mkdir(parents=True, exist_ok=True)
            asked.plot.write_text(picture + "\n", encoding="utf-8")
    parts = {table.name: {"columns": list(table.columns), "rows": table.rows, "notes": notes} for table, notes in made}
    plans = [{"meetings": one.meetings, "models": one.models.name, **asdict(one.plan)} for one in found]
    report.save(asked.json, known, tables=json.loads(json.dumps(parts, default=float)), plans=plans)
