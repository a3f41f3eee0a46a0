"""One simulation: for each number of meetings and each set of models a day, a plan, its peak, and what dies in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from zlib import crc32

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions, Models
from benchmarks.cluster_simulation.core.day import Day, day_with, mean_sources
from benchmarks.cluster_simulation.core.failures import Rebuilding, Takeover, take_over
from benchmarks.cluster_simulation.core.peak import Peak, simulate
from benchmarks.cluster_simulation.core.sizing import (
    Demand,
    Plan,
    Traffic,
    demand,
    plan,
    server_busy,
    speech_load,
    traffic,
)

DEATH_AT = 0.4
"""Of the simulated time, when a node of models dies"""


@dataclass(frozen=True, slots=True)
class Options:
    """What is simulated."""

    meetings: Sequence[int]
    models: Sequence[str]
    seconds: float
    """Of each peak"""
    whole: int
    """Sources up to which all are simulated; of more, a part"""
    seed: int


@dataclass(frozen=True, slots=True)
class Size:
    """What does not depend on the models."""

    meetings: int
    day: Day


@dataclass(frozen=True, slots=True)
class Found:
    """One number of meetings with one set of models."""

    meetings: int
    models: Models
    plan: Plan
    traffic: Traffic
    peak: Peak
    takeover: Takeover
    """When the node with most meetings dies at the peak"""
    died: int
    """Meetings that it had"""


def generator(seed: int, *names: int | str) -> np.random.Generator:
    """Chance for one purpose: the same for the same seed and names, whatever else is simulated."""
    return np.random.default_rng([seed, *(name if isinstance(name, int) else crc32(name.encode()) for name in names)])


def sizes(assumed: Assumptions, options: Options) -> list[Size]:
    """A day for each number of meetings."""
    return [Size(count, day_with(assumed, count, generator(options.seed, "day", count))) for count in options.meetings]


def run(assumed: Assumptions, options: Options, days: Sequence[Size]) -> Iterator[Found]:
    """Every number of meetings with every set of models."""
    wanted = demand(assumed, generator(options.seed, "demand"))
    for size in days:
        for name in options.models:
            random = generator(options.seed, "peak", size.meetings, name)
            yield _found(assumed, options, size, assumed.models[name], wanted, random)


def _found(
    assumed: Assumptions,
    options: Options,
    size: Size,
    models: Models,
    wanted: Demand,
    random: np.random.Generator,
) -> Found:
    planned = plan(assumed, models, wanted, size.meetings)
    ages = size.day.ages(size.day.peak_at)
    part = max(1, ceil(planned.sources / options.whole))
    peak = simulate(assumed, models, planned, options.seconds, random, part=part, death_at=DEATH_AT * options.seconds)
    died = min(len(ages), ceil(size.meetings * planned.servers_on_a_node / planned.servers))
    of_death = generator(options.seed, "death", size.meetings)  # the same meetings whatever the models
    lost = of_death.choice(ages, size=died, replace=False)
    have = rebuilding(assumed, models, planned, wanted)
    return Found(
        size.meetings,
        models,
        planned,
        traffic(assumed, wanted, planned, float(ages.sum())),
        peak,
        take_over(assumed, list(lost), have, of_death),
        died,
    )


def rebuilding(assumed: Assumptions, models: Models, planned: Plan, wanted: Demand) -> Rebuilding:
    """What the servers and models of a plan have left for meetings that are to be rebuilt.

    Of their utterances only the final ones are read. The servers that are left have less time, as those that died do
    nothing; the models have lost none.
    """
    live = planned.sources
    speech = wanted.finals * models.speech.each(0.0) + wanted.final_read * models.speech.per_second
    windows = wanted.windows * models.windows.each(0.0)
    busy = server_busy(assumed, wanted)
    servers = planned.servers - planned.servers_on_a_node
    spare = min(
        (planned.speech.count - live * speech_load(models.speech, wanted)) / speech,
        (planned.windows.count - live * windows) / windows,
        (servers * assumed["planned_load"] - live * servers / planned.servers * busy) / busy,
    )
    of_meetings = max(0.0, spare) / mean_sources(assumed)
    return Rebuilding(servers, int(assumed["rebuilt_at_once"]), of_meetings, 1 / assumed["rebuild_rtf"])
