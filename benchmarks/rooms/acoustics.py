"""Rooms: the impulse response from each seat to the microphone, simulated or measured.

Simulated rooms are shoeboxes by the image method (Allen and Berkley, "Image method for efficiently simulating
small-room acoustics", JASA 1979), as pyroomacoustics computes it (Scheibler, Bezzam and Dokmanić, ICASSP 2018; the
extra `rooms`). Measured responses were taken from one place each: seats differ there by the level of the direct sound
against the echo, as by distance.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rooms.voices import Audio
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

DIRECT = round(0.0025 * SAMPLE_RATE)
"""Samples around the first peak of a response that are the direct sound"""
FARTHEST = 0.25
"""Metres that a seat and the microphone keep from the walls, at least"""
TRIES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Where a conversation takes place."""

    name: str
    rt60: float | None
    """Seconds until an impulse has fallen by 60 dB, found in the responses; None without a room"""
    distances: tuple[float, ...]
    """Metres from each seat to the microphone; for a measured response as imitated"""
    responses: tuple[Audio, ...]
    """One for each seat; they begin with the direct sound, so that references need not be moved"""


def require_extra() -> None:
    """Raise MeetingError where what simulates rooms is not installed."""
    if importlib.util.find_spec("pyroomacoustics") is None:
        raise MeetingError('to simulate rooms, install the extra: pip install -c constraints.txt -e ".[rooms]"')


def dry(seats: int) -> Room:
    """No room: what a headset hears."""
    return Room("none", None, (0.05,) * seats, (np.ones(1),) * seats)


def simulated(rt60: tuple[float, float], distances: Sequence[float], random: np.random.Generator) -> Room:
    """A shoebox with a reverberation time between two (seconds), and a seat at each distance from the microphone.

    Raises MeetingError where pyroomacoustics is not installed.
    """
    require_extra()
    import pyroomacoustics

    pyroomacoustics.constants.set("num_threads", 1)  # sums in one order, so that the same seed gives the same bytes
    farthest = max(distances)
    for _ in range(TRIES):
        wanted = random.uniform(*rt60)
        size = np.array([random.uniform(3.2, 8.5), random.uniform(2.8, 6.5), random.uniform(2.4, 3.2)])
        try:
            absorption, order = pyroomacoustics.inverse_sabine(wanted, size)
        except ValueError:
            continue  # so large a room cannot be so dry
        if np.hypot(*size[:2]) - 1 < farthest:
            continue
        places = _places(size, distances, random)
        if places is not None:
            break
    else:
        raise MeetingError(f"no room has seats at {', '.join(f'{one:.1f}' for one in distances)} m")
    microphone, seats = places
    box: Any = pyroomacoustics.ShoeBox(
        size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=order, air_absorption=True
    )
    box.add_microphone(microphone)
    for seat in seats:
        box.add_source(seat)
    box.compute_rir()
    responses = tuple(_from_direct(np.asarray(response, float), 1.0) for response in box.rir[0])
    name = "x".join(f"{length:.1f}" for length in size)
    return Room(name, reverberation(responses), tuple(distances), responses)


def _places(size: Audio, distances: Sequence[float], random: np.random.Generator) -> tuple[Audio, list[Audio]] | None:
    """The microphone and the seats, metres; None where a seat found no place."""
    low, high = np.full(3, FARTHEST), size - FARTHEST
    microphone = np.array([*random.uniform(low[:2], high[:2]), random.uniform(0.7, 1.0)])
    seats = []
    for distance in distances:
        for _ in range(60):
            rise = random.uniform(0.05, min(0.5, 0.8 * distance))
            angle = random.uniform(0, 2 * np.pi)
            flat = np.sqrt(distance**2 - rise**2)
            seat = microphone + np.array([flat * np.cos(angle), flat * np.sin(angle), rise])
            if (seat >= low).all() and (seat <= high).all():
                seats.append(seat)
                break
        else:
            return None
    return microphone, seats


def measured(name: str, response: Audio, distances: Sequence[float]) -> Room:
    """A room whose response was recorded, with the direct sound of each seat as strong as its distance makes it.

    The recording stands for the median distance; echo is as strong everywhere, direct sound falls with distance.
    """
    response, middle = above_floor(response), float(np.median(distances))
    responses = tuple(_from_direct(response, middle / distance) for distance in distances)
    return Room(name, reverberation((_from_direct(response, 1.0),)), tuple(distances), responses)


def _from_direct(response: Audio, direct: float) -> Audio:
    """A response from its direct sound on, that sound made stronger or weaker."""
    peak = int(np.argmax(np.abs(response)))
    first = int(np.flatnonzero(np.abs(response) > 0.5 * abs(response[peak]))[0])
    start = max(0, first - DIRECT // 4)
    cut = response[start:].copy()
    cut[:DIRECT] *= direct
    return np.asarray(cut)


def above_floor(response: Audio) -> Audio:
    """A recorded response up to where its echo sinks into the noise of the recording, with a short fade at the end."""
    frame = SAMPLE_RATE // 50
    count = len(response) // frame
    level = 10 * np.log10(np.square(response[: count * frame]).reshape(count, frame).mean(axis=1) + 1e-12)
    later = level[count // 2 :]
    heard = later[later > -100]
    floor = float(np.median(heard)) if len(heard) else -100.0
    first = int(np.argmax(level))
    sunk = np.flatnonzero(level[first:] < floor + 5)
    end = (first + int(sunk[0]) + 1) * frame if len(sunk) else len(response)
    return np.asarray(response[:end] * np.minimum(1.0, np.arange(end, 0, -1) / frame))


def reverberation(responses: Sequence[Audio]) -> float:
    """RT60 in seconds: the decay from −5 to −25 dB of the energy yet to come (Schroeder 1965), continued to 60 dB."""
    found = []
    for response in responses:
        left = np.cumsum(np.square(response[::-1]))[::-1]
        level = 10 * np.log10(np.maximum(left / left[0], 1e-12))
        at = [int(np.argmax(level < edge)) for edge in (-5, -25)]
        if at[1] > at[0]:
            slope = np.polyfit(np.arange(*at) / SAMPLE_RATE, level[at[0] : at[1]], 1)[0]
            found.append(-60 / slope)
    return round(float(np.median(found)), 2) if found else 0.0


def through(track: Audio, response: Audio) -> Audio:
    """A voice as the microphone hears it; as long as before, the last echo cut off."""
    from scipy.signal import oaconvolve

    return np.asarray(oaconvolve(track, response)[: len(track)])
