"""How long work takes here, how often how long, how many cores there are for it, and what they can do."""

from __future__ import annotations

import math
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path


def best_of(work: Callable[[], object], tries: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the fastest of some runs, by the clock on the wall or by what this thread computed."""
    found = []
    for _ in range(tries):
        began = clock()
        work()
        found.append(clock() - began)
    return min(found)


def available_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def multiplies_bytes(description: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bytes with a sign itself (VNNI); on others such products may overflow.

    `description` is what Linux says of the processor; elsewhere nothing is known of it, and the answer is no.
    """
    try:
        return "vnni" in description.read_text()
    except OSError:
        return False


class Histogram:
    """How often values fell into which range, and their sum; any thread may add to it.

    >>> seen = Histogram((1.0, 5.0))
    >>> for value in (0.5, 1.0, 7.0):
    ...     seen.add(value)
    >>> seen.totals()
    ([(1.0, 2), (5.0, 2), (inf, 3)], 8.5)
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` are the upper ends of the ranges, rising; one without end follows them."""
        self._bounds = (*bounds, math.inf)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Count a value."""
        at = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[at] += 1
            self._sum += value

    def totals(self) -> tuple[list[tuple[float, int]], float]:
        """For each upper end how many values were no larger, and the sum of all."""
        with self._lock:
            return list(zip(self._bounds, accumulate(self._counts), strict=True)), self._sum
