"""Replicas that serve models: queues with finals before partials, batches, and replicas that die and come back.

An event simulation with SimPy. A call goes to the replica with the shorter queue of two that are drawn, as Ray Serve's
router does by default; a replica serves finals first, several calls together where its model can, and waits a moment
for others to go with them. A partial result that a longer one of the same utterance overtakes is never computed. What a
replica held when it died is asked again of others once that is noticed.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import simpy

from benchmarks.cluster_simulation.assumptions import Cost
from benchmarks.cluster_simulation.core.speech import Call, Kind

Events = Generator[simpy.Event, Any, None]


class Death(NamedTuple):
    """Replicas that die together, as those of one node do."""

    time: float
    replicas: int
    noticed_after: float
    """Seconds until what they held is asked of others"""
    back_after: float
    """Seconds until as many serve again"""


@dataclass
class Served:
    """What came of the calls."""

    delays: dict[Kind, list[tuple[float, float]]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    """Of each that was answered: when it was asked, and seconds from when the last of its audio was spoken"""
    overtaken: int = 0
    """Partial results that were never computed"""
    asked_again: int = 0
    """Calls that a dead replica had held"""
    busy: float = 0.0
    """Seconds of computing, all replicas together"""
    calls: int = 0
    batches: int = 0

    def late(self, kind: Kind, since: float = 0.0, until: float = float("inf")) -> list[float]:
        """Seconds of the calls of one kind that were asked in some time."""
        return [delay for asked, delay in self.delays[kind] if since <= asked < until]


@dataclass(eq=False)
class _Job:
    call: Call
    number: int
    overtaken: bool = False


@dataclass(eq=False)
class _Replica:
    queue: list[tuple[int, int, _Job]] = field(default_factory=list)
    wake: simpy.Event | None = None
    running: list[_Job] = field(default_factory=list)
    process: simpy.Process | None = None

    @property
    def load(self) -> int:
        return len(self.queue) + len(self.running)


class Pool:
    """Replicas of one model; `serve` simulates them once."""

    def __init__(
        self,
        cost: Cost,
        replicas: int,
        random: np.random.Generator,
        *,
        batch_wait: float = 0.0,
        added: float = 0.0,
        slowdown: float = 1.0,
    ) -> None:
        """`batch_wait` seconds may a call wait for others, `added` are on the way there and back, and computing takes
        `slowdown` times as long as it does alone."""
        self._cost = cost
        self._random = random
        self._batch_wait = batch_wait if cost.max_batch > 1 else 0.0
        self._added = added
        self._slowdown = slowdown
        self._replicas = [_Replica() for _ in range(replicas)]
        self._live: list[_Replica] = []
        self._latest: dict[tuple[int, int], _Job] = {}
        self._numbers = 0
        self._environment = simpy.Environment()
        self._served = Served()

    def serve(self, calls: Sequence[Call], deaths: Sequence[Death] = ()) -> Served:
        """Simulate until every call is answered or overtaken."""
        for replica in self._replicas:
            self._start(replica)
        self._environment.process(self._arrivals(calls))
        for death in deaths:
            self._environment.process(self._die(death))
        self._environment.run()
        return self._served

    def _start(self, replica: _Replica) -> None:
        self._live.append(replica)
        replica.process = self._environment.process(self._work(replica))

    def _arrivals(self, calls: Sequence[Call]) -> Events:
        for call in calls:
            if call.time > self._environment.now:
                yield self._environment.timeout(call.time - self._environment.now)
            self._numbers += 1
            self._submit(_Job(call, self._numbers))

    def _submit(self, job: _Job) -> None:
        if job.call.kind is not Kind.WINDOW:
            key = (job.call.source, job.call.utterance)
            before = self._latest.pop(key, None)
            if before is not None:
                before.overtaken = True
                self._served.overtaken += 1
            if job.call.kind is Kind.PARTIAL:
                self._latest[key] = job
        self._enqueue(job)

    def _enqueue(self, job: _Job) -> None:
        replica = self._choose()
        heapq.heappush(replica.queue, (int(job.call.kind), job.number, job))
        if replica.wake is not None and not replica.wake.triggered:
            replica.wake.succeed()

    def _choose(self) -> _Replica:
        live = self._live
        if len(live) < 2:
            return live[0] if live else self._replicas[0]  # waits there until it is back
        first, second = self._random.integers(len(live)), self._random.integers(len(live) - 1)
        one, other = live[first], live[second + (second >= first)]
        return one if one.load <= other.load else other

    def _work(self, replica: _Replica) -> Events:
        try:
            while True:
                while not self._has_work(replica):
                    yield from self._sleep(replica)
                if self._batch_wait and len(replica.queue) < self._cost.max_batch:
                    yield self._environment.timeout(self._batch_wait)
                batch = self._take(replica)
                if not batch:
                    continue
                seconds = self._slowdown * self._cost.seconds(len(batch), sum(job.call.audio for job in batch))
                replica.running = batch
                yield self._environment.timeout(seconds)
                replica.running = []
                self._answered(batch, seconds)
        except simpy.Interrupt:
            return

    def _sleep(self, replica: _Replica) -> Events:
        replica.wake = self._environment.event()
        yield replica.wake
        replica.wake = None

    def _has_work(self, replica: _Replica) -> bool:
        while replica.queue and replica.queue[0][2].overtaken:
            heapq.heappop(replica.queue)
        return bool(replica.queue)

    def _take(self, replica: _Replica) -> list[_Job]:
        """The calls of the foremost kind, as many as go together."""
        batch: list[_Job] = []
        while self._has_work(replica) and len(batch) < self._cost.max_batch:
            if batch and replica.queue[0][0] != batch[0].call.kind:
                break
            job = heapq.heappop(replica.queue)[2]
            key = (job.call.source, job.call.utterance)
            if self._latest.get(key) is job:
                del self._latest[key]
            batch.append(job)
        return batch

    def _answered(self, batch: Sequence[_Job], seconds: float) -> None:
        served, now = self._served, self._environment.now + self._added
        served.busy += seconds
        served.batches += 1
        served.calls += len(batch)
        for job in batch:
            served.delays[job.call.kind].append((job.call.time, now - job.call.spoken))

    def _die(self, death: Death) -> Events:
        yield self._environment.timeout(death.time)
        dead, self._live = self._live[: death.replicas], self._live[death.replicas :]
        held: list[_Job] = []
        for replica in dead:
            assert replica.process is not None
            replica.process.interrupt()
            held += [*replica.running, *(job for _, _, job in sorted(replica.queue, key=lambda one: one[:2]))]
            replica.running, replica.queue, replica.wake = [], [], None
        yield self._environment.timeout(death.noticed_after)
        for job in held:
            if not job.overtaken:
                self._served.asked_again += 1
                self._enqueue(job)
        yield self._environment.timeout(max(0.0, death.back_after - death.noticed_after))
        for replica in dead:
            self._start(replica)
