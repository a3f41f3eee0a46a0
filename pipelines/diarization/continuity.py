"""Which local speaker of a window continues which one of the window before, and what follows from that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.activity import UNIDENTIFIED, Numbers
from pipelines.diarization.clustering import assign
from pipelines.types import WINDOW, LocalSpeakers

MIN_SHARED_FRAMES = 10
"""Frames in which two windows must hear a local speaker together before it is the same one"""


def continued(before: LocalSpeakers, local: LocalSpeakers, level: int) -> dict[int, int]:
    """Local speaker of the window before that each local speaker continues: both are active in the same frames.

    Active is an activity of at least `level`. The frames that both windows hold are compared by intersection over
    union, one to one.
    """
    frames = len(local.activity)
    hop = min(frames, frames * (local.start - before.start) // WINDOW)
    then, here = before.activity[hop:] >= level, local.activity[: frames - hop] >= level
    rows = min(len(then), len(here))
    then, here = then[:rows].astype(np.int32), here[:rows].astype(np.int32)
    both = here.T @ then
    either = here.sum(axis=0)[:, None] + then.sum(axis=0)[None, :] - both
    links = {}
    for voice, other in assign(-both.astype(np.float64)):
        if both[voice, other] > MIN_SHARED_FRAMES and 2 * both[voice, other] > either[voice, other]:
            links[voice] = other
    return links


def links_of(row: NDArray[np.int8]) -> list[tuple[int, int]]:
    """(local speaker, the one before that it continues) from a row of the latter by the former, -1 for none."""
    return [(voice, other) for voice, other in enumerate(row.tolist()) if other >= 0]


def carry_over(numbers: Numbers, voice: int, owner: int) -> None:
    """One that is unidentified is who it was in the neighbouring window, unless that speaker is here already."""
    if numbers[voice] == UNIDENTIFIED and owner > UNIDENTIFIED and owner not in numbers:
        numbers[voice] = owner
