"""What was found, as tables: each says below which of its figures rest on what nobody here has measured; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.checks import Beside
from benchmarks.cluster_simulation.core.day import HOUR
from benchmarks.cluster_simulation.core.peak import Peak
from benchmarks.cluster_simulation.core.sizing import Plan
from benchmarks.cluster_simulation.run import Found, Size

MEGA, GIGA = 1e6, 1e9
DAY = "arrivals_by_hour punctual_share half_hour_share late_seconds meeting_minutes meeting_spread longest_hours"
SPEECH = "utterance_spread"
SERVERS = "sources_shares remote_call_cpu_ms refused_share node_cores"
CALLS = "remote_call_seconds death_noticed_seconds replica_back_seconds"
REPLICAS = "sources_shares replica_load node_cores node_cards"


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    name: str
    """For programs"""
    title: str
    columns: Sequence[str]
    rows: list[list[Any]]
    rests_on: str
    """Names of assumptions, separated by spaces, that its figures need beside those that were measured"""

    def notes(self, assumed: Assumptions, models: Iterable[str] = ()) -> list[str]:
        """What is to be known of its figures: every assumption, and models whose costs are another's figures."""
        figures = {one.name: one for one in assumed.figures}
        guessed = [name for name in self.rests_on.split() if figures[name].kind == "assumed"]
        public = [name for name in self.rests_on.split() if figures[name].kind == "public"]
        said = []
        if guessed:
            said.append(f"Assumed, not measured: {', '.join(guessed)}.")
        if public:
            said.append(f"Public figures: {', '.join(public)}.")
        others = [one for one in models if not is_measured(assumed, one)]
        if others and any(one in str(row) for row in self.rows for one in others):
            said.append(f"Rows with † rest on public figures for their models: {', '.join(others)}.")
        return said


def is_measured(assumed: Assumptions, models: str) -> bool:
    """Whether what these models cost was measured by a command of this repository."""
    one = assumed.models[models]
    return one.speech_kind == one.windows_kind == "measured"


def tables(
    assumed: Assumptions,
    days: Sequence[Size],
    found: Sequence[Found],
    beside: Sequence[Beside],
    sampled: Sequence[tuple[str, Peak, Peak]],
    intervals: Sequence[tuple[float, str, Plan]],
) -> list[Table]:
    """All of them, in the order in which they are read."""

    def named(models: str) -> str:
        return models if is_measured(assumed, models) else f"{models} †"

    first = [one for one in found if one.models.name == found[0].models.name]
    return [
        _days(days),
        _servers(first),
        _model_nodes(found, named),
        _lateness(found, named),
        _traffic(first),
        _deaths(found, named),
        _intervals(intervals, named),
        _beside(beside),
        _sampled(sampled, named),
    ]


def _days(days: Sequence[Size]) -> Table:
    columns = (
        "meetings at once",
        "a day",
        "peak",
        "peak at",
        "sources then",
        "begun within 60 s",
        "mean age then, min",
    )
    rows = []
    for size in days:
        day, at = size.day, size.day.peak_at
        live = (day.begins <= at) & (at < day.ends)
        clock = f"{int(at // HOUR):02}:{int(at % HOUR // 60):02}"
        ages = float(day.ages(at).mean() / 60)
        rows.append(
            [size.meetings, len(day.begins), day.peak, clock, int(day.sources[live].sum()), day.most_begun(60.0), ages]
        )
    return Table("days", "The day", columns, rows, f"{DAY} sources_shares")


def _servers(found: Sequence[Found]) -> Table:
    columns = (
        "meetings at once", "sources", "meetings a server takes", "processes, placed by a hash", "server nodes",
        "processes, placed where there is room",
    )  # fmt: skip
    rows = []
    for one in found:
        planned = one.plan
        fewest = max(2, ceil(planned.meetings / planned.meetings_per_server))
        rows.append(
            [one.meetings, planned.sources, planned.meetings_per_server, planned.servers, planned.server_nodes, fewest]
        )
    return Table("servers", "Servers, where the models are elsewhere", columns, rows, SERVERS)


def _model_nodes(found: Sequence[Found], named: Any) -> Table:
    columns = ("meetings at once", "models", "cores", "cards", "nodes without cards", "nodes with cards")
    rows = []
    for one in found:
        units = [one.plan.units(unit) or None for unit in ("core", "card")]
        nodes = [one.plan.nodes_with(unit) or None for unit in ("core", "card")]
        rows.append([one.meetings, named(one.models.name), *units, *nodes])
    return Table("models", "Models, with a node to spare", columns, rows, f"{REPLICAS} {SPEECH}")


def _lateness(found: Sequence[Found], named: Any) -> Table:
    columns = (
        "meetings at once", "models", "simulated", "final p50", "final p95", "window p95", "partials overtaken",
        "speech busy", "windows busy",
    )  # fmt: skip
    rows = [
        [
            one.meetings,
            named(one.models.name),
            _part(one.peak),
            *one.peak.finals,
            one.peak.windows[1],
            f"{one.peak.overtaken:.1%}",
            f"{one.peak.speech_busy:.0%}",
            f"{one.peak.windows_busy:.0%}",
        ]
        for one in found
    ]
    return Table("lateness", "The peak, a node of models dying in it", columns, rows, f"{REPLICAS} {SPEECH} {CALLS}")


def _traffic(found: Sequence[Found]) -> Table:
    columns = (
        "meetings at once", "audio in, MB/s", "text out, MB/s", "to models, MB/s", "calls of models/s",
        "transactions/s", "frames synced/s", "FLAC, GB/h", "database, GB/h",
        "journals at the peak, GB",
    )  # fmt: skip
    rows = []
    for one in found:
        passing = one.traffic
        rows.append(
            [
                one.meetings,
                passing.audio / MEGA,
                passing.text / MEGA,
                passing.model_calls / MEGA,
                passing.calls,
                passing.writes,
                passing.frames,
                passing.sound_per_hour / GIGA,
                passing.rows_per_hour / GIGA,
                passing.journals / GIGA,
            ]
        )
    return Table("traffic", "What passes and what is kept", columns, rows, f"sources_shares readers {SPEECH} {DAY}")


def _deaths(found: Sequence[Found], named: Any) -> Table:
    columns = (
        "meetings at once", "models", "a node of models died: final p95", "slowest", "asked again",
        "a server node died: its meetings", "resumed p50", "resumed p95", "text live p50", "text live p95",
        "hours heard again",
    )  # fmt: skip
    rows = []
    for one in found:
        taken, live = one.takeover.taken_after, one.takeover.live_after
        rows.append(
            [
                one.meetings,
                named(one.models.name),
                *one.peak.finals_then,
                one.peak.asked_again,
                one.died,
                *np.percentile(taken, (50, 95)).tolist(),
                *np.percentile(live, (50, 95)).tolist(),
                one.takeover.heard_again / HOUR,
            ]
        )
    return Table(
        "deaths",
        "What a node that dies costs, seconds",
        columns,
        rows,
        f"{REPLICAS} {CALLS} {DAY} takeover_seconds remote_call_cpu_ms refused_share",
    )


def _intervals(intervals: Sequence[tuple[float, str, Plan]], named: Any) -> Table:
    columns = ("partial results every, s", "models", "meetings at once", "cores", "cards")
    rows = [
        [f"{interval:g}", named(models), planned.meetings, *(planned.units(unit) or None for unit in ("core", "card"))]
        for interval, models, planned in intervals
    ]
    return Table("intervals", "What partial results cost", columns, rows, f"{REPLICAS} {SPEECH}")


def _beside(beside: Sequence[Beside]) -> Table:
    keys = ("final_p50", "final_p95", "cpu_per_second", "cores")
    names = ("final p50", "final p95", "CPU/s", "cores")
    columns = ["meetings", *(f"{name}, {how}" for name in names for how in ("measured", "simulated"))]
    rows = [
        [one.meetings, *(value for key in keys for value in (one.measured[key], one.predicted[key]))] for one in beside
    ]
    return Table("beside", "One server with its models, measured and simulated", columns, rows, SPEECH)


def _sampled(sampled: Sequence[tuple[str, Peak, Peak]], named: Any) -> Table:
    columns = ("models", "simulated", "finals", "final p50", "final p95", "window p95", "speech busy")
    rows = [
        [named(models), _part(one), len(one.samples), *one.finals, one.windows[1], f"{one.speech_busy:.0%}"]
        for models, *both in sampled
        for one in both
    ]
    return Table("sampled", "A sample beside the whole, 100 meetings", columns, rows, f"{REPLICAS} {SPEECH}")


def assumptions_table(assumed: Assumptions) -> Table:
    """All figures, and where each comes from."""
    rows: list[list[Any]] = [[one.name, _said(one.value), one.unit, one.kind, one.source] for one in assumed.figures]
    return Table("assumptions", "Assumptions", ("name", "value", "unit", "kind", "where from"), rows, "")


def models_table(assumed: Assumptions, names: Sequence[str]) -> Table:
    """What the models cost, and where that comes from."""
    rows: list[list[Any]] = []
    for name in names:
        one = assumed.models[name]
        for part, cost, unit, kind in (
            ("utterances", one.speech, one.speech_on, one.speech_kind),
            ("windows", one.windows, one.windows_on, one.windows_kind),
        ):
            batch = ", ".join(f"{size}: {1000 * seconds:g}" for size, seconds in cost.batches)
            added = f"{1000 * cost.per_second:g}" if cost.per_second else None
            rows.append([name, part, unit, batch, added, kind, one.source.replace("|", "/")])
    columns = ("models", "calls", "a replica is a", "batch: ms", "ms per s of audio", "kind", "where from")
    return Table("costs", "What the models cost", columns, rows, "")


def _said(value: Any) -> str:
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _part(peak: Peak) -> str:
    return "all" if peak.part == 1 else f"1 of {peak.part}"
