"""How many servers, replicas and nodes so many meetings need, and what passes between them; pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions, Cost, Models
from benchmarks.cluster_simulation.core.day import mean_sources
from benchmarks.cluster_simulation.core.placement import servers_when_hashed
from benchmarks.cluster_simulation.core.speech import Kind, calls

DEMAND_SOURCES, DEMAND_SECONDS = 200, 60.0
"""Sources and seconds of which the demand is the mean"""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one source asks of the models, per second."""

    finals: float
    partials: float
    windows: float
    read: float
    """Seconds of audio in its utterances, final and partial"""
    final_read: float
    """In the final ones"""

    @property
    def utterances(self) -> float:
        """Calls of the recogniser."""
        return self.finals + self.partials

    @property
    def calls(self) -> float:
        """Of all models."""
        return self.utterances + self.windows


@dataclass(frozen=True, slots=True)
class Replicas:
    """Those of one model."""

    count: int
    """With so many more than are needed that the node may die on which most of them are"""
    unit: str
    """What each takes: a `core` or a `card`"""
    nodes: int
    """Over which they are spread evenly"""

    @property
    def on_a_node(self) -> int:
        """Replicas of the node that has most."""
        return ceil(self.count / self.nodes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands ready for the peak."""

    meetings: int
    sources: int
    meetings_per_server: int
    """That one server process takes"""
    servers: int
    """Processes, so many that a balancer that hashes hardly ever meets a full one; at least two"""
    server_nodes: int
    """Over which they are spread evenly, one more than are needed"""
    speech: Replicas
    windows: Replicas

    @property
    def servers_on_a_node(self) -> int:
        """Of the node that has most."""
        return ceil(self.servers / self.server_nodes)

    def nodes_with(self, unit: str) -> int:
        """Nodes of models whose replicas are a `core` each, or a `card`."""
        return max((one.nodes for one in (self.speech, self.windows) if one.unit == unit), default=0)

    def units(self, unit: str) -> int:
        """Cores or cards of all replicas."""
        return sum(one.count for one in (self.speech, self.windows) if one.unit == unit)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passes at the peak, bytes per second where nothing else is said."""

    audio: float
    """From sources to servers"""
    text: float
    """From servers to readers"""
    model_calls: float
    """From servers to models"""
    calls: float
    """Of models, per second"""
    writes: float
    """Transactions of the database, per second"""
    frames: float
    """Written to journals and synced, per second"""
    sound_per_hour: float
    """Of FLAC, bytes"""
    rows_per_hour: float
    """Of the database, bytes"""
    journals: float
    """Bytes of what is live that lie in journals at the peak"""


def demand(assumed: Assumptions, random: np.random.Generator) -> Demand:
    """The mean over many sources."""
    asked = calls(assumed, DEMAND_SOURCES, DEMAND_SECONDS, random)
    over = DEMAND_SOURCES * DEMAND_SECONDS
    count = {kind: sum(call.kind is kind for call in asked) / over for kind in Kind}
    read = {kind: sum(call.audio for call in asked if call.kind is kind) / over for kind in Kind}
    both = read[Kind.FINAL] + read[Kind.PARTIAL]
    return Demand(count[Kind.FINAL], count[Kind.PARTIAL], count[Kind.WINDOW], both, read[Kind.FINAL])


def plan(assumed: Assumptions, models: Models, wanted: Demand, meetings: int) -> Plan:
    """Servers and models for so many meetings at once."""
    each = mean_sources(assumed)
    sources = ceil(meetings * each)
    per_server = max(1, int(assumed["planned_load"] / server_busy(assumed, wanted) / each))
    servers = max(2, servers_when_hashed(meetings, per_server, assumed["refused_share"]))
    speech = sources * speech_load(models.speech, wanted)
    windows = sources * wanted.windows * models.windows.each(0.0)
    return Plan(
        meetings,
        sources,
        per_server,
        servers,
        ceil(servers / assumed["node_cores"]) + 1,
        *_spread(assumed, (speech, windows), (models.speech_on, models.windows_on)),
    )


def _spread(assumed: Assumptions, loads: tuple[float, ...], units: tuple[str, ...]) -> list[Replicas]:
    """Replicas for so many times what one does all the time; those with the same unit share their nodes."""
    needed = [max(1, ceil(load / assumed["replica_load"])) for load in loads]
    made = []
    for count, unit in zip(needed, units, strict=True):
        together = sum(other for other, of in zip(needed, units, strict=True) if of == unit)
        nodes = 1 + ceil(together / assumed["node_cores" if unit == "core" else "node_cards"])
        made.append(Replicas(ceil(count * nodes / (nodes - 1)), unit, nodes))
    return made


def server_busy(assumed: Assumptions, wanted: Demand) -> float:
    """Of a core, by one source whose models are elsewhere."""
    return float(assumed["server_cpu"] + wanted.calls * assumed["remote_call_cpu_ms"] / 1000)


def speech_load(cost: Cost, wanted: Demand) -> float:
    """Replicas that the utterances of one source keep busy, in batches as large as they may be."""
    return wanted.utterances * cost.each(0.0) + wanted.read * cost.per_second


def traffic(assumed: Assumptions, wanted: Demand, planned: Plan, ages: float) -> Traffic:
    """What passes for such a plan; live meetings have lasted `ages` seconds together."""
    sources = planned.sources
    read, windows = wanted.read * assumed["sample_bytes_per_second"], wanted.windows * assumed["window_bytes"]
    return Traffic(
        audio=sources * assumed["audio_bytes"],
        text=planned.meetings * assumed["readers"] * assumed["text_bytes"],
        model_calls=sources * (read + windows),
        calls=sources * wanted.calls,
        writes=sources * assumed["transactions"],
        frames=sources * assumed["frames_per_second"],
        sound_per_hour=sources * assumed["flac_bytes_per_hour"],
        rows_per_hour=planned.meetings * assumed["database_bytes_per_hour"],
        journals=ages * mean_sources(assumed) * assumed["frame_bytes"],
    )
