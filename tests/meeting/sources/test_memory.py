"""Memory goes back to the system, and what stays is not searched for garbage again and again."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from meeting.sources import memory

ROOT = Path(__file__).resolve().parents[3]

LEAVE_HOLES = """
import threading
from pathlib import Path
from meeting.sources import memory
if {shared}:
    memory.limit_arenas()
def held():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
kept = []
def litter():
    large = []
    for _ in range(500):
        large.append(bytes(30_000))
        kept.append(bytes(600))  # stands between them, so that no heap can simply be cut short
for _ in range(8):
    thread = threading.Thread(target=litter)
    thread.start()
    thread.join()
full = held()
memory.collect_and_trim()
print(full, held())
"""


class Loop:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_garbage_in_loops_is_freed() -> None:
    gone = weakref.ref(Loop())
    memory.collect_and_trim()
    assert gone() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc and /proc")
@pytest.mark.parametrize("shared", [False, True])
def test_what_threads_have_freed_goes_back_to_the_system(shared: bool) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LEAVE_HOLES.format(shared=shared)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    full, after = map(int, run.stdout.split())
    assert after < full - 10_000  # kB


def test_what_stays_is_passed_over_afterwards() -> None:
    kept = Loop()
    before = gc.get_freeze_count()
    try:
        memory.freeze_objects()
        assert gc.get_freeze_count() > before
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()


@pytest.mark.slow
def test_without_such_a_c_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.limit_arenas()
    memory.collect_and_trim()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError("none")))
    memory.limit_arenas()
    memory.collect_and_trim()


def test_room_is_handed_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    monkeypatch.setattr(memory, "trim_heap", lambda: handed.append(1))

    async def scene() -> None:
        task = asyncio.create_task(memory.trim_regularly(0.01))
        while len(handed) < 3:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(scene())
