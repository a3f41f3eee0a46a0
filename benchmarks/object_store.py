"""Journals on their way to an object store: how late frames are acknowledged, and what an hour of a meeting costs.

    .venv/bin/python -m benchmarks.object_store                          # a store of S3's kind on this machine
    .venv/bin/python -m benchmarks.object_store --delay 0.05 0.2         # the same, whose answers take longer
    .venv/bin/python -m benchmarks.object_store --url s3://bucket/test   # a real one
    .venv/bin/python -m benchmarks.object_store --takeover 3600          # and what a takeover of an hour takes

One source for each row and kind of audio appends frames of 0.1 s at the pace of speech to a journal that is brought to
the store, all at once. The time is that from the frame's coming to the moment at which the server may acknowledge it;
what is on the way between client and server is not in it. At the end another server takes the journal over. Requests
and bytes are what one source makes in an hour; the price is that of `--price` for a thousand of them. Needs the extra
`objects`, and for the store on this machine the extra `test`. docs/cluster.md has the last tables.

With `--takeover` so many seconds of PCM are stored as fast as the store takes them, in an object for each second,
once as they are and once put together as a server does it; then another server takes the journal over. Requests are
those that the library sends: each page of a list is one, and each removal of up to 1,000 objects.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files.journal import Journal
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.fsspec_store import FsspecStore
from meeting.storage.objects.journal_copy import JournalCopy
from meeting.storage.objects.merging import MERGE_OBJECTS
from tests.meeting.storage.objects.fake_objects import BUCKET, s3_server

FRAME_SECONDS = 0.1
KINDS = {"PCM, 16 kHz": 32_000, "Opus": 4_000}
"""Bytes of each second of audio"""
one_at_a_time = threading.Lock()
COLUMNS = (
    "answer takes longer by",
    "audio",
    "frames",
    "ack p50",
    "ack p95",
    "ack max",
    "requests/h",
    "MB/h",
    "USD/h",
    "taken over in",
    "objects",
    "equal",
)


TAKEOVER = (
    "put together",
    "minutes",
    "objects",
    "stored by",
    "removed by",
    "MB sent",
    "taken over by",
    "lists",
    "fetches",
    "MB fetched",
    "taken over in",
    "equal",
)


class CountedStore(FsspecStore):
    """A store whose requests are counted, by kind."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.list("nothing")  # connects
        self.counts: Counter[str] = Counter()
        self.sent = self.fetched = 0
        self._files.s3.meta.events.register("before-call.s3", self._count)

    def _count(self, model: Any, **_: object) -> None:
        self.counts[model.name] += 1

    def put(self, name: str, data: bytes) -> None:
        """As the real one."""
        self.sent += len(data)
        super().put(name, data)

    def get(self, names: Sequence[str]) -> list[bytes]:
        """As the real one."""
        got = super().get(names)
        self.fetched += sum(map(len, got))
        return got


class SlowStore(FsspecStore):
    """A store whose answers take longer."""

    def __init__(self, url: str, delay: float) -> None:
        super().__init__(url)
        self.delay = delay

    def put(self, name: str, data: bytes) -> None:
        """As the real one, and later."""
        time.sleep(self.delay)
        super().put(name, data)

    def get(self, names: Sequence[str]) -> list[bytes]:
        """As the real one, and later."""
        time.sleep(self.delay * -(-len(names) // 16))
        return super().get(names)


def measure(store: FsspecStore, delay: float, kind: str, seconds: float, price: float) -> list[object]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        servers = [_server(Path(folder, name), store) for name in ("a", "b")]
        meeting_id, source_id = os.urandom(8).hex(), os.urandom(8).hex()
        objects = servers[0].journal(meeting_id, source_id, fence=1)
        path = servers[0].files.journal_path(meeting_id, source_id)
        journal, waits = Journal(path, AudioInfo()), list[float]()
        copy = JournalCopy(objects, path, lambda: True)
        copy.start(0)
        frames = round(seconds / FRAME_SECONDS)
        began = time.monotonic()
        for seq in range(frames):
            time.sleep(max(0.0, began + seq * FRAME_SECONDS - time.monotonic()))
            came = time.monotonic()
            journal.append(AudioFrame(seq, round(seq * FRAME_SECONDS * 1e6), os.urandom(_size(kind))))
            copy.written(journal.end, lambda came=came: waits.append(time.monotonic() - came))  # type: ignore[misc]
        copy.settle()
        copy.close()
        journal.close()
        with one_at_a_time:
            asked = time.monotonic()
            servers[1].take_over(meeting_id, fence=2)
            took = time.monotonic() - asked
        equal = servers[1].files.journal_path(meeting_id, source_id).read_bytes() == path.read_bytes()
        servers[1].remove(meeting_id)
    counts, hours = servers[0].counts, seconds / 3600
    hourly = counts.stored / hours
    return [
        f"{delay * 1000:.0f} ms",
        kind,
        len(waits),
        report.percentile(waits, 50),
        report.percentile(waits, 95),
        max(waits),
        round(hourly),
        counts.stored_bytes / hours / 1e6,
        f"{hourly * price / 1000:.4f}",
        took,
        counts.stored,
        "yes" if equal else "no",
    ]


def measure_takeover(url: str, seconds: int, together: bool) -> list[object]:
    """A row of the second table."""
    store = CountedStore(url)
    with tempfile.TemporaryDirectory() as folder:
        servers = [_server(Path(folder, name), store) for name in ("a", "b")]
        meeting_id, source_id = os.urandom(8).hex(), os.urandom(8).hex()
        path = servers[0].files.journal_path(meeting_id, source_id)
        objects = servers[0].journal(meeting_id, source_id, 1, lambda: together)
        with path.open("wb", buffering=0) as file:
            for _ in range(seconds):
                data = os.urandom(KINDS["PCM, 16 kHz"])
                file.write(data)
                objects.append(data)
                objects.acknowledged()
        due = seconds // MERGE_OBJECTS if together else 0
        while servers[0].counts.merged < due:  # audio comes slower than this
            objects.acknowledged()
            time.sleep(0.01)
        objects.close()
        stored, sent, lies = store.counts.copy(), store.sent, len(store.list(f"journals/{meeting_id}"))
        store.counts.clear()
        asked = time.monotonic()
        servers[1].take_over(meeting_id, fence=2)
        took, taken = time.monotonic() - asked, store.counts.copy()
        equal = servers[1].files.journal_path(meeting_id, source_id).read_bytes() == path.read_bytes()
        servers[1].remove(meeting_id)
    return [
        "yes" if together else "no",
        seconds / 60,
        lies,
        stored["PutObject"],
        stored["DeleteObjects"],
        sent / 1e6,
        sum(taken.values()),
        taken["ListObjectsV2"],
        taken["GetObject"],
        store.fetched / 1e6,
        took,
        "yes" if equal else "no",
    ]


def _size(kind: str) -> int:
    return round(KINDS[kind] * FRAME_SECONDS)


def _server(folder: Path, store: FsspecStore) -> AudioObjects:
    files = MeetingFiles(folder)
    files.folder.mkdir(parents=True)
    return AudioObjects(store, files, folder / "sound", 1e9)


def run(url: str, delays: Sequence[float], seconds: float, price: float) -> list[list[object]]:
    """The table's rows, which are measured side by side."""
    asked = [(delay, kind) for delay in delays for kind in KINDS]
    stores = {delay: SlowStore(url, delay) for delay in delays}
    for store in stores.values():  # as a server does when it starts: the first request of all loads a library
        store.list("nothing")
    rows: dict[tuple[float, str], list[object]] = {}

    def work(delay: float, kind: str) -> None:
        rows[delay, kind] = measure(stores[delay], delay, kind, seconds, price)

    threads = [threading.Thread(target=work, args=one) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [rows[one] for one in asked if one in rows]


@contextmanager
def _store(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with s3_server() as environment:
        os.environ.update(environment)
        yield f"s3://{BUCKET}/benchmark"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; returns the exit code."""
    parser = report.parser("object_store", __doc__)
    parser.add_argument("--url", help="a store, as storage.objects names it (default: one on this machine)")
    parser.add_argument("--delay", nargs="+", type=float, default=[0.0], metavar="SECONDS", help="added to each answer")
    parser.add_argument("--seconds", type=float, default=60.0, help="of audio, 0 for none (default 60)")
    parser.add_argument("--takeover", type=int, default=0, metavar="SECONDS", help="of audio, to be taken over as well")
    parser.add_argument("--price", type=float, default=0.005, help="of 1000 requests that store (default 0.005 USD)")
    asked: argparse.Namespace = parser.parse_args(arguments)
    known = report.facts("object_store", arguments, store="one of its own" if asked.url is None else "a given one")
    with _store(asked.url) as url:
        rows = run(url, asked.delay, asked.seconds, asked.price) if asked.seconds else []
        takeovers = [measure_takeover(url, asked.takeover, both) for both in (False, True) if asked.takeover]
    print(report.head(known))
    tables = {"rows": (COLUMNS, rows), "takeovers": (TAKEOVER, takeovers)}
    for columns, found in tables.values():
        if found:
            print(report.table(columns, found))
    told = {name: [dict(zip(columns, row, strict=True)) for row in found] for name, (columns, found) in tables.items()}
    report.save(asked.json, known, **told)
    return 0 if all(row[-1] == "yes" for row in [*rows, *takeovers]) else 1


if __name__ == "__main__":
    sys.exit(main())
