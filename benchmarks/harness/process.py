"""What a process costs: CPU seconds of all its threads and the memory it holds, read from /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
"""Units of CPU time per second"""


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has spent so far, in user and kernel mode, all threads together."""
    # the name, in brackets, may hold anything
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def family_cpu_seconds(pid: int) -> float:
    """The same of a process and of all that it has started, those that have ended included; not of their children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(map(int, fields[11:15])) / TICKS
    for child in children(pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            total += cpu_seconds(child)
    return total


def parent(pid: int) -> int:
    """The process that has started a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def resident(pid: int, field_name: str = "VmRSS") -> float:
    """Megabytes that a process holds in memory; `VmHWM` is the most it ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def family(pid: int) -> list[int]:
    """A process, and all that it has started and these have started, as far as they are still there."""
    found: list[int] = []
    todo = [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children(pid)
    return found


def command_line(pid: int) -> str:
    """The command line of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def environment(root: Path) -> dict[str, str]:
    """Our environment for a program of the checkout at `root`: its code first, of settings only the models' place."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MEETING_") or k == "MEETING_MODELS_CACHE_DIR"}
    return {**kept, "PYTHONPATH": str(root)}


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at a process."""

    wall: float
    cpu: float
    """CPU seconds so far"""
    memory: float
    """Megabytes"""


@dataclass
class Watch:
    """Looks at a process now and then."""

    pid: int
    moments: list[Moment] = field(default_factory=list)

    def look(self) -> Moment:
        """Look now."""
        self.moments.append(Moment(time.monotonic(), cpu_seconds(self.pid), resident(self.pid)))
        return self.moments[-1]

    @asynccontextmanager
    async def running(self, every: float = 0.5) -> AsyncIterator[Watch]:
        """Look every so many seconds, at the start and at the end."""
        self.look()
        task = asyncio.create_task(self._run(every))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.look()

    async def _run(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            self.look()

    def between(self, start: float, end: float) -> list[Moment]:
        """The looks of a stretch of the clock."""
        return [moment for moment in self.moments if start <= moment.wall <= end]

    @property
    def peak(self) -> float:
        """Most megabytes seen."""
        return max((moment.memory for moment in self.moments), default=0.0)
