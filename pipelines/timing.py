"""How long work takes here, and how many cores there are for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


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
