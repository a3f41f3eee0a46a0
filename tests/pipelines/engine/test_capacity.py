"""What the models' work takes on this machine: meetings it carries, threads worth having."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.engine import capacity
from pipelines.engine.capacity import (
    OTHER_CPU,
    PLANNED_LOAD,
    SPEECH_SHARE,
    Throughput,
    calibrate,
    choose_threads,
    speech_workers,
    thread_candidates,
)

PACE = Throughput(speech=0.05, window=0.03, batched_window=0.02, cores=2)


def test_a_machine_carries_what_its_slower_worker_does() -> None:
    assert replace(PACE, cores=64).capacity == int(PLANNED_LOAD / 0.045)
    assert replace(PACE, cores=64, batched_window=0.1).capacity == int(PLANNED_LOAD / 0.1)


def test_few_cores_carry_fewer_meetings_than_their_workers_could() -> None:
    assert PACE.capacity == int(PLANNED_LOAD * 2 / (OTHER_CPU + 0.045 + 0.02))
    assert replace(PACE, cores=1).capacity == int(PLANNED_LOAD / (OTHER_CPU + 0.045 + 0.02))


def test_several_workers_share_the_speech_until_something_else_is_full() -> None:
    speaks_long = replace(PACE, cores=64, speech=0.2)
    assert replace(speaks_long, speech_workers=2).capacity == int(PLANNED_LOAD / 0.09)
    assert replace(speaks_long, speech_workers=32).capacity == int(PLANNED_LOAD / OTHER_CPU)
    assert replace(speaks_long, speech_workers=2, cores=2).capacity == int(PLANNED_LOAD * 2 / (OTHER_CPU + 0.18 + 0.02))


@pytest.mark.parametrize(
    ("cores", "threads", "workers"), [(1, 1, 1), (2, 1, 1), (4, 1, 2), (4, 2, 1), (16, 1, 8), (16, 2, 4), (128, 1, 8)]
)
def test_speech_may_have_half_of_the_cores(cores: int, threads: int, workers: int) -> None:
    assert speech_workers(cores, threads) == workers


def test_a_gpu_leaves_the_cores_to_the_rest() -> None:
    assert replace(PACE, windows_on_gpu=True).capacity == int(PLANNED_LOAD / 0.045)


def test_the_slowest_machine_carries_one_meeting() -> None:
    assert replace(PACE, speech=9.0).capacity == 1


@pytest.mark.parametrize(("cores", "threads"), [(1, [1]), (2, [1]), (4, [1, 2]), (64, [1, 2, 4, 8])])
def test_each_of_two_workers_may_have_half_of_the_cores(cores: int, threads: list[int]) -> None:
    assert thread_candidates(cores) == threads


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        (lambda threads: 1.0 / threads, 8),
        (lambda threads: 1.0, 1),
        (lambda threads: {1: 1.0, 2: 0.6, 4: 0.55, 8: 0.1}[threads], 2),
    ],
)
def test_more_threads_are_taken_as_long_as_they_gain_enough(seconds: Callable[[int], float], chosen: int) -> None:
    assert choose_threads(seconds, [1, 2, 4, 8]) == chosen


def test_where_there_is_no_choice_nothing_is_measured() -> None:
    assert choose_threads(lambda threads: 1 / 0, [1]) == 1


def test_of_the_threads_tried_the_chosen_number_is_in_use_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {1: 1.0, 2: 0.6, 4: 0.55, 8: 0.1}
    used: list[int] = []
    worked: list[int] = []
    monkeypatch.setattr(capacity, "best_of", lambda work: seconds[used[-1]])
    assert calibrate(lambda: worked.append(used[-1]), used.append, [1, 2, 4, 8]) == (2, {1: 1.0, 2: 0.6, 4: 0.55})
    assert used == [1, 2, 4, 2]
    assert worked == [1, 2, 4]


def test_with_one_candidate_it_is_used_and_nothing_is_done() -> None:
    used: list[int] = []
    assert calibrate(lambda: 1 / 0, used.append, [3]) == (3, {})
    assert used == [3]


def test_a_recogniser_beside_a_gpu_takes_the_cores() -> None:
    voices_only = replace(PACE, speech=0.2, cores=1, windows_on_gpu=True)
    assert voices_only.capacity == int(PLANNED_LOAD / (OTHER_CPU + 0.2 * SPEECH_SHARE))
    assert replace(voices_only, speech_on_gpu=True).capacity == int(PLANNED_LOAD / (0.2 * SPEECH_SHARE))
