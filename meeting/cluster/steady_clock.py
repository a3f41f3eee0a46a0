"""The clock by which a server knows that its lease has run out: nobody sets it, and it never stands still."""

from __future__ import annotations

import time

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_seconds() -> float:
    """Seconds since some moment; also those in which this process or its machine was suspended, where that is told."""
    return time.clock_gettime(_CLOCK)
