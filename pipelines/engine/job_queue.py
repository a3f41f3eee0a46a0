"""One worker thread and what waits for it: order, fairness, batches, and what is never done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.errors import BlockError

T = TypeVar("T")

MAX_WAITING = 4096
"""Jobs that may wait in a lane; more are refused, which the pipeline reports as a failed block"""
ACTIVE_FOR = 1.0
"""Seconds for which who gave a job is expected to give another: company worth waiting for"""
MAX_OWNERS = 1024
"""Owners whose share is remembered; the one served longest ago is forgotten first"""


@dataclass(slots=True, eq=False)
class _Job:
    priority: int
    start: float
    cost: float
    """When its owner's turn begins, in the lane's own time: seconds of work that it has handed out to each"""
    number: int
    item: Any
    future: Future[Any]
    owner: Hashable
    replaces: Hashable
    batch_key: Hashable
    queued_at: float

    @property
    def order(self) -> tuple[int, float, int]:
        """The lowest is done first."""
        return self.priority, self.start, self.number


def call_each(items: Sequence[Callable[[], Any]]) -> list[Any]:
    """The work of a lane whose jobs are functions."""
    return [item() for item in items]


class JobQueue:
    """One worker thread and its bounded queue.

    The lowest rank goes first. Within a rank owners take turns by the work they cause (start-time fair queueing:
    Goyal, Vin and Cheng, 1996), so that one who sends an hour at once does not keep those waiting who speak now;
    one owner's jobs of a rank are done in the order of their coming.
    """

    def __init__(
        self,
        name: str,
        max_waiting: int = MAX_WAITING,
        work: Callable[[list[Any]], Sequence[Any]] = call_each,
        max_batch: int = 1,
        max_wait: float = 0.0,
        one_per_owner: bool = False,
    ) -> None:
        """`work` does up to `most` jobs at once and gives a result for each, in order; `apart`: never two of one owner.

        A job waits at most `patience` seconds for others to go with it, and only where others may be expected.
        """
        self.name = name
        self._max_waiting = max_waiting
        self._work = work
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._one_per_owner = one_per_owner
        self._changed = threading.Condition()
        self._queue: list[_Job] = []
        self._latest: dict[Hashable, _Job] = {}
        self._count = 0
        self._closed = False
        self._next_starts: dict[tuple[Hashable, int], float] = {}  # where each owner's next turn begins, by rank
        self._virtual_time: dict[int, float] = {}  # the turn that each rank has come to
        self._active: dict[Hashable, float] = {}
        self.busy_seconds = 0.0
        """Seconds of computing so far"""
        self.superseded = 0
        """Jobs overtaken before they started"""
        self._busy_by_priority: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def submit(
        self,
        item: Any,
        priority: int = 0,
        replaces: Hashable = None,
        owner: Hashable = None,
        cost: float = 1.0,
        batch_key: Hashable = None,
    ) -> Future[Any]:
        """Queue a job; its future gives None when a later job with the same `replaces` overtakes it.

        `cost` is its work in any unit, to share the lane fairly between owners; only jobs that are `alike` are done
        together. Raises BlockError when the queue is full or the lane closed.
        """
        with self._changed:
            if self._closed:
                raise BlockError(self.name, "the engine is closed")
            overtaken = self._latest.pop(replaces, None) if replaces is not None else None
            if overtaken is not None:
                # out of the queue before the lock is let go, or the worker might start it all the same
                self._queue.remove(overtaken)
                self._refund(overtaken)
                self.superseded += 1
            if len(self._queue) >= self._max_waiting:
                raise BlockError(self.name, f"more than {self._max_waiting} jobs are waiting")
            self._count += 1
            now = time.perf_counter()
            start = self._take_turn(owner, priority, cost)
            job = _Job(priority, start, cost, self._count, item, Future(), owner, replaces, batch_key, now)
            self._mark_active(owner, now)
            if replaces is not None:
                self._latest[replaces] = job
            self._queue.append(job)
            self._changed.notify()
        if overtaken is not None and overtaken.future.set_running_or_notify_cancel():
            overtaken.future.set_result(None)
        return job.future

    def busy_seconds_up_to(self, priority: int) -> float:
        """Seconds of computing so far for jobs of this rank or a lower one."""
        with self._changed:
            return sum(seconds for of, seconds in self._busy_by_priority.items() if of <= priority)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        with self._changed:
            self._closed = True
            waiting, self._queue = self._queue, []
            self._changed.notify()
        for job in waiting:
            job.future.cancel()
        self._thread.join(timeout=30)

    # With the lock held

    def _take_turn(self, owner: Hashable, priority: int, cost: float) -> float:
        start = max(self._virtual_time.get(priority, 0.0), self._next_starts.pop((owner, priority), 0.0))
        self._next_starts[owner, priority] = start + cost
        while len(self._next_starts) > MAX_OWNERS:
            del self._next_starts[next(iter(self._next_starts))]
        return start

    def _refund(self, job: _Job) -> None:
        """Its owner has not had this turn."""
        if (job.owner, job.priority) in self._next_starts:
            self._next_starts[job.owner, job.priority] -= job.cost

    def _mark_active(self, owner: Hashable, now: float) -> None:
        self._active.pop(owner, None)
        self._active[owner] = now
        while self._active[oldest := next(iter(self._active))] < now - ACTIVE_FOR:
            del self._active[oldest]

    def _next_batch(self) -> list[_Job]:
        """The next batch; empty when the lane is closed."""
        with self._changed:
            while True:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return []
                batch = self._pick_batch()
                missing = self._max_wait - (time.perf_counter() - min(job.queued_at for job in batch))
                around = len({job.owner for job in batch} | set(self._active))
                if missing <= 0 or len(batch) >= min(self._max_batch, around) or self._closed:
                    break
                self._changed.wait(missing)
            for job in batch:
                self._queue.remove(job)
                if job.replaces is not None and self._latest.get(job.replaces) is job:
                    del self._latest[job.replaces]
            self._virtual_time[batch[0].priority] = batch[0].start
            return batch

    def _pick_batch(self) -> list[_Job]:
        first = min(self._queue, key=lambda job: job.order)
        if self._max_batch == 1:
            return [first]
        candidates = [job for job in self._queue if (job.priority, job.batch_key) == (first.priority, first.batch_key)]
        candidates.sort(key=lambda job: job.order)
        if self._one_per_owner:
            foremost: dict[Hashable, _Job] = {}
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

    def _run_batch(self, batch: list[_Job]) -> None:
        began = time.perf_counter()
        try:
            results: Sequence[Any] | Exception = self._work([job.item for job in batch])
        except Exception as error:
            results = error
        seconds = time.perf_counter() - began
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
