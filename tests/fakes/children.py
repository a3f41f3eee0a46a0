"""The processes that this one has started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TRACKER = b"multiprocessing.resource_tracker"
"""What Python itself starts beside the first process pool, and keeps until this process ends"""


KEPT: set[int] = set()
"""Process ids of what fixtures keep for all tests of a process"""


def children() -> list[int]:
    """Process ids, those of zombies too; without those that are kept, and the one of Python for pools of processes."""
    mine = [pid for pid, parent in _processes() if parent == os.getpid() and pid not in KEPT]
    return [pid for pid in mine if TRACKER not in _command(pid)]


def memory(pid: int) -> int:
    """Bytes of memory that a process has for itself; none until it has left this one's memory, where it starts."""
    with suppress(OSError):
        if Path(f"/proc/{pid}/cmdline").read_bytes() == Path("/proc/self/cmdline").read_bytes():
            return 0
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))
    return 0


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return _fields(pid)[0] != "Z"
    return False


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _processes() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(path.name), int(_fields(int(path.name))[1])


def _fields(pid: int) -> list[str]:
    """What stands behind a process's name: its state, its parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
