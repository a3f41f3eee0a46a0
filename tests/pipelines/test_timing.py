"""How long work takes, and on how many cores."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipelines.timing import Histogram, available_cores, best_of, multiplies_bytes


def test_the_fastest_try_counts() -> None:
    clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    runs: list[int] = []
    assert best_of(lambda: runs.append(1), clock=lambda: next(clock)) == 1.0
    assert len(runs) == 3


def test_this_process_may_use_a_core() -> None:
    assert available_cores() >= 1


def test_what_a_processor_multiplies_stands_in_its_flags(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    for flags, answer in (("avx2 avx512f avx512_vnni", True), ("avx2 avx_vnni", True), ("avx2 avx512f", False)):
        described.write_text(f"model name : A processor\nflags : fpu {flags}\n")
        assert multiplies_bytes(described) is answer
    assert not multiplies_bytes(tmp_path / "nowhere")


def test_a_histogram_counts_up_to_each_bound_and_sums() -> None:
    seen = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 99.0):
        seen.add(value)
    assert seen.totals() == ([(1.0, 2), (2.0, 4), (math.inf, 5)], 103.5)


def test_a_histogram_loses_nothing_that_threads_add_at_once() -> None:
    seen = Histogram((0.5,))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: seen.add(number % 2), range(2000)))
    assert seen.totals() == ([(0.5, 1000), (math.inf, 2000)], 1000.0)
