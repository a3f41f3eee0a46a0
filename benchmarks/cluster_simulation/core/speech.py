"""What sources ask of the models while people speak: partial and final utterances, and windows; pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from benchmarks.cluster_simulation.assumptions import Assumptions

WINDOW_STEP = 0.5
"""Seconds between two windows of a source, as the pipeline cuts them"""
FRAME = 0.1
"""Seconds of a frame, as the page sends it: what is said waits for the end of its frame"""


class Kind(IntEnum):
    """What is asked; of utterances the lower number goes first."""

    FINAL = 0
    PARTIAL = 1
    WINDOW = 2


class Call(NamedTuple):
    """One call of a model."""

    time: float
    """When it is asked, seconds"""
    kind: Kind
    source: int
    utterance: int
    """Number of the source's utterance, or of its window"""
    audio: float
    """Seconds of audio that are read"""
    spoken: float
    """When the last of it was spoken"""


def calls(assumed: Assumptions, sources: int, seconds: float, random: np.random.Generator) -> list[Call]:
    """What so many sources ask in so many seconds, in order of time."""
    made: list[Call] = []
    for source in range(sources):
        made += _utterances(assumed, source, seconds, random)
        made += _windows(assumed, source, seconds, random)
    return sorted(made)


def silence_after(length: float) -> float:
    """Seconds of silence that end an utterance of so many seconds, as the endpointer has it by default."""
    return float(np.interp(length, (2.0, 3.0), (0.4, 0.1)))


def length_of_utterance(assumed: Assumptions, random: np.random.Generator) -> float:
    """Seconds of one utterance: log-normal around its mean, and cut where the endpointer cuts."""
    spread = assumed["utterance_spread"]
    drawn = assumed["utterance_seconds"] * random.lognormal(-(spread**2) / 2, spread)
    return float(min(max(drawn, 0.3), assumed["longest_utterance"]))


def _utterances(assumed: Assumptions, source: int, seconds: float, random: np.random.Generator) -> Iterator[Call]:
    interval, reread = assumed["partial_interval"], assumed["partial_reread"]
    phase = FRAME * random.random()
    start = -random.random() * (assumed["utterance_seconds"] + assumed["pause_seconds"])
    number = 0
    while start < seconds:
        length = length_of_utterance(assumed, random)
        end = start + length
        for at in np.arange(interval, length, interval):
            asked = _frame_end(start + at, phase)
            if 0 <= asked < seconds:
                yield Call(asked, Kind.PARTIAL, source, number, min(float(at), reread), start + at)
        asked = _frame_end(end + silence_after(length), phase)
        if 0 <= asked < seconds:
            yield Call(asked, Kind.FINAL, source, number, length + assumed["final_context"], end)
        start = end + max(silence_after(length), random.exponential(assumed["pause_seconds"]))
        number += 1


def _windows(assumed: Assumptions, source: int, seconds: float, random: np.random.Generator) -> Iterator[Call]:
    phase = WINDOW_STEP * random.random()
    for number, at in enumerate(np.arange(phase, seconds, WINDOW_STEP)):
        if random.random() < assumed["windows_computed"]:
            yield Call(float(at), Kind.WINDOW, source, number, 5.0, float(at))


def _frame_end(time: float, phase: float) -> float:
    """The end of the frame in which a moment lies."""
    return float(np.ceil((time - phase) / FRAME) * FRAME + phase)
