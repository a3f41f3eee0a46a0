"""Worker threads and what waits for them: order, fairness, batches, and what is never done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from pipelines.errors import BlockError
from pipelines.timing import Histogram

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WAITING = 4096
"""Jobs that may wait; more are refused, which the pipeline reports as a failed block"""
ACTIVE_FOR = 1.0
"""Seconds after a job in which its owner is expected to give another, so that it is worth waiting for a larger batch"""
MAX_OWNERS = 1024
"""Owners whose share is remembered; the one served longest ago is forgotten first"""
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32)
"""Ranges in which sizes of batches are counted"""
SECONDS_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Ranges in which seconds of waiting and of computing are counted"""
CLOSE_TIMEOUT = 30.0
"""Seconds that the workers have to finish what they are doing"""


@dataclass(slots=True, eq=False)
class _Job(Generic[Item, Result]):
    priority: int
    start: float
    """When its owner's turn begins, in virtual time: the cost of the work that each owner has been given so far"""
    cost: float
    number: int
    """In the order of coming"""
    item: Item
    future: Future[Result | None]
    owner: Hashable
    replaces: Hashable
    batch_key: Hashable
    queued_at: float
    """By `time.perf_counter`"""

    @property
    def order(self) -> tuple[int, float, int]:
        """The lowest is done first."""
        return self.priority, self.start, self.number


def call_each(items: Sequence[Callable[[], Any]]) -> list[Any]:
    """The work of a queue whose jobs are functions."""
    return [item() for item in items]


class JobQueue(Generic[Item, Result]):
    """A bounded queue and the threads that work on it, between `start` and `close`; also a context manager.

    The lowest priority number goes first. Within a priority owners take turns by the work that they cause (start-time
    fair queueing: Goyal, Vin and Cheng, "Start-time fair queueing: a scheduling algorithm for integrated services
    packet switching networks", 1996), so that one who sends an hour at once does not keep those waiting who speak now.
    One owner's jobs of a priority have their turns in the order of their coming.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Item]], Sequence[Result]],
        *,
        max_waiting: int = MAX_WAITING,
        max_batch: int = 1,
        max_wait: float = 0.0,
        one_per_owner: bool = False,
        workers: int = 1,
    ) -> None:
        """`work` does up to `max_batch` items at once and gives a result for each, in order.

        A job waits at most `max_wait` seconds for others to go with it, and only where others may be expected. With
        `one_per_owner` no two jobs of the same owner are done at the same time. `workers` threads call `work`, each
        with batches of its own; they are called `engine-` and the name.
        """
        self.name = name
        self._work = work
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._one_per_owner = one_per_owner
        self.workers = workers
        self._changed = threading.Condition()
        self._queue: list[_Job[Item, Result]] = []
        self._latest: dict[Hashable, _Job[Item, Result]] = {}  # the waiting job of each `replaces`
        self._count = 0
        self._closed = False
        self._running: set[Hashable] = set()  # owners whose jobs are being done, with `one_per_owner`
        self._next_starts: dict[tuple[Hashable, int], float] = {}  # where each owner's next turn begins, by priority
        self._virtual_time: dict[int, float] = {}  # the start of the job that was last done, by priority
        self._active: dict[Hashable, float] = {}  # when each owner last gave a job; the earliest first
        self.busy_seconds = 0.0
        """Seconds of computing so far, of all workers together"""
        self.batch_sizes = Histogram(BATCH_BOUNDS)
        """Jobs that were done together"""
        self.work_seconds = Histogram(SECONDS_BOUNDS)
        """How long each batch took"""
        self.wait_seconds = Histogram(SECONDS_BOUNDS)
        """How long each job waited for its turn"""
        self._busy_by_priority: dict[int, float] = {}
        self._threads = [threading.Thread(target=self._run, name=f"engine-{name}", daemon=True) for _ in range(workers)]

    def start(self) -> None:
        """Begin to work; what was submitted before waits for it. At most once."""
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> JobQueue[Item, Result]:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(
        self,
        item: Item,
        priority: int = 0,
        replaces: Hashable = None,
        owner: Hashable = None,
        cost: float = 1.0,
        batch_key: Hashable = None,
        must_be_done: bool = False,
    ) -> Future[Result | None]:
        """Queue a job; its future gives None when a later job with the same `replaces` overtakes it, which none does
        where it `must_be_done`.

        `cost` is its work in any unit, to share the worker fairly between owners. Only jobs with the same priority and
        `batch_key` are done together. Raises BlockError when the queue is full or closed.
        """
        with self._changed:
            if self._closed:
                raise BlockError(self.name, "the engine is closed")
            overtaken = self._latest.pop(replaces, None) if replaces is not None else None
            if overtaken is not None:
                # out of the queue before the lock is let go, or the worker might start it all the same
                self._queue.remove(overtaken)
                self._refund(overtaken)
            if len(self._queue) >= self._max_waiting:
                raise BlockError(self.name, f"more than {self._max_waiting} jobs are waiting")
            self._count += 1
            now = time.perf_counter()
            start = self._take_turn(owner, priority, cost)
            job = _Job[Item, Result](
                priority, start, cost, self._count, item, Future(), owner, replaces, batch_key, now
            )
            self._mark_active(owner, now)
            if replaces is not None and not must_be_done:
                self._latest[replaces] = job
            self._queue.append(job)
            self._changed.notify_all()
        # outside of the lock: a future calls back in this thread
        if overtaken is not None and overtaken.future.set_running_or_notify_cancel():
            overtaken.future.set_result(None)
        return job.future

    @property
    def waiting(self) -> int:
        """Jobs that wait for their turn."""
        return len(self._queue)

    def busy_seconds_up_to(self, priority: int) -> float:
        """Seconds of computing so far, of all workers together, for jobs of this priority or a lower number."""
        with self._changed:
            return sum(seconds for of, seconds in self._busy_by_priority.items() if of <= priority)

    def close(self) -> None:
        """Finish what is being done, drop what waits: its futures are cancelled."""
        with self._changed:
            self._closed = True
            waiting, self._queue = self._queue, []
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=CLOSE_TIMEOUT)

    # With the lock held

    def _take_turn(self, owner: Hashable, priority: int, cost: float) -> float:
        """The virtual time at which a job of this owner begins; the owner's next one begins when it has been paid for.

        An owner who was idle begins at the time that has come meanwhile: what it did not use is not saved up.
        """
        start = max(self._virtual_time.get(priority, 0.0), self._next_starts.pop((owner, priority), 0.0))
        self._next_starts[owner, priority] = start + cost
        while len(self._next_starts) > MAX_OWNERS:
            del self._next_starts[next(iter(self._next_starts))]
        return start

    def _refund(self, job: _Job[Item, Result]) -> None:
        """Its owner has not had this turn: without this, partial results that are never made would use up its share."""
        if (job.owner, job.priority) in self._next_starts:
            self._next_starts[job.owner, job.priority] -= job.cost

    def _mark_active(self, owner: Hashable, now: float) -> None:
        self._active.pop(owner, None)
        self._active[owner] = now
        while self._active[oldest := next(iter(self._active))] < now - ACTIVE_FOR:
            del self._active[oldest]

    def _next_batch(self) -> list[_Job[Item, Result]]:
        """The next batch; empty when the queue is closed."""
        with self._changed:
            while True:
                while not (ready := self._ready()) and not self._closed:
                    self._changed.wait()
                if not ready:
                    return []
                batch = self._pick_batch(ready)
                remaining = self._max_wait - (time.perf_counter() - min(job.queued_at for job in batch))
                # more than one job for each owner who is there now will hardly come in so short a time
                expected = len({job.owner for job in batch} | set(self._active))
                if remaining <= 0 or len(batch) >= min(self._max_batch, expected) or self._closed:
                    break
                self._changed.wait(remaining)
            for job in batch:
                self._queue.remove(job)
                if job.replaces is not None and self._latest.get(job.replaces) is job:
                    del self._latest[job.replaces]
            # of several workers one may pass over an owner who is being served, whose turn was before
            self._virtual_time[batch[0].priority] = max(batch[0].start, self._virtual_time.get(batch[0].priority, 0.0))
            if self._one_per_owner:
                self._running.update(job.owner for job in batch)
            return batch

    def _ready(self) -> list[_Job[Item, Result]]:
        """What waits and may be begun."""
        return [job for job in self._queue if job.owner not in self._running]

    def _pick_batch(self, ready: Sequence[_Job[Item, Result]]) -> list[_Job[Item, Result]]:
        """Of what may be begun the job whose turn it is, and those that may go with it, in their order."""
        first = min(ready, key=lambda job: job.order)
        if self._max_batch == 1:
            return [first]
        candidates = [job for job in ready if (job.priority, job.batch_key) == (first.priority, first.batch_key)]
        candidates.sort(key=lambda job: job.order)
        if self._one_per_owner:
            foremost: dict[Hashable, _Job[Item, Result]] = {}
            for job in candidates:
                foremost.setdefault(job.owner, job)
            candidates = list(foremost.values())
        return candidates[: self._max_batch]

    # Without it

    def _run(self) -> None:
        while batch := self._next_batch():
            running = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if running:
                self._run_batch(running)
            with self._changed:
                self._running.difference_update(job.owner for job in batch)
                self._changed.notify_all()

    def _run_batch(self, batch: list[_Job[Item, Result]]) -> None:
        began = time.perf_counter()
        self.batch_sizes.add(len(batch))
        try:
            results: Sequence[Result] | Exception = self._work([job.item for job in batch])
        except Exception as error:
            results = error
        seconds = time.perf_counter() - began
        self.work_seconds.add(seconds)
        for job in batch:
            self.wait_seconds.add(began - job.queued_at)
        with self._changed:
            self.busy_seconds += seconds
            priority = batch[0].priority
            self._busy_by_priority[priority] = self._busy_by_priority.get(priority, 0.0) + seconds
        if not isinstance(results, Exception):
            for job, result in zip(batch, results, strict=True):
                job.future.set_result(result)
        elif len(batch) == 1:
            batch[0].future.set_exception(results)
        else:  # one of them is at fault; the others have nothing to do with it
            for job in batch:
                self._run_batch([job])
