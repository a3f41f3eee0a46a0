"""How the number of shared recognisers follows the calls that wait: more under load, and fewer once it is over.

    .venv/bin/python -m benchmarks.autoscaling

Shared models are started as `models serve` starts them, with their own delays, and half a processor for each replica.
Some callers at once ask the recogniser, each again as soon as it is answered, until there is a second replica and for a
while after that. Then nobody asks, until there is one replica again. Needs the extra `ray`; takes eight minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.harness import report
from benchmarks.harness.recordings import gather, named
from benchmarks.harness.shared_models import SharedModels
from meeting.cluster.shared_models.calls import SPEECH, Calls, open_channel
from meeting.cluster.shared_models.wire import pack_requests
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.types import SAMPLE_RATE

UTTERANCE = 5 * SAMPLE_RATE
"""Samples of what each call asks for"""
PATIENCE = 600.0
"""Seconds after which a number of replicas will not come any more"""
LOOK_EVERY = 0.5
COLUMNS = ("from, s", "to, s", "callers", "replicas", "calls/s", "ms, median")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the cluster."""

    at: float
    """Seconds since the load began"""
    callers: int
    replicas: int
    """Processes of the recogniser, those that still load their models too"""


@dataclass
class Load:
    """Callers, each of which asks again as soon as it is answered."""

    ask: Callable[[], object]
    answered: list[tuple[float, float]] = field(default_factory=list)
    """When each call was answered, on the monotonic clock, and after how many seconds"""

    @contextmanager
    def of(self, callers: int) -> Iterator[None]:
        """So many callers at once, for a while."""
        enough = threading.Event()
        threads = [threading.Thread(target=self._call, args=(enough,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            enough.set()
            for thread in threads:
                thread.join()

    def _call(self, enough: threading.Event) -> None:
        while not enough.is_set():
            began = time.monotonic()
            self.ask()
            now = time.monotonic()
            self.answered.append((now, now - began))


def stretches(looks: Sequence[Look], answered: Sequence[tuple[float, float]]) -> list[list[float | None]]:
    """A row of `COLUMNS` for each stretch of time with as many callers and replicas; `answered` as seconds since the
    load began, and seconds that a call took."""
    rows: list[list[float | None]] = []
    begins = [at for at, look in enumerate(looks) if at == 0 or _kind(look) != _kind(looks[at - 1])]
    for begin, end in zip(begins, [*begins[1:], len(looks) - 1], strict=True):
        start, stop = looks[begin].at, looks[end].at
        took = [seconds for at, seconds in answered if start <= at < stop]
        rate = len(took) / (stop - start) if stop > start else 0.0
        rows.append([start, stop, *_kind(looks[begin]), rate, 1000 * statistics.median(took) if took else None])
    return rows


def _kind(look: Look) -> tuple[int, int]:
    return look.callers, look.replicas


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = report.parser("autoscaling", __doc__)
    parser.add_argument("--models", default="embedded", help="set of models (default embedded)")
    parser.add_argument("--callers", type=int, default=4, metavar="N", help="calls at once (default 4)")
    parser.add_argument(
        "--hold", type=float, default=60, metavar="S", help="load after the second replica (default 60)"
    )
    asked = parser.parse_args(arguments)
    recording = gather([])[0]
    known = report.facts("autoscaling", arguments, models=asked.models, recordings=named([recording]))
    print(report.head(known), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedModels(Path(folder), asked.models, replicas=None, cpus=0.5)
        try:
            shared.start()
            audio = recording.audio[:UTTERANCE].astype(np.float32) / 2**15
            message = pack_requests([RecognitionRequest(audio)])
            rows = measure(shared, message, asked.callers, asked.hold)
        finally:
            shared.stop()
    print(report.table(list(COLUMNS), rows))
    report.save(asked.json, known, rows=[dict(zip(COLUMNS, row, strict=True)) for row in rows])
    return 0


def measure(shared: SharedModels, message: bytes, callers: int, hold: float) -> list[list[float | None]]:
    """The stretches of a load that comes and goes."""
    send, disconnect = open_channel(shared.address)
    calls = Calls(send, PATIENCE)
    load = Load(lambda: calls(SPEECH, "Recognise", message))
    looks: list[Look] = []
    began = time.monotonic()

    def watch(asking: int, enough: Callable[[Look], bool]) -> None:
        """Look until it is enough; raises TimeoutError."""
        until = time.monotonic() + PATIENCE
        while True:
            looks.append(Look(time.monotonic() - began, asking, len(shared.replicas_of(SPEECH))))
            if enough(looks[-1]):
                return
            if time.monotonic() > until:
                raise TimeoutError(f"there are still {looks[-1].replicas} replicas")
            time.sleep(LOOK_EVERY)

    try:
        with load.of(callers):
            watch(callers, lambda look: look.replicas > 1)
            longer = looks[-1].at + hold
            watch(callers, lambda look: look.at > longer)
        watch(0, lambda look: look.replicas == 1)
    finally:
        disconnect()
    return stretches(looks, [(at - began, seconds) for at, seconds in load.answered])


if __name__ == "__main__":
    sys.exit(main())
