"""Several engines, one to a GPU: meetings are spread over them, and each stays where it began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine


class EnginePool:
    """Looks like one engine from outside; a pipeline works with the one that `take` gives."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        """At least one; all have the same models."""
        self.engines = tuple(engines)

    @property
    def models(self) -> dict[str, Any]:
        """Which models serve and why, as sent to clients."""
        first = self.engines[0].models
        why = str(first["why"]).removesuffix(".")
        device = str(first["device"]).partition(":")[0]
        return {**first, "device": device, "why": f"{why}; a copy on each of {len(self.engines)} GPUs."}

    @property
    def thresholds(self) -> Thresholds:
        """Distances of the embedding model."""
        return self.engines[0].thresholds

    @property
    def capacity(self) -> int | None:
        """Live meetings that all of them carry; None where one was not measured."""
        each = [engine.capacity for engine in self.engines]
        known = [capacity for capacity in each if capacity is not None]
        return sum(known) if len(known) == len(each) else None

    def assign(self) -> Engine:
        """The engine for one more pipeline: that with the fewest, and of those the least loaded."""
        return min(self.engines, key=lambda engine: (engine.sources, engine.load))

    def close(self) -> None:
        """Stop all of them."""
        for engine in self.engines:
            engine.close()
