"""How fast the first page of hits is there, how large the index is, and how long it takes to make.

    .venv/bin/python -m benchmarks.search --meetings 1000

Meetings of an hour, 1,000 lines of ten words each, made from a seed: words of one to four syllables, as frequent as the
words of a language are (Zipf's law). They are written into a database from before there was an index, which is
then migrated. Each kind of query is asked `--times` times, of a warm file; the CPU time hardly depends on what
else the machine does.
"""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from benchmarks.harness import report
from meeting.config.package_files import MIGRATIONS
from meeting.storage.databases.sqlite import SqliteDatabase, connect
from meeting.storage.search.query import Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import DATABASE, Store

BEFORE = "0007"
"""The schema that had no index"""
LINES, WORDS = 1000, 10
"""Lines of a meeting of an hour, and words of a line"""
VOCABULARY = 40_000
FIRST = datetime(2026, 1, 1, 9)
COLUMNS = {"query": "name", "hits on the page": "hits", "p50 ms": "p50", "p95 ms": "p95", "CPU ms, p50": "cpu"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the meetings, migrate, search; print the table."""
    parser = report.parser("search", __doc__)
    parser.add_argument("--meetings", type=int, default=1000, metavar="N", help="how many meetings (default 1000)")
    parser.add_argument("--times", type=int, default=30, metavar="K", help="how often each query is asked (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of what is said (default 1)")
    asked = parser.parse_args(arguments)
    if asked.meetings < 2 or asked.times < 1:
        parser.error("--meetings must be at least 2, and --times at least 1")
    known = report.facts("search", arguments, meetings=asked.meetings, lines=asked.meetings * LINES)
    print(report.head(known), flush=True)
    words = vocabulary(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder) / DATABASE, words, asked.meetings, asked.seed)
        index = _migrate(Path(folder) / DATABASE)
        rows = _search(Path(folder), words, asked.meetings, asked.times)
        index["delete_seconds"] = _delete(Path(folder), asked.meetings // 2)
    print(report.table(list(COLUMNS), [[row[key] for key in COLUMNS.values()] for row in rows]))
    print(
        f"Database before {index['before_mb']:.0f} MB, index {index['index_mb']:.0f} MB, made in "
        f"{index['migration_seconds']:.1f} s. Deleting a meeting without a trace: {index['delete_seconds']:.1f} s."
    )
    report.save(asked.json, known, rows=rows, index=index)
    return 0


def vocabulary(seed: int) -> list[str]:
    """Words in the order of how frequent they are."""
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choice("bcdfghklmnprstvwz") + chance.choice("aeiou") for _ in range(chance.randint(1, 4)))

    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words[word()] = None
    return list(words)


def _said(words: list[str], seed: int) -> Iterator[list[str]]:
    """One line after the other."""
    chance, weights = random.Random(seed), list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    while True:
        yield chance.choices(words, cum_weights=weights, k=WORDS)


def _fill(path: Path, words: list[str], meetings: int, seed: int) -> None:
    """Write the meetings; four people speak in each, the second of them has a name."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = connect(path, "BEGIN IMMEDIATE")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    engine.dispose()
    said = _said(words, seed)
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(meetings):
            id_ = f"m{number:015}"
            when = (FIRST + timedelta(days=number)).isoformat(" ") + ".000000"
            connection.execute(
                "INSERT INTO meetings (id, title, state, created_at, started_at, samples, models) "
                "VALUES (?, ?, 'ended', ?, ?, 57600000, '{}')",
                (id_, f"Meeting {number}", when, when),
            )
            connection.executemany(
                "INSERT INTO speakers VALUES (?, ?, ?, ?, NULL)",
                [(id_, f"spk{one}", f"Person {number}" if one == 2 else None, one) for one in range(1, 5)],
            )
            connection.executemany(
                "INSERT INTO segments (meeting_id, id, rev, source_id, start, end, speaker, text, words) "
                "VALUES (?, ?, 1, 'a', ?, ?, ?, ?, ?)",
                [_line(id_, at, line) for at, line in enumerate(itertools.islice(said, LINES))],
            )
            if number % 100 == 99:
                print(f"  {number + 1} of {meetings} meetings made", file=sys.stderr, flush=True)


def _line(meeting_id: str, number: int, words: list[str]) -> tuple[object, ...]:
    start = number * 57_600
    placed = [[word, start + at * 5000, start + at * 5000 + 4000, 0.9] for at, word in enumerate(words)]
    text = json.dumps(placed, separators=(",", ":"))
    return meeting_id, f"s{number}", start, start + 50_000, f"spk{number % 4 + 1}", " ".join(words), text


def _migrate(path: Path) -> dict[str, Any]:
    before, began = path.stat().st_size, time.monotonic()
    SqliteDatabase(path).prepare()
    seconds = time.monotonic() - began
    return {"before_mb": before / 1e6, "index_mb": (_pages(path) - before) / 1e6, "migration_seconds": seconds}


def _pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchone()
    return int(size)


def _search(folder: Path, words: list[str], meetings: int, times: int) -> list[dict[str, Any]]:
    common, usual, rare = words[0], words[300], words[20_000]
    person, middle = f"Person {meetings // 2}", (FIRST + timedelta(days=meetings // 2)).replace(tzinfo=timezone.utc)
    queries = {
        "the most common word": Search(parse_query(common)),
        "a usual word": Search(parse_query(usual)),
        "a rare word": Search(parse_query(rare)),
        "two words": Search(parse_query(f"{common} {usual}")),
        "a phrase": Search(parse_query(f'"{words[1]} {words[2]}"')),
        "the start of a word": Search(parse_query(f"{words[5][:2]}*")),
        "a word and a start": Search(parse_query(f"{usual} {words[5][:2]}*")),
        "a usual word, Speaker 3": Search(parse_query(usual), "Speaker 3"),
        "the most common word, somebody of one meeting": Search(parse_query(common), person),
        "the most common word, one day": Search(parse_query(common), None, middle, middle + timedelta(days=1)),
        "the most common word, one meeting": Search(parse_query(common), meeting_id=f"m{meetings // 2:015}"),
    }
    with Store(folder) as store:
        return [{"name": name, **_ask(SearchStore(store), wanted, times)} for name, wanted in queries.items()]


def _ask(store: SearchStore, wanted: Search, times: int) -> dict[str, Any]:
    took, computed, hits = [], [], 0
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        hits = len(store.search(wanted).hits)
        took.append(1000 * (time.perf_counter() - began))
        computed.append(1000 * (time.process_time() - busy))
    return {
        "hits": hits,
        "p50": report.percentile(took, 50),
        "p95": report.percentile(took, 95),
        "cpu": report.percentile(computed, 50),
    }


def _delete(folder: Path, number: int) -> float:
    with Store(folder) as store:
        began = time.monotonic()
        store.delete_meeting(f"m{number:015}").result()
        return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
