"""Whether the simulation can be believed: beside what was measured of one server, and a sample beside the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions, Models
from benchmarks.cluster_simulation.core.peak import WARM_UP, Peak, percentiles, shared_out, simulate
from benchmarks.cluster_simulation.core.pool import Pool
from benchmarks.cluster_simulation.core.sizing import Demand, Plan, speech_load
from benchmarks.cluster_simulation.core.speech import Kind, calls

CHECKED_SECONDS = 300.0
"""Seconds that are simulated of what was measured for less: a simulation has no other noise to fear"""
CHECKED_PART = 4
"""The sample is of one in so many sources"""


@dataclass(frozen=True, slots=True)
class Beside:
    """A row that was measured, and the same simulated."""

    meetings: int
    measured: dict[str, float]
    predicted: dict[str, float | None]


def beside_measured(assumed: Assumptions, wanted: Demand, random: np.random.Generator) -> list[Beside]:
    """Each row that was measured of one server beside the same with the models in its process, one worker for each.

    Where all threads together want more than the cores there are, all of them take that much longer. That the
    interpreter is shared, and that a full server leaves out partial results, is not simulated.
    """
    found = []
    models = assumed.load["models"]
    for row in assumed.load["rows"]:
        meetings = int(row["meetings"])
        each = cpu_per_second(assumed, models, wanted)
        slowdown = max(1.0, meetings * each / assumed.load["cores"])
        speech, windows = shared_out(calls(assumed, meetings, CHECKED_SECONDS, random))
        heard = Pool(models.speech, 1, random, slowdown=slowdown).serve(speech)
        seen = Pool(models.windows, 1, random, slowdown=slowdown).serve(windows)
        busy = (heard.busy + seen.busy) / slowdown / CHECKED_SECONDS
        cores = busy + meetings * assumed["unhurried_cpu"]
        middle, most = percentiles(heard.late(Kind.FINAL, WARM_UP))
        predicted = {"final_p50": middle, "final_p95": most, "cpu_per_second": cores / meetings, "cores": cores}
        measured = {name: float(value) for name, value in row.items() if name != "meetings"}
        found.append(Beside(meetings, measured, predicted))
    return found


def cpu_per_second(assumed: Assumptions, models: Models, wanted: Demand) -> float:
    """CPU seconds of one source per second, everything in one process and no partial result overtaken."""
    return (
        speech_load(models.speech, wanted) + wanted.windows * models.windows.each(0.0) + float(assumed["unhurried_cpu"])
    )


def whole_and_sample(
    assumed: Assumptions, models: Models, planned: Plan, seconds: float, random: np.random.Generator
) -> tuple[Peak, Peak]:
    """The same peak in whole, and one in `CHECKED_PART` of its sources and replicas."""
    whole = simulate(assumed, models, planned, seconds, random)
    return whole, simulate(assumed, models, planned, seconds, random, part=CHECKED_PART)
