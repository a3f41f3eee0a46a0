"""Capacity: what the models' work takes on this machine, how many live meetings that is, and threads worth having."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.timing import available_cores, best_of

SPEECH_SHARE = 0.9
"""Share of a meeting in which somebody speaks, at most"""
PLANNED_LOAD = 0.85
"""Share of a worker's time that may be planned with: work comes in bursts"""
OTHER_CPU = 0.04
"""CPU seconds per second of audio for everything but the models: sockets, decoding, speaker tracking, disk"""
MAX_SPEECH_WORKERS = 8
"""Utterances that are recognised at the same time at most: Python itself is shared by all threads"""
MIN_SPEEDUP = 1.25
"""How many times faster more threads must be to be worth it: they are taken from others"""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Seconds of computing, each the best of a few runs, since others may disturb one."""

    speech: float
    """Per second of final speech"""
    window: float
    """Per diarization window, one at a time"""
    batched_window: float
    """Per diarization window, in a batch"""
    cores: int
    """CPU cores that there are for it"""
    windows_on_gpu: bool = False
    """Whether windows are computed on a GPU"""
    threads: int = 1
    """CPU threads of each model"""
    speech_on_gpu: bool = False
    """Whether speech is recognised on a GPU"""
    speech_workers: int = 1
    """Utterances that are recognised at the same time"""

    @property
    def capacity(self) -> int:
        """Live meetings whose final text and labels it computes in time, with all that may be left out left out.

        The recogniser, the windows, the cores that both share, or the one thread of everything else are full first.
        """
        speech, windows = self.speech * SPEECH_SHARE, self.batched_window  # one window a second: the longest hop
        cpu = OTHER_CPU + (0.0 if self.speech_on_gpu else speech) + (0.0 if self.windows_on_gpu else windows)
        each = max(speech / self.speech_workers, windows, cpu / self.cores, OTHER_CPU)
        return max(1, int(PLANNED_LOAD / each))


def cores_for_each(engine_count: int) -> int:
    """CPU cores of each of so many engines on this machine."""
    return max(1, available_cores() // engine_count)


def thread_candidates(cores: int) -> list[int]:
    """Numbers of threads worth trying: two models work at the same time, so each may have half of the cores."""
    return [threads for threads in (1, 2, 4, 8) if threads == 1 or 2 * threads <= cores]


def speech_workers(cores: int, threads: int) -> int:
    """Utterances to recognise at the same time, with so many threads each, in half of the cores: see above."""
    return max(1, min(MAX_SPEECH_WORKERS, cores // (2 * threads)))


def choose_threads(seconds: Callable[[int], float], among: Sequence[int]) -> int:
    """The number of threads beyond which more gain too little.

    `seconds` measures with a number of threads; `among` are those to try, in order, the first of which is always good.
    """
    chosen, best = among[0], seconds(among[0]) if len(among) > 1 else 0.0
    for threads in among[1:]:
        found = seconds(threads)
        if found * MIN_SPEEDUP > best:
            break
        chosen, best = threads, found
    return chosen


def calibrate(
    work: Callable[[], object], use: Callable[[int], object], among: Sequence[int]
) -> tuple[int, dict[int, float]]:
    """The number of threads that is worth it for some work, and the seconds with each that was tried.

    `use` sets the number of threads; in the end it is called with the chosen one. Where there is no choice nothing is
    measured.
    """
    tried: dict[int, float] = {}

    def seconds(threads: int) -> float:
        use(threads)
        work()  # starts the threads
        tried[threads] = best_of(work)
        return tried[threads]

    chosen = choose_threads(seconds, among)
    use(chosen)
    return chosen, tried
