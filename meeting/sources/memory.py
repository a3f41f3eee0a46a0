"""Giving memory back to the system, so that what was heard long ago does not take up a server for good."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Any

ARENAS = 2
"""Heaps that threads share. By default glibc makes 8 for each core; every source brings threads of its own, and what
they leave free in one heap is of no use in the others"""

_M_ARENA_MAX = -8  # of glibc's malloc.h


def limit_arenas() -> None:
    """Let all threads use few heaps; to be called before there are many. Does nothing without glibc."""
    mallopt = _libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def freeze_objects() -> None:
    """Take all that is there now for what stays: looking for garbage then passes over it, and takes milliseconds."""
    gc.collect()
    gc.freeze()


def collect_and_trim() -> None:
    """Free what is garbage, such as the loops of a closed Rx stream, and hand the room to the system."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Hand room that nothing is in to the system, wherever in the heap it is."""
    trim = _libc("malloc_trim")
    if trim is not None:
        trim(ctypes.c_size_t(0))


async def trim_regularly(every: float = 5.0) -> None:
    """Hand back every so many seconds, until cancelled: what a model needs for a moment leaves room all over."""
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(trim_heap)


def _libc(name: str) -> Any:
    """A function of the C library; None where it has no such function."""
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # no such way to the C library, as on Windows
        return None
