"""What several microphones record of one conversation: their places, their clocks and their ways to the server.

All microphones of a room are simulated in one shoebox (see `benchmarks.rooms.acoustics`), so that a voice reaches each
with its own delay, level and echo. A microphone then has a level, noise of its own, a clock that runs a little fast or
slow, and a way to the server that takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.rooms import channel
from benchmarks.rooms.acoustics import require_extra, through
from benchmarks.rooms.clips import decibels, gain, rms
from benchmarks.rooms.composing import Placed
from benchmarks.rooms.conditions import TAIL
from benchmarks.rooms.voices import Audio
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

QUIET = 6.0
"""Seconds before anybody speaks, in which the microphones are turned on one after the other"""
LATE = 30.0
"""Seconds after which the last microphone of a room joins"""
FRAME = SAMPLE_RATE // 10
"""Samples that a client sends at once"""
RT60 = (0.3, 0.6)
"""Seconds until sound has fallen by 60 dB, as asked of the simulation"""
TRIES = 1000


@dataclass(frozen=True, slots=True)
class Microphone:
    """One source of a meeting: when it began, how its clock runs, and how its audio arrives."""

    id: str
    kind: str
    """As the protocol has it: room or solo"""
    what: str
    """For people"""
    begins: float
    """Seconds of the world's clock at its first sample"""
    ppm: float
    """Parts in a million by which its clock is fast"""
    network: float
    """Seconds on the way to the server, at least"""
    jitter: float
    """Seconds more, in the mean"""
    behind: float
    """Seconds that its pipeline takes"""
    seed: int
    """Of the jitter"""

    def at(self, sample: float) -> float:
        """Seconds of the world's clock at one of its samples."""
        return self.begins + sample / (SAMPLE_RATE * (1 + self.ppm * 1e-6))

    def sample(self, at: float) -> float:
        """The sample, counted from its first one, that it has at a moment of the world's clock."""
        return (at - self.begins) * SAMPLE_RATE * (1 + self.ppm * 1e-6)

    def arrivals(self, samples: int) -> NDArray[np.float64]:
        """When each of its frames of `FRAME` samples is at the server, seconds; shape (frames,), never falling."""
        ends = np.minimum(np.arange(1, -(-samples // FRAME) + 1) * FRAME, samples)
        late = np.random.default_rng(self.seed).exponential(self.jitter, len(ends))
        recorded = self.begins + ends / (SAMPLE_RATE * (1 + self.ppm * 1e-6))
        return np.asarray(np.maximum.accumulate(recorded + self.network + late))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A conversation as all microphones recorded it."""

    microphones: tuple[Microphone, ...]
    sounds: tuple[Audio, ...]
    """What each recorded, by its own clock"""
    facts: dict[str, Any]


def room(talk: Sequence[Placed], random: np.random.Generator) -> Scene:
    """Up to four people at a table, and four microphones: before people, in the middle, and far from everybody."""
    voices, length = _voices(talk), _length(talk)
    size, seats, table = _table(len(voices), random)
    near = [_before(seat, table, random.uniform(0.35, 0.7)) for seat in seats]
    middle = np.array([*table, 0.8])
    corner = np.array([*random.uniform(0.4, 0.9, 2), random.uniform(0.8, 1.5)])
    places = {f"before {voice}": place for voice, place in zip(voices, near, strict=True)}
    places |= {"middle of the table": middle, "corner": corner}
    names = [str(name) for name in random.permutation([*places])][:4]
    rt60 = float(random.uniform(*RT60))
    responses = _responses(size, rt60, seats, [places[name] for name in names], random)
    tracks = _tracks(talk, voices, length, random)
    speech = [_heard(tracks, mine) for mine in responses]
    made = [_microphone(f"mic{at}", "room", name, at, random) for at, name in enumerate(names, 1)]
    made[-1] = replace(made[-1], begins=LATE)
    common = float(np.mean([rms(one[_on(talk, length)]) for one in speech])) * gain(-random.uniform(15, 25))
    sounds = []
    for one in speech:
        noisy = one + common * channel.pink(length, random)
        sounds.append(channel.levelled(noisy, noisy[_on(talk, length)], random.uniform(-38, -20)))
    return _recorded(made, sounds, {"rt60_s": round(rt60, 2), "size_m": [round(float(x), 1) for x in size]})


def headsets(talk: Sequence[Placed], random: np.random.Generator) -> Scene:
    """People in one room, each with a headset that hears the others a little."""
    voices, length = _voices(talk), _length(talk)
    size, seats, table = _table(len(voices), random)
    places = [_before(seat, table, 0.06) for seat in seats]
    rt60 = float(random.uniform(*RT60))
    responses = _responses(size, rt60, seats, places, random)
    tracks = _tracks(talk, voices, length, random)
    sounds = []
    for voice, mine in zip(voices, responses, strict=True):
        heard = _heard(tracks, mine)
        own = _on([placed for placed in talk if placed.clip.voice == voice], length)
        heard = channel.levelled(heard, heard[own], random.uniform(-30, -22))
        sounds.append(heard + channel.pink(length, random) * gain(decibels(rms(heard[own])) - random.uniform(30, 40)))
    made = [_microphone(f"mic{at}", "solo", f"headset of {voice}", at, random) for at, voice in enumerate(voices, 1)]
    return _recorded(made, sounds, {"rt60_s": round(rt60, 2), "size_m": [round(float(x), 1) for x in size]})


def call(talk: Sequence[Placed], random: np.random.Generator) -> Scene:
    """Half of the people before a laptop, the others far away: what its loudspeaker plays is the other source."""
    voices, length = _voices(talk), _length(talk)
    here = _half(talk, voices)
    tracks = dict(zip(voices, _tracks(talk, voices, length, random), strict=True))
    far = np.sum([tracks[voice] for voice in voices if voice not in here], axis=0)
    far = channel.opus(far + channel.pink(length, random) * rms(far) * gain(-25), 24)
    size, seats, table = _table(len(here), random)
    laptop = np.array([*table, 0.8])
    speaker = laptop + np.array([0.15, 0.0, -0.02])
    rt60 = float(random.uniform(*RT60))
    (responses,) = _responses(size, rt60, [*seats, speaker], [laptop], random)
    voice = _heard([tracks[name] for name in here], responses[:-1])
    own = _on([placed for placed in talk if placed.clip.voice in here], length)
    played = np.roll(through(far, responses[-1]), round(random.uniform(0.05, 0.25) * SAMPLE_RATE))
    echo_db = float(random.uniform(-12, 0))
    played *= rms(voice[own]) / max(rms(played[~own]), 1e-12) * gain(echo_db)
    heard = voice + played + channel.pink(length, random) * rms(voice[own]) * gain(-random.uniform(18, 28))
    sounds = [
        channel.levelled(heard, heard[own], random.uniform(-36, -24)),
        channel.levelled(far, far[~own], random.uniform(-30, -20)),
    ]
    names = ("laptop", "sound of the tab")
    made = [_microphone(f"mic{at}", "room", name, at, random) for at, name in enumerate(names, 1)]
    # one machine sends both: its clock is the same, and they begin almost together
    made[1] = replace(made[1], begins=round(float(random.uniform(0.0, 1.0)), 3), ppm=made[0].ppm)
    return _recorded(made, sounds, {"rt60_s": round(rt60, 2), "echo_db": round(echo_db, 1), "here": list(here)})


SCENES: Mapping[str, Callable[[Sequence[Placed], np.random.Generator], Scene]] = {
    "room": room,
    "call": call,
    "headsets": headsets,
}


def _voices(talk: Sequence[Placed]) -> list[str]:
    return sorted({placed.clip.voice for placed in talk})


def _length(talk: Sequence[Placed]) -> int:
    return max(placed.end for placed in talk) + round(TAIL * SAMPLE_RATE)


def _on(talk: Sequence[Placed], length: int) -> NDArray[np.bool_]:
    """Where any of these is voiced; shape (length,)."""
    on = np.zeros(length, np.bool_)
    for placed in talk:
        for turn in placed.turns:
            on[turn.span.start : turn.span.end] = True
    return on


def _tracks(talk: Sequence[Placed], voices: Sequence[str], length: int, random: np.random.Generator) -> list[Audio]:
    """What each says, some louder than others by nature."""
    tracks = []
    for voice in voices:
        track = np.zeros(length)
        for placed in talk:
            if placed.clip.voice == voice:
                track[placed.start : placed.end] += placed.clip.audio
        tracks.append(track * gain(random.uniform(-4, 4)))
    return tracks


def _half(talk: Sequence[Placed], voices: Sequence[str]) -> tuple[str, ...]:
    """Half of the people, chosen so that they speak about as much as the others."""
    spoken = {voice: sum(len(one.clip.audio) for one in talk if one.clip.voice == voice) for voice in voices}
    sides = combinations(voices, max(1, len(voices) // 2))
    return min(sides, key=lambda side: abs(sum(spoken.values()) - 2 * sum(spoken[voice] for voice in side)))


def _heard(tracks: Sequence[Audio], responses: Sequence[Audio]) -> Audio:
    """All voices as a microphone hears them."""
    heard = [through(track, one) for track, one in zip(tracks, responses, strict=True)]
    return np.asarray(np.sum(heard, axis=0))


def _table(people: int, random: np.random.Generator) -> tuple[Audio, list[Audio], Audio]:
    """A room, the mouths of people around a table in it, and the table's middle (two coordinates); metres."""
    size = np.array([random.uniform(4.0, 8.0), random.uniform(3.6, 6.0), random.uniform(2.4, 3.0)])
    table = np.array([random.uniform(1.7, size[0] - 1.7), random.uniform(1.7, size[1] - 1.7)])
    turned = random.uniform(0, 2 * np.pi)
    seats = []
    for at in range(people):
        angle = turned + 2 * np.pi * at / people + random.uniform(-0.2, 0.2)
        away = random.uniform(0.9, 1.3)
        seats.append(np.array([*(table + away * np.array([np.cos(angle), np.sin(angle)])), random.uniform(1.1, 1.3)]))
    return size, seats, table


def _before(seat: Audio, table: Audio, distance: float) -> Audio:
    """A place so many metres from a mouth towards the table; a headset's is level with it, a laptop lower."""
    towards = np.array([*(table - seat[:2]), 0.0])
    towards /= np.hypot(*towards[:2])
    down = min(0.3, 0.7 * distance) if distance > 0.1 else 0.02
    return np.asarray(seat + towards * np.sqrt(distance**2 - down**2) - np.array([0, 0, down]))


def _responses(
    size: Audio, rt60: float, sources: Sequence[Audio], microphones: Sequence[Audio], random: np.random.Generator
) -> list[list[Audio]]:
    """The response of a shoebox from each source, by microphone; raises MeetingError without pyroomacoustics."""
    require_extra()
    import pyroomacoustics

    pyroomacoustics.constants.set("num_threads", 1)  # sums in one order, so that the same seed gives the same bytes
    for _ in range(TRIES):
        try:
            absorption, order = pyroomacoustics.inverse_sabine(rt60, size)
            break
        except ValueError:
            rt60 *= random.uniform(1.0, 1.2)  # so large a room cannot be so dry
    else:
        raise MeetingError("no such room")
    box: Any = pyroomacoustics.ShoeBox(
        size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=order, air_absorption=True
    )
    box.add_microphone_array(np.stack(microphones, axis=1))
    for source in sources:
        box.add_source(source)
    box.compute_rir()
    # What all responses begin with is no delay of the room but the length of a filter.
    extra = int(pyroomacoustics.constants.get("frac_delay_length")) // 2
    return [[np.asarray(response, float)[extra:] for response in mine] for mine in box.rir]


def _microphone(name: str, kind: str, what: str, number: int, random: np.random.Generator) -> Microphone:
    return Microphone(
        name,
        kind,
        what,
        0.0 if number == 1 else round(float(random.uniform(0.3, QUIET - 0.5)), 3),
        round(float(random.uniform(20, 50) * random.choice([-1, 1])), 1),
        round(float(random.uniform(0.02, 0.25)), 3),
        round(float(random.uniform(0.005, 0.04)), 3),
        round(float(random.uniform(0.1, 0.8)), 2),
        int(random.integers(2**31)),
    )


def _recorded(microphones: Sequence[Microphone], sounds: Sequence[Audio], facts: dict[str, Any]) -> Scene:
    """What each recorded by its own clock, from when it was turned on."""
    heard = []
    for microphone, sound in zip(microphones, sounds, strict=True):
        rate = SAMPLE_RATE * (1 + microphone.ppm * 1e-6)
        mine = np.asarray(sound)[round(microphone.begins * SAMPLE_RATE) :]
        heard.append(channel.limited(np.asarray(soxr.resample(mine, SAMPLE_RATE, rate))))
    return Scene(tuple(microphones), tuple(heard), facts)
