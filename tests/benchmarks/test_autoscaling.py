"""What is told of a load and of the replicas that it brought."""

from __future__ import annotations

import threading

from benchmarks.autoscaling import COLUMNS, Load, Look, stretches


def test_each_stretch_with_as_many_callers_and_replicas_is_a_row() -> None:
    looks = [Look(0, 4, 1), Look(5, 4, 1), Look(10, 4, 2), Look(20, 0, 2), Look(30, 0, 1)]
    answered = [(1.0, 1.0), (2.0, 3.0), (12.0, 0.5), (13.0, 0.5), (14.0, 0.5), (20.0, 2.0)]
    rows = stretches(looks, answered)
    assert rows == [
        [0, 10, 4, 1, 0.2, 2000.0],
        [10, 20, 4, 2, 0.3, 500.0],
        [20, 30, 0, 2, 0.1, 2000.0],
        [30, 30, 0, 1, 0.0, None],
    ]
    assert {len(row) for row in rows} == {len(COLUMNS)}


def test_one_look_is_one_row() -> None:
    assert stretches([Look(3, 4, 1)], []) == [[3, 3, 4, 1, 0.0, None]]


def test_as_many_callers_ask_at_once_as_were_wanted_and_end_with_their_last_answer() -> None:
    together, done = threading.Barrier(3), threading.Event()

    def ask() -> None:
        if not done.is_set():
            together.wait(30)
            done.set()

    before = set(threading.enumerate())  # others may have left some in this process
    load = Load(ask)
    with load.of(3):
        assert done.wait(30)
    assert len(load.answered) >= 3
    assert set(threading.enumerate()) <= before
