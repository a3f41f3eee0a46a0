"""Kills servers, cuts connections, fills disks, sends garbage and besieges, and says in a table what was lost.

    .venv/bin/python -m benchmarks.torture                 # everything, in full: hours
    .venv/bin/python -m benchmarks.torture kills --count 10 --jobs 2 --speed 4
    .venv/bin/python -m benchmarks.torture soak --hours 8
    .venv/bin/python -m benchmarks.torture realtime --minutes 30
    .venv/bin/python -m benchmarks.torture --small         # a minute or two each

`--models fake` replaces the models by the tests' fakes. Prints one row in Markdown per test; exit code 1 if a bar was
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.harness.server import Over, end_all
from benchmarks.torture.crowd import crowd
from benchmarks.torture.endurance import realtime, soak
from benchmarks.torture.faults import bombs, deaths, edits, journals
from benchmarks.torture.readers import readers
from benchmarks.torture.scenarios import (
    api,
    cuts,
    disk,
    durability,
    garbage,
    kills,
    locked,
)
from benchmarks.torture.shared import Options, Result
from benchmarks.torture.strangers import idle, mute_sockets, slow_headers, unread_answers, unread_pings

TESTS: dict[str, tuple[Callable[[Options], Awaitable[Result]], int, int, float, float]] = {
    "kills": (kills, 50, 3, 65.0, 30.0),
    "cuts": (cuts, 200, 20, 65.0, 20.0),
    "garbage": (garbage, 10_000, 500, 65.0, 20.0),
    "api": (api, 300, 20, 0.0, 0.0),
    "crowd": (crowd, 200, 50, 65.0, 20.0),
    "readers": (readers, 200, 20, 6 * 3600.0, 1800.0),
    "disk": (disk, 1, 1, 40.0, 20.0),
    "locked": (locked, 1, 1, 65.0, 20.0),
    "pings": (unread_pings, 8, 4, 130.0, 12.0),
    "idle": (idle, 1100, 1100, 130.0, 12.0),
    "headers": (slow_headers, 1000, 200, 130.0, 24.0),
    "sockets": (mute_sockets, 5000, 500, 130.0, 12.0),
    "pipelines": (unread_answers, 20, 4, 130.0, 12.0),
    "durability": (durability, 2000, 200, 0.0, 0.0),
    "deaths": (deaths, 20, 3, 60.0, 20.0),
    "journals": (journals, 200, 24, 7.0, 7.0),
    "edits": (edits, 12, 3, 20.0, 10.0),
    "bombs": (bombs, 6, 1, 65.0, 20.0),
    "soak": (soak, 1, 1, 8 * 3600.0, 300.0),
    "realtime": (realtime, 1, 1, 1800.0, 60.0),
}
"""Name -> the test, how often in full and small, seconds of audio in full and small"""


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help=f"of {', '.join(TESTS)}; all when none is named")
    parser.add_argument("--small", action="store_true", help="a minute or two each")
    parser.add_argument(
        "--count", type=int, help="how many kills, cuts, messages, viewers, connections, …; requests or bombs of a kind"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="length of the meeting's audio")
    length.add_argument("--minutes", type=float, help="the same in minutes")
    length.add_argument("--hours", type=float, help="the same in hours")
    parser.add_argument("--jobs", type=int, default=1, help="servers at once that are killed (default 1)")
    parser.add_argument("--speed", type=float, default=2.0, help="times real time at which sources speak (default 2)")
    parser.add_argument("--models", default="embedded", help="set of models, or fake (default embedded)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    given = asked.seconds or (asked.minutes or 0) * 60 or (asked.hours or 0) * 3600
    unknown = set(asked.tests) - set(TESTS)
    if unknown:
        parser.error(f"there is no test {', '.join(sorted(unknown))}")
    when = f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{when}, models {asked.models}, sources at {asked.speed:g} times real time\n", flush=True)
    print("| test | bar | measured | passed |\n|---|---|---|---|", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    results = []
    for name in asked.tests or TESTS:
        test, full, small, long, short = TESTS[name]
        with tempfile.TemporaryDirectory() as folder:
            options = Options(
                Path(folder),
                asked.models,
                asked.count or (small if asked.small else full),
                asked.speed,
                given or (short if asked.small else long),
                asked.seed,
                max(1, asked.jobs),
            )
            results.append(asyncio.run(run(test, options)))
        print(results[-1].row(), flush=True)
    return 0 if all(result.passed for result in results) else 1


async def run(test: Callable[[Options], Awaitable[Result]], options: Options) -> Result:
    """Run one test; a server that ends, or says nothing more, has missed the bar."""
    try:
        return await test(options)
    except Over as error:
        print(error, file=sys.stderr, flush=True)
        return Result(test.__name__, "the server goes on", f"**{str(error).splitlines()[0].rstrip(':')}**", False)
    finally:
        end_all()
