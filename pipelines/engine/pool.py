"""Several engines, one to a GPU: meetings are spread over them, and each stays where it began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine, Engines
from pipelines.engine.job_queue import JobQueue
from pipelines.types import ModelInfo


class EnginePool(Engines):
    """Looks like one engine to its owner; a pipeline works with the one that `assign` gives."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        """At least one; all have the same models."""
        self._engines = tuple(engines)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """One for each GPU."""
        return self._engines

    @property
    def queues(self) -> tuple[JobQueue[Any, Any], ...]:
        """The job queues of all of them, one engine after the other."""
        return tuple(queue for engine in self._engines for queue in engine.queues)

    @property
    def models(self) -> ModelInfo:
        """Those of the first engine; `why` and `device` speak of all."""
        info = self._engines[0].models.copy()
        info["why"] = f"{info['why'].removesuffix('.')}; a copy on each of {len(self._engines)} GPUs."
        info["device"] = info["device"].partition(":")[0]
        return info

    @property
    def thresholds(self) -> Thresholds:
        """Distances of the embedding model."""
        return self._engines[0].thresholds

    @property
    def capacity(self) -> int | None:
        """Live meetings that all of them carry; None where one was not measured."""
        each = [engine.capacity for engine in self._engines]
        known = [capacity for capacity in each if capacity is not None]
        return sum(known) if len(known) == len(each) else None

    @property
    def stalled_seconds(self) -> float:
        """Those of the engine that waited longest."""
        return max(engine.stalled_seconds for engine in self._engines)

    def assign(self) -> Engine:
        """The engine with the fewest pipelines, and of those the least loaded."""
        return min(self._engines, key=lambda engine: (engine.sources, engine.load))

    def close(self) -> None:
        """Stop all of them."""
        for engine in self._engines:
            engine.close()
