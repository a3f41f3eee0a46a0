"""Lanes: who waits for whom, what goes together, what is never done, what a failure does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from pipelines.engine.job_queue import Lane
from pipelines.errors import BlockError

PATIENCE = 60
"""Seconds after which a test gives up waiting for a thread"""


class Gate:
    """Work that holds a lane until it is told to go on."""

    def __init__(self, lane: Lane, replaces: str | None = None) -> None:
        self._begun, self._open = threading.Event(), threading.Event()
        self.future = lane.submit(self._work, replaces=replaces)
        assert self._begun.wait(PATIENCE)

    def _work(self) -> str:
        self._begun.set()
        assert self._open.wait(PATIENCE)
        return "held"

    def open(self) -> None:
        """Let the lane go on."""
        self._open.set()


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test", limit=5)
    yield lane
    lane.close()


def test_work_is_done_in_another_thread_and_its_result_given(lane: Lane) -> None:
    thread = lane.submit(threading.current_thread).result(PATIENCE)
    assert thread is not None
    assert thread is not threading.current_thread()
    assert lane.busy > 0


def test_lower_numbers_go_first_and_equals_in_order_of_coming(lane: Lane) -> None:
    done: list[str] = []
    gate = Gate(lane)
    jobs = [lane.submit(lambda name=name: done.append(name), int(name[1])) for name in ("a1", "b0", "c1", "d0")]
    gate.open()
    for job in jobs:
        job.result(PATIENCE)
    assert done == ["b0", "d0", "a1", "c1"]


def test_waiting_work_that_is_overtaken_is_never_done(lane: Lane) -> None:
    done: list[int] = []
    gate = Gate(lane)
    jobs = [lane.submit(lambda n=n: done.append(n), 0, replaces="slice") for n in range(3)]
    other = lane.submit(lambda: "other", 0, replaces="another slice")
    assert [job.result(0) for job in jobs[:2]] == [None, None]
    gate.open()
    assert jobs[2].exception(PATIENCE) is None
    assert other.result(PATIENCE) == "other"
    assert done == [2]
    assert lane.dropped == 2


def test_work_that_has_begun_cannot_be_overtaken(lane: Lane) -> None:
    first = Gate(lane, replaces="slice")
    second = lane.submit(lambda: "second", replaces="slice")
    first.open()
    assert (first.future.result(PATIENCE), second.result(PATIENCE)) == ("held", "second")
    assert lane.dropped == 0


def test_overtaken_work_takes_no_room_in_the_queue(lane: Lane) -> None:
    gate = Gate(lane)
    jobs = [lane.submit(lambda: "read", replaces="slice") for _ in range(50)]
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == [None] * 49 + ["read"]


def test_overtaking_at_the_moment_of_starting_loses_nothing(lane: Lane) -> None:
    for _ in range(300):
        jobs = [lane.submit(lambda: "read", replaces="slice") for _ in range(3)]
        assert jobs[-1].result(PATIENCE) == "read"
        assert {job.result(PATIENCE) for job in jobs[:-1]} <= {None, "read"}


def test_an_exception_reaches_who_waits_and_the_lane_goes_on(lane: Lane) -> None:
    failed = lane.submit(lambda: 1 // 0)
    assert isinstance(failed.exception(PATIENCE), ZeroDivisionError)
    assert lane.submit(lambda: "next").result(PATIENCE) == "next"


def test_more_than_the_limit_is_refused_until_there_is_room(lane: Lane) -> None:
    gate = Gate(lane)
    jobs = [lane.submit(lambda: "done") for _ in range(5)]
    with pytest.raises(BlockError, match="more than 5 jobs are waiting"):
        lane.submit(lambda: "refused")
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == ["done"] * 5
    assert lane.submit(lambda: "again").result(PATIENCE) == "again"


def test_closing_ends_what_runs_and_cancels_what_waits() -> None:
    lane = Lane("test")
    gate = Gate(lane)
    waiting = lane.submit(lambda: "never")
    closing = threading.Thread(target=lane.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    gate.open()
    closing.join(PATIENCE)
    assert gate.future.result(PATIENCE) == "held"
    assert not lane._thread.is_alive()
    with pytest.raises(BlockError, match="the engine is closed"):
        lane.submit(lambda: "late")


def test_a_lane_is_closed_once_or_twice() -> None:
    lane = Lane("test")
    lane.close()
    lane.close()


class Batches:
    """A lane that tells which of its items went together; the item "hold" keeps it until it is let go."""

    def __init__(self, **options: Any) -> None:
        self.done: list[list[Any]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self.lane = Lane("test", work=self._work, **options)

    def _work(self, items: list[Any]) -> list[Any]:
        if "hold" in items:
            self.begun.set()
            assert self.go.wait(PATIENCE)
        if "bad" in items:
            raise ValueError("bad")
        self.done.append([item for item in items if item != "hold"])
        return [f"{item} done" for item in items]

    def hold(self) -> None:
        """Keep the lane busy until `run`."""
        self.lane.submit("hold", -1, owner="holder")
        assert self.begun.wait(PATIENCE)

    def run(self, *futures: Any) -> list[list[Any]]:
        """Let it go and give the batches it made of what these futures stand for."""
        self.go.set()
        for future in futures:
            future.exception(PATIENCE)
        self.lane.close()
        return [batch for batch in self.done if batch]


def test_alike_jobs_that_wait_go_together_up_to_the_most() -> None:
    batches = Batches(most=3)
    batches.hold()
    futures = [batches.lane.submit(n, owner=n) for n in range(5)]
    assert batches.run(*futures) == [[0, 1, 2], [3, 4]]
    assert [future.result() for future in futures] == [f"{n} done" for n in range(5)]


def test_jobs_that_are_not_alike_or_of_another_rank_do_not_go_together() -> None:
    batches = Batches(most=8)
    batches.hold()
    kinds = [(0, "a"), (0, "b"), (1, "a"), (0, "a")]
    futures = [batches.lane.submit((rank, kind), rank, owner=n, alike=kind) for n, (rank, kind) in enumerate(kinds)]
    assert batches.run(*futures) == [[(0, "a"), (0, "a")], [(0, "b")], [(1, "a")]]


def test_two_jobs_of_one_owner_stay_apart_where_one_needs_the_other() -> None:
    batches = Batches(most=8, apart=True)
    batches.hold()
    futures = [batches.lane.submit(name, owner=name[0]) for name in ("a1", "a2", "b1")]
    assert batches.run(*futures) == [["a1", "b1"], ["a2"]]


def test_one_who_sends_much_does_not_keep_the_others_waiting() -> None:
    batches = Batches()
    batches.hold()
    futures = [batches.lane.submit(f"hour {n}", owner="recording", cost=5.0) for n in range(6)]
    futures += [batches.lane.submit(f"live {n}", owner="live", cost=5.0) for n in range(2)]
    order = [item for batch in batches.run(*futures) for item in batch]
    assert order[:4] == ["hour 0", "live 0", "hour 1", "live 1"]
    assert order[4:] == [f"hour {n}" for n in range(2, 6)]


def test_who_was_idle_has_saved_up_no_turns() -> None:
    batches = Batches()
    for n in range(5):
        batches.lane.submit(n, owner="steady").result(PATIENCE)
    batches.hold()
    futures = [batches.lane.submit(name, owner=name[:4]) for name in ("idle 1", "idle 2", "idle 3", "stead")]
    assert batches.run(*futures)[5:] == [["idle 1"], ["stead"], ["idle 2"], ["idle 3"]]


def test_one_bad_job_spoils_no_other_of_its_batch() -> None:
    batches = Batches(most=3)
    batches.hold()
    futures = [batches.lane.submit(item, owner=item) for item in ("good", "bad", "fine")]
    batches.run(*futures)
    assert isinstance(futures[1].exception(), ValueError)
    assert [futures[n].result() for n in (0, 2)] == ["good done", "fine done"]


def test_a_job_waits_for_company_only_where_there_is_some() -> None:
    alone = Batches(most=4, patience=PATIENCE)
    for _ in range(2):
        alone.lane.submit("mine", owner="me").result(PATIENCE / 2)
    alone.lane.close()
    batches = Batches(most=4, patience=PATIENCE)
    batches.hold()
    first = batches.lane.submit("first", owner="me")
    batches.go.set()
    time.sleep(0.05)
    assert not first.done()
    second = batches.lane.submit("second", owner="you")
    third = batches.lane.submit("third", owner="holder")
    assert batches.run(first, second, third) == [["first", "second", "third"]]


def test_a_lane_knows_what_it_spent_on_what_is_urgent() -> None:
    lane = Lane("test")
    for rank in (0, 1, 2):
        lane.submit(lambda: time.sleep(0.01), rank).result(PATIENCE)
    lane.close()
    assert 0.0 < lane.spent(0) < lane.spent(1) < lane.spent(2) == pytest.approx(lane.busy)


def test_a_thousand_owners_that_came_and_went_leave_nothing_behind() -> None:
    lane = Lane("test")
    for owner in range(3000):
        lane.submit(lambda: None, owner=owner)
    lane.submit(lambda: None, rank=5).result(PATIENCE)
    assert len(lane._turns) <= 1024
    lane.close()
