"""What a server that dies costs: until its sources are heard again, and until their text is; pure.

A meeting is taken over once its owner's lease has run out, by the server that its source comes to next; the source is
acknowledged from then on. Its journals are then processed from their beginning, several at a time on each server,
behind all live work: with what the models have to spare. What is said meanwhile waits, and is processed too. A fluid
model: rates, not calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.day import Numbers


@dataclass(frozen=True, slots=True)
class Takeover:
    """The meetings of a server that died."""

    taken_after: Numbers
    """Seconds from the death until each meeting has an owner again, whose sources may resume"""
    live_after: Numbers
    """Seconds until its text is at the present again"""
    heard_again: float
    """Seconds of meetings that the models are given a second time"""


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What there is for it."""

    servers: int
    """That take meetings over"""
    at_once: int
    """Journals that each processes together"""
    spare: float
    """Seconds of meetings, all their sources together, per second that all of them and their models can process beside
    what is live"""
    fastest: float
    """Of one meeting alone: a journal is processed in order"""


def take_over(assumed: Assumptions, ages: Sequence[float], have: Rebuilding, random: np.random.Generator) -> Takeover:
    """What becomes of meetings that have lasted so many seconds when their server dies."""
    lease = assumed["lease_seconds"]
    # renewed every third of its length: of the last one two thirds to all of it are left
    left = lease * (2 / 3 + random.random() / 3)
    taken = left + assumed["come_back_seconds"] * random.random(len(ages)) + assumed["takeover_seconds"]
    live = _rebuilt(np.array(ages, float), taken, have)
    return Takeover(taken, live, float(sum(ages)))


def _rebuilt(ages: Numbers, taken: Numbers, have: Rebuilding) -> Numbers:
    """When each has caught up with the present, in steps from one meeting that begins or is done to the next.

    While it is processed a meeting goes on, so that `age + time` seconds are to be processed by then.
    """
    places = have.servers * have.at_once
    waiting = list(np.argsort(taken, kind="stable"))
    remaining = ages + 0.0
    running: list[int] = []
    done = np.full(len(ages), np.inf)
    now = 0.0
    while waiting or running:
        while waiting and len(running) < places and taken[waiting[0]] <= now:
            place = int(waiting.pop(0))
            remaining[place] = ages[place] + now
            running.append(place)
        rate = min(have.fastest, have.spare / len(running)) - 1.0 if running else 0.0
        begins = taken[waiting[0]] if waiting and len(running) < places else np.inf
        if running and rate <= 0 and not np.isfinite(begins):
            break  # never: what is live takes all that the models can
        ends = now + min((remaining[one] for one in running), default=np.inf) / rate if rate > 0 else np.inf
        then = min(begins, ends)
        for one in running:
            remaining[one] -= rate * (then - now)
        now = then
        for one in [one for one in running if remaining[one] <= 1e-9]:
            running.remove(one)
            done[one] = now
    return done
