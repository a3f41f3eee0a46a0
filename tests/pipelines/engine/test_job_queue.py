"""Job queues: who waits for whom, what goes together, what is never done, what a failure does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from pipelines.engine.job_queue import JobQueue, call_each
from pipelines.errors import BlockError

PATIENCE = 60
"""Seconds after which a test gives up waiting for a thread"""


class Gate:
    """Work that holds a queue until it is told to go on."""

    def __init__(self, queue: JobQueue, replaces: str | None = None) -> None:
        self._begun, self._open = threading.Event(), threading.Event()
        self.future = queue.submit(self._work, replaces=replaces)
        assert self._begun.wait(PATIENCE)

    def _work(self) -> str:
        self._begun.set()
        assert self._open.wait(PATIENCE)
        return "held"

    def open(self) -> None:
        """Let the queue go on."""
        self._open.set()


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    queue = JobQueue("test", call_each, max_waiting=5)
    queue.start()
    yield queue
    queue.close()


def test_work_is_done_in_another_thread_and_its_result_given(queue: JobQueue) -> None:
    thread = queue.submit(threading.current_thread).result(PATIENCE)
    assert thread is not None
    assert thread is not threading.current_thread()
    assert queue.busy_seconds > 0


def test_lower_numbers_go_first_and_equals_in_order_of_coming(queue: JobQueue) -> None:
    done: list[str] = []
    gate = Gate(queue)
    jobs = [queue.submit(lambda name=name: done.append(name), int(name[1])) for name in ("a1", "b0", "c1", "d0")]
    gate.open()
    for job in jobs:
        job.result(PATIENCE)
    assert done == ["b0", "d0", "a1", "c1"]


def test_waiting_work_that_is_overtaken_is_never_done(queue: JobQueue) -> None:
    done: list[int] = []
    gate = Gate(queue)
    jobs = [queue.submit(lambda n=n: done.append(n), 0, replaces="utterance") for n in range(3)]
    other = queue.submit(lambda: "other", 0, replaces="another utterance")
    assert [job.result(0) for job in jobs[:2]] == [None, None]
    gate.open()
    assert jobs[2].exception(PATIENCE) is None
    assert other.result(PATIENCE) == "other"
    assert done == [2]


def test_work_that_must_be_done_overtakes_and_is_not_overtaken(queue: JobQueue) -> None:
    gate = Gate(queue)
    partial = queue.submit(lambda: "partial", replaces="utterance")
    committing = queue.submit(lambda: "committing", replaces="utterance", must_be_done=True)
    last = queue.submit(lambda: "last", replaces="utterance")
    gate.open()
    assert [job.result(PATIENCE) for job in (partial, committing, last)] == [None, "committing", "last"]


def test_work_that_has_begun_cannot_be_overtaken(queue: JobQueue) -> None:
    first = Gate(queue, replaces="utterance")
    second = queue.submit(lambda: "second", replaces="utterance")
    first.open()
    assert (first.future.result(PATIENCE), second.result(PATIENCE)) == ("held", "second")


def test_overtaken_work_takes_no_room_in_the_queue(queue: JobQueue) -> None:
    gate = Gate(queue)
    jobs = [queue.submit(lambda: "read", replaces="utterance") for _ in range(50)]
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == [None] * 49 + ["read"]


def test_overtaking_at_the_moment_of_starting_loses_nothing(queue: JobQueue) -> None:
    for _ in range(300):
        jobs = [queue.submit(lambda: "read", replaces="utterance") for _ in range(3)]
        assert jobs[-1].result(PATIENCE) == "read"
        assert {job.result(PATIENCE) for job in jobs[:-1]} <= {None, "read"}


def test_an_exception_reaches_who_waits_and_the_lane_goes_on(queue: JobQueue) -> None:
    failed = queue.submit(lambda: 1 // 0)
    assert isinstance(failed.exception(PATIENCE), ZeroDivisionError)
    assert queue.submit(lambda: "next").result(PATIENCE) == "next"


def test_more_than_the_limit_is_refused_until_there_is_room(queue: JobQueue) -> None:
    gate = Gate(queue)
    jobs = [queue.submit(lambda: "done") for _ in range(5)]
    with pytest.raises(BlockError, match="more than 5 jobs are waiting"):
        queue.submit(lambda: "refused")
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == ["done"] * 5
    assert queue.submit(lambda: "again").result(PATIENCE) == "again"


@pytest.mark.parametrize("workers", [1, 2])
def test_closing_ends_what_runs_and_cancels_what_waits(workers: int) -> None:
    queue = JobQueue("test", call_each, workers=workers)
    queue.start()
    gates = [Gate(queue) for _ in range(workers)]
    waiting = queue.submit(lambda: "never")
    closing = threading.Thread(target=queue.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    for gate in gates:
        gate.open()
    closing.join(PATIENCE)
    assert [gate.future.result(PATIENCE) for gate in gates] == ["held"] * workers
    assert not any(thread.is_alive() for thread in queue._threads)
    with pytest.raises(BlockError, match="the engine is closed"):
        queue.submit(lambda: "late")


def test_a_lane_is_closed_once_or_twice() -> None:
    queue = JobQueue("test", call_each)
    queue.start()
    queue.close()
    queue.close()


class Batches:
    """A queue that tells which of its items went together; the item "hold" keeps it until it is let go."""

    def __init__(self, **options: Any) -> None:
        self.done: list[list[Any]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self.queue = JobQueue("test", self._work, **options)
        self.queue.start()

    def _work(self, items: list[Any]) -> list[Any]:
        if "hold" in items:
            self.begun.set()
            assert self.go.wait(PATIENCE)
        if "bad" in items:
            raise ValueError("bad")
        self.done.append([item for item in items if item != "hold"])
        return [f"{item} done" for item in items]

    def hold(self) -> None:
        """Keep the queue busy until `run`."""
        self.queue.submit("hold", -1, owner="holder")
        assert self.begun.wait(PATIENCE)

    def run(self, *futures: Any) -> list[list[Any]]:
        """Let it go and give the batches it made of what these futures stand for."""
        self.go.set()
        for future in futures:
            future.exception(PATIENCE)
        self.queue.close()
        return [batch for batch in self.done if batch]


def test_alike_jobs_that_wait_go_together_up_to_the_most() -> None:
    batches = Batches(max_batch=3)
    batches.hold()
    futures = [batches.queue.submit(n, owner=n) for n in range(5)]
    assert batches.run(*futures) == [[0, 1, 2], [3, 4]]
    assert [future.result() for future in futures] == [f"{n} done" for n in range(5)]


def test_jobs_that_are_not_alike_or_of_another_rank_do_not_go_together() -> None:
    batches = Batches(max_batch=8)
    batches.hold()
    kinds = [(0, "a"), (0, "b"), (1, "a"), (0, "a")]
    futures = [
        batches.queue.submit((rank, kind), rank, owner=n, batch_key=kind) for n, (rank, kind) in enumerate(kinds)
    ]
    assert batches.run(*futures) == [[(0, "a"), (0, "a")], [(0, "b")], [(1, "a")]]


def test_two_jobs_of_one_owner_stay_apart_where_one_needs_the_other() -> None:
    batches = Batches(max_batch=8, one_per_owner=True)
    batches.hold()
    futures = [batches.queue.submit(name, owner=name[0]) for name in ("a1", "a2", "b1")]
    assert batches.run(*futures) == [["a1", "b1"], ["a2"]]


def test_one_who_sends_much_does_not_keep_the_others_waiting() -> None:
    batches = Batches()
    batches.hold()
    futures = [batches.queue.submit(f"hour {n}", owner="recording", cost=5.0) for n in range(6)]
    futures += [batches.queue.submit(f"live {n}", owner="live", cost=5.0) for n in range(2)]
    order = [item for batch in batches.run(*futures) for item in batch]
    assert order[:4] == ["hour 0", "live 0", "hour 1", "live 1"]
    assert order[4:] == [f"hour {n}" for n in range(2, 6)]


def test_who_was_idle_has_saved_up_no_turns() -> None:
    batches = Batches()
    for n in range(5):
        batches.queue.submit(n, owner="steady").result(PATIENCE)
    batches.hold()
    futures = [batches.queue.submit(name, owner=name[:4]) for name in ("idle 1", "idle 2", "idle 3", "stead")]
    assert batches.run(*futures)[5:] == [["idle 1"], ["stead"], ["idle 2"], ["idle 3"]]


def test_one_bad_job_spoils_no_other_of_its_batch() -> None:
    batches = Batches(max_batch=3)
    batches.hold()
    futures = [batches.queue.submit(item, owner=item) for item in ("good", "bad", "fine")]
    batches.run(*futures)
    assert isinstance(futures[1].exception(), ValueError)
    assert [futures[n].result() for n in (0, 2)] == ["good done", "fine done"]


def test_a_job_waits_for_company_only_where_there_is_some() -> None:
    alone = Batches(max_batch=4, max_wait=PATIENCE)
    for _ in range(2):
        alone.queue.submit("mine", owner="me").result(PATIENCE / 2)
    alone.queue.close()
    batches = Batches(max_batch=4, max_wait=PATIENCE)
    batches.hold()
    first = batches.queue.submit("first", owner="me")
    batches.go.set()
    time.sleep(0.05)
    assert not first.done()
    second = batches.queue.submit("second", owner="you")
    third = batches.queue.submit("third", owner="holder")
    assert batches.run(first, second, third) == [["first", "second", "third"]]


def test_a_lane_knows_what_it_spent_on_what_is_urgent() -> None:
    queue = JobQueue("test", call_each)
    queue.start()
    for rank in (0, 1, 2):
        queue.submit(lambda: time.sleep(0.01), rank).result(PATIENCE)
    queue.close()
    assert (
        0.0
        < queue.busy_seconds_up_to(0)
        < queue.busy_seconds_up_to(1)
        < queue.busy_seconds_up_to(2)
        == pytest.approx(queue.busy_seconds)
    )


@pytest.mark.slow
def test_a_thousand_owners_that_came_and_went_leave_nothing_behind() -> None:
    queue = JobQueue("test", call_each)
    queue.start()
    for owner in range(3000):
        queue.submit(lambda: None, owner=owner)
    queue.submit(lambda: None, priority=5).result(PATIENCE)
    assert len(queue._next_starts) <= 1024
    queue.close()


@pytest.fixture
def two_workers() -> Iterator[JobQueue]:
    queue = JobQueue("test", call_each, one_per_owner=True, workers=2)
    queue.start()
    yield queue
    queue.close()


def test_two_workers_serve_two_owners_at_the_same_time(two_workers: JobQueue) -> None:
    both = threading.Barrier(2)
    jobs = [two_workers.submit(lambda: both.wait(PATIENCE), owner=owner) for owner in "ab"]
    assert sorted(job.result(PATIENCE) for job in jobs) == [0, 1]


def test_one_owners_jobs_are_done_one_after_the_other_however_many_workers_there_are(two_workers: JobQueue) -> None:
    now: dict[str, int] = {}
    most: list[int] = []
    done: list[tuple[str, int]] = []

    def work(owner: str, number: int) -> None:
        now[owner] = now.get(owner, 0) + 1
        most.append(now[owner])
        time.sleep(0.001)
        done.append((owner, number))
        now[owner] -= 1

    jobs = [two_workers.submit(lambda o=o, n=n: work(o, n), owner=o) for n in range(20) for o in "abc"]
    for job in jobs:
        assert job.exception(PATIENCE) is None
    assert max(most) == 1
    for owner in "abc":
        assert [number for of, number in done if of == owner] == list(range(20))


def test_a_worker_passes_over_an_owner_who_is_being_served_and_comes_back_to_it(two_workers: JobQueue) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(PATIENCE)

    first = two_workers.submit(hold, owner="a")
    assert begun.wait(PATIENCE)
    second = two_workers.submit(lambda: "a", owner="a")
    assert two_workers.submit(lambda: "b", owner="b").result(PATIENCE) == "b"
    assert not second.done()
    go.set()
    assert first.exception(PATIENCE) is None
    assert second.result(PATIENCE) == "a"


def test_an_owner_whose_job_failed_or_was_given_up_is_served_again(two_workers: JobQueue) -> None:
    assert isinstance(two_workers.submit(lambda: 1 / 0, owner="a").exception(PATIENCE), ZeroDivisionError)
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(PATIENCE)

    two_workers.submit(hold, owner="a")
    assert begun.wait(PATIENCE)
    given_up = two_workers.submit(lambda: "never", owner="a")
    assert given_up.cancel()
    go.set()
    assert two_workers.submit(lambda: "again", owner="a").result(PATIENCE) == "again"


def test_what_workers_compute_at_the_same_time_counts_for_each(two_workers: JobQueue) -> None:
    both = threading.Barrier(2)

    def work() -> None:
        both.wait(PATIENCE)
        time.sleep(0.05)

    for job in [two_workers.submit(work, owner=owner) for owner in "ab"]:
        assert job.exception(PATIENCE) is None
    two_workers.close()
    assert two_workers.busy_seconds >= 0.1
