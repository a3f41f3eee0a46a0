"""The busiest minutes of a day, call by call, and what happens to them when a node of models dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions, Models
from benchmarks.cluster_simulation.core.pool import Death, Pool, Served
from benchmarks.cluster_simulation.core.sizing import Plan, Replicas
from benchmarks.cluster_simulation.core.speech import Call, Kind, calls

WARM_UP = 10.0
"""Seconds at the beginning that are not looked at: queues fill first"""
HELD = 1.0
"""Seconds before a death from which on what was asked may be held by a replica that dies"""


@dataclass(frozen=True, slots=True)
class Peak:
    """How late finals and windows were."""

    part: int
    """One of how many sources and replicas was simulated; 1 is all of them"""
    finals: tuple[float | None, ...]
    """Seconds from the end of a line to its final text: p50, p95"""
    windows: tuple[float | None, ...]
    """The same of windows"""
    overtaken: float
    """Share of the partial results that were overtaken"""
    speech_busy: float
    """Share of their time that replicas compute"""
    windows_busy: float
    finals_then: tuple[float | None, ...] = (None, None)
    """Of what a node held when it died, and what was asked in the half minute after that: p95 and the slowest"""
    asked_again: int = 0
    samples: list[float] = field(default_factory=list, repr=False)
    """Seconds of each final"""


def simulate(
    assumed: Assumptions,
    models: Models,
    planned: Plan,
    seconds: float,
    random: np.random.Generator,
    *,
    part: int = 1,
    death_at: float | None = None,
) -> Peak:
    """So many seconds of the peak with one in `part` of all sources and replicas; a node dies at `death_at`."""
    sources = max(1, round(planned.sources / part))
    asked = calls(assumed, sources, seconds, random)
    speech, windows = shared_out(asked)
    deaths = [] if death_at is None else [_death(assumed, planned.speech, death_at, part)]
    spoken = _pool(assumed, models, "speech", planned.speech.count / part, random).serve(speech, deaths)
    seen = _pool(assumed, models, "windows", planned.windows.count / part, random).serve(windows)
    partials = sum(call.kind is Kind.PARTIAL for call in speech)
    after = () if death_at is None else spoken.late(Kind.FINAL, death_at - HELD, death_at + 30.0)
    finals = spoken.late(Kind.FINAL, WARM_UP)
    return Peak(
        part,
        percentiles(finals),
        percentiles(seen.late(Kind.WINDOW, WARM_UP)),
        spoken.overtaken / partials if partials else 0.0,
        _busy(spoken, planned.speech.count / part, seconds),
        _busy(seen, planned.windows.count / part, seconds),
        percentiles(after, (95, 100)),
        spoken.asked_again,
        finals,
    )


def percentiles(values: Sequence[float], at: Sequence[float] = (50, 95)) -> tuple[float | None, ...]:
    """p50 and p95, or others; None of nothing."""
    return tuple(float(np.percentile(values, percent)) if len(values) else None for percent in at)


def shared_out(asked: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """Calls of the recogniser, and those of the models of voices."""
    return [one for one in asked if one.kind is not Kind.WINDOW], [one for one in asked if one.kind is Kind.WINDOW]


def _pool(assumed: Assumptions, models: Models, which: str, replicas: float, random: np.random.Generator) -> Pool:
    cost = models.speech if which == "speech" else models.windows
    return Pool(
        cost,
        max(1, round(replicas)),
        random,
        batch_wait=assumed["batch_wait"],
        added=assumed["remote_call_seconds"],
    )


def _death(assumed: Assumptions, replicas: Replicas, at: float, part: int) -> Death:
    """Of the node with most replicas."""
    dead = max(1, round(replicas.on_a_node / part))
    return Death(at, dead, assumed["death_noticed_seconds"], assumed["replica_back_seconds"])


def _busy(served: Served, replicas: float, seconds: float) -> float:
    return served.busy / seconds / max(1, round(replicas))
