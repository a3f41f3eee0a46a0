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

LIMIT = 4096
"""Jobs that may wait in a lane; more are refused, which the pipeline reports as a failed block"""
AROUND = 1.0
"""Seconds for which who gave a job is expected to give another: company worth waiting for"""
MOST_OWNERS = 1024
"""Owners whose share is remembered; the one served longest ago is forgotten first"""


@dataclass(slots=True, eq=False)
class _Job:
    rank: int
    start: float
    cost: float
    """When its owner's turn begins, in the lane's own time: seconds of work that it has handed out to each"""
    number: int
    item: Any
    future: Future[Any]
    owner: Hashable
    replaces: Hashable
    alike: Hashable
    since: float

    @property
    def order(self) -> tuple[int, float, int]:
        """The lowest is done first."""
        return self.rank, self.start, self.number


def call_each(items: Sequence[Callable[[], Any]]) -> list[Any]:
    """The work of a lane whose jobs are functions."""
    return [item() for item in items]


class Lane:
    """One worker thread and its bounded queue.

    The lowest rank goes first. Within a rank owners take turns by the work they cause (start-time fair queueing:
    Goyal, Vin and Cheng, 1996), so that one who sends an hour at once does not keep those waiting who speak now;
    one owner's jobs of a rank are done in the order of their coming.
    """

    def __init__(
        self,
        name: str,
        limit: int = LIMIT,
        work: Callable[[list[Any]], Sequence[Any]] = call_each,
        most: int = 1,
        patience: float = 0.0,
        apart: bool = False,
    ) -> None:
        """`work` does up to `most` jobs at once and gives a result for each, in order; `apart`: never two of one owner.

        A job waits at most `patience` seconds for others to go with it, and only where others may be expected.
        """
        self.name = name
        self._limit = limit
        self._work = work
        self._most = most
        self._patience = patience
        self._apart = apart
        self._changed = threading.Condition()
        self._queue: list[_Job] = []
        self._latest: dict[Hashable, _Job] = {}
        self._count = 0
        self._closed = False
        self._turns: dict[tuple[Hashable, int], float] = {}  # where each owner's next turn begins, by rank
        self._time: dict[int, float] = {}  # the turn that each rank has come to
        self._seen: dict[Hashable, float] = {}
        self.busy = 0.0
        """Seconds of computing so far"""
        self.dropped = 0
        """Jobs overtaken before they started"""
        self._busy_by_rank: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def submit(
        self,
        item: Any,
        rank: int = 0,
        replaces: Hashable = None,
        owner: Hashable = None,
        cost: float = 1.0,
        alike: Hashable = None,
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
                self._give_back(overtaken)
                self.dropped += 1
            if len(self._queue) >= self._limit:
                raise BlockError(self.name, f"more than {self._limit} jobs are waiting")
            self._count += 1
            now = time.perf_counter()
            start = self._turn(owner, rank, cost)
            job = _Job(rank, start, cost, self._count, item, Future(), owner, replaces, alike, now)
            self._see(owner, now)
            if replaces is not None:
                self._latest[replaces] = job
            self._queue.append(job)
            self._changed.notify()
        if overtaken is not None and overtaken.future.set_running_or_notify_cancel():
            overtaken.future.set_result(None)
        return job.future

    def spent(self, rank: int) -> float:
        """Seconds of computing so far for jobs of this rank or a lower one."""
        with self._changed:
            return sum(seconds for of, seconds in self._busy_by_rank.items() if of <= rank)

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

    def _turn(self, owner: Hashable, rank: int, cost: float) -> float:
        start = max(self._time.get(rank, 0.0), self._turns.pop((owner, rank), 0.0))
        self._turns[owner, rank] = start + cost
        while len(self._turns) > MOST_OWNERS:
            del self._turns[next(iter(self._turns))]
        return start

    def _give_back(self, job: _Job) -> None:
        """Its owner has not had this turn."""
        if (job.owner, job.rank) in self._turns:
            self._turns[job.owner, job.rank] -= job.cost

    def _see(self, owner: Hashable, now: float) -> None:
        self._seen.pop(owner, None)
        self._seen[owner] = now
        while self._seen[oldest := next(iter(self._seen))] < now - AROUND:
            del self._seen[oldest]

    def _next(self) -> list[_Job]:
        """The next batch; empty when the lane is closed."""
        with self._changed:
            while True:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return []
                batch = self._batch()
                missing = self._patience - (time.perf_counter() - min(job.since for job in batch))
                around = len({job.owner for job in batch} | set(self._seen))
                if missing <= 0 or len(batch) >= min(self._most, around) or self._closed:
                    break
                self._changed.wait(missing)
            for job in batch:
                self._queue.remove(job)
                if job.replaces is not None and self._latest.get(job.replaces) is job:
                    del self._latest[job.replaces]
            self._time[batch[0].rank] = batch[0].start
            return batch

    def _batch(self) -> list[_Job]:
        first = min(self._queue, key=lambda job: job.order)
        if self._most == 1:
            return [first]
        alike = [job for job in self._queue if (job.rank, job.alike) == (first.rank, first.alike)]
        alike.sort(key=lambda job: job.order)
        if self._apart:
            foremost: dict[Hashable, _Job] = {}
            for job in alike:
                foremost.setdefault(job.owner, job)
            alike = list(foremost.values())
        return alike[: self._most]

    # Without it

    def _run(self) -> None:
        while batch := self._next():
            running = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if running:
                self._do(running)

    def _do(self, batch: list[_Job]) -> None:
        began = time.perf_counter()
        try:
            results: Sequence[Any] | Exception = self._work([job.item for job in batch])
        except Exception as error:
            results = error
        seconds = time.perf_counter() - began
        with self._changed:
            self.busy += seconds
            rank = batch[0].rank
            self._busy_by_rank[rank] = self._busy_by_rank.get(rank, 0.0) + seconds
        if not isinstance(results, Exception):
            for job, result in zip(batch, results, strict=True):
                job.future.set_result(result)
        elif len(batch) == 1:
            batch[0].future.set_exception(results)
        else:  # one of them is at fault; the others have nothing to do with it
            for job in batch:
                self._do([job])
