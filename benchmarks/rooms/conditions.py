"""What a conversation goes through: the conditions of the matrix, and the sound and facts of one recording in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rooms import acoustics, channel
from benchmarks.rooms.acoustics import Room
from benchmarks.rooms.clips import decibels, gain, rms
from benchmarks.rooms.composing import Placed
from benchmarks.rooms.voices import Audio
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

Range = tuple[float, float]
TAIL = 1.0
"""Seconds after the last word"""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the matrix; what is a range is drawn from it for each recording."""

    name: str
    what: str
    """For people"""
    talks: str
    """Conditions with the same word here have the same conversations in the same rooms: they differ in nothing else"""
    room: str | None = None
    """simulated, measured, or None: a headset"""
    rt60: Range = (0.2, 0.8)
    distances: Range = (0.5, 1.0)
    spread_db: float = 0.0
    """Between the loudest and the quietest voice, apart from what distance does"""
    level_db: Range = (-30.0, -22.0)
    """RMS of the voiced part, relative to full scale"""
    snr_db: Range | None = (25.0, 25.0)
    noise: str = "pink"
    """pink, babble or recorded"""
    drive_db: float | None = None
    """Clipped: the loudest thousandth is so far above full scale"""
    line: str | None = None
    """telephone or opus"""
    kilobits: tuple[int, int] = (16, 24)


_NEAR: dict[str, Any] = {"talks": "near", "room": "simulated", "rt60": (0.2, 0.4), "distances": (0.5, 1.0)}
_FAR: dict[str, Any] = {"room": "simulated", "distances": (1.0, 4.0), "snr_db": (20, 20)}

CONDITIONS = (
    Condition("headset", "no room, noise 40 dB below", "headset", snr_db=(40, 40)),
    Condition("uneven", "no room, voices 20 dB apart, noise 40 dB below", "headset", spread_db=20, snr_db=(40, 40)),
    Condition("near", "0.5–1 m, RT60 0.2–0.4 s, noise 25 dB below", **_NEAR),
    Condition("quiet", "as near, at −50 dB", **_NEAR, level_db=(-50, -50)),
    Condition("loud", "as near, at −10 dB through a limiter", **_NEAR, level_db=(-10, -10)),
    Condition("clipped", "as near, cut off 6 dB below the loudest thousandth", **_NEAR, drive_db=6),
    Condition("noise", "as near, recorded noise 10–15 dB below", **_NEAR, snr_db=(10, 15), noise="recorded"),
    Condition("babble", "as near, many voices 5–15 dB below", **_NEAR, snr_db=(5, 15), noise="babble"),
    Condition("telephone", "as near, 300–3400 Hz, µ-law", **_NEAR, line="telephone"),
    Condition("far_party", "telephone, voices 20 dB apart besides", **_NEAR, spread_db=20, line="telephone"),
    Condition("opus", "as near, Opus at 16–24 kbit/s", **_NEAR, line="opus"),
    Condition("far", "1–4 m, RT60 0.4–0.6 s, noise 20 dB below", "far", **_FAR, rt60=(0.4, 0.6)),
    Condition("echo", "1–4 m, RT60 0.6–0.8 s, noise 20 dB below", "echo", **_FAR, rt60=(0.6, 0.8)),
    Condition(
        "table",
        "a laptop on a table: 0.5–4 m, RT60 0.3–0.6 s, voices 10 dB apart besides, at −40 dB, noise 20 dB below",
        "table",
        room="simulated",
        rt60=(0.3, 0.6),
        distances=(0.5, 4.0),
        spread_db=10,
        level_db=(-40, -40),
        snr_db=(20, 20),
    ),
    Condition(
        "measured",
        "measured rooms, recorded noise 15–25 dB below",
        "measured",
        room="measured",
        distances=(0.5, 4.0),
        snr_db=(15, 25),
        noise="recorded",
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Recorded material of one half by name: impulse responses, noises, and voices to babble."""

    responses: Mapping[str, Audio]
    noises: Mapping[str, Audio]
    babble: Sequence[Audio]


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What is heard beside the voices."""

    name: str
    snr_db: float
    sound: Audio
    """RMS 1"""


def room(condition: Condition, seats: int, around: Surroundings, random: np.random.Generator) -> Room:
    """A room for a conversation: a near and a far seat, the others between them. Raises MeetingError."""
    if condition.room is None:
        return acoustics.dry(seats)
    near, far = condition.distances
    low, high = np.log(near), np.log(far)
    drawn = [near, far * random.uniform(0.8, 1), *np.exp(random.uniform(low, high, max(0, seats - 2)))][:seats]
    distances = [round(float(one), 2) for one in random.permutation(drawn)]
    if condition.room == "measured" and around.responses:
        name = str(random.choice(sorted(around.responses)))
        return acoustics.measured(name, around.responses[name], distances)
    return acoustics.simulated(condition.rt60, distances, random)


def record(
    condition: Condition,
    talk: Sequence[Placed],
    place: Room,
    around: Surroundings,
    random: np.random.Generator,
) -> tuple[Audio, dict[str, Any]]:
    """The sound of a conversation in a room under a condition, and what is true of it for the manifest.

    Samples are within ±1; the first is that of the conversation, whatever lies between.
    """
    voices = sorted({placed.clip.voice for placed in talk})
    spread = _offsets(len(voices), condition.spread_db, random)
    length = max(placed.end for placed in talk) + round(TAIL * SAMPLE_RATE)
    speech, voiced = np.zeros(length), np.zeros(length, np.bool_)
    seats: list[dict[str, Any]] = []
    levels = []
    for voice, offset, distance, response in zip(voices, spread, place.distances, place.responses, strict=True):
        track, on = _track([placed for placed in talk if placed.clip.voice == voice], length)
        heard = acoustics.through(track, response) * gain(offset)
        speech += heard
        voiced |= on
        levels.append(rms(heard[on]))
        seats.append({"voice": voice, "distance_m": distance, "offset_db": round(offset, 1)})
    drawn = float(random.uniform(*condition.level_db))
    scale = gain(drawn) / max(rms(speech[voiced]), 1e-12)
    audio = speech * scale
    facts = _noise(condition, length, around, random)
    if facts is not None:
        audio = audio + facts.sound * gain(drawn - facts.snr_db)
    audio, changed = _channel(condition, audio, random)
    for seat, level in zip(seats, levels, strict=True):
        seat["level_db"] = round(decibels(level * scale), 1)
    return audio, {
        "room": place.name,
        "rt60_s": place.rt60,
        "seats": seats,
        "snr_db": None if facts is None else round(facts.snr_db, 1),
        "noise": None if facts is None else facts.name,
        "level_db": round(decibels(rms(audio[voiced])), 1),
        **changed,
    }


def _offsets(count: int, spread_db: float, random: np.random.Generator) -> list[float]:
    """Levels of voices in dB: one at 0, one lower by the whole spread, the others between, in any order."""
    ends = [0.0, -spread_db, *random.uniform(-spread_db, 0, max(0, count - 2))][:count]
    return [float(one) + 0.0 for one in random.permutation(ends)]  # no −0.0


def _track(clips: Sequence[Placed], length: int) -> tuple[Audio, np.ndarray[Any, np.dtype[np.bool_]]]:
    track, on = np.zeros(length), np.zeros(length, np.bool_)
    for placed in clips:
        track[placed.start : placed.end] += placed.clip.audio
        for turn in placed.turns:
            on[turn.span.start : turn.span.end] = True
    return track, on


def _noise(condition: Condition, length: int, around: Surroundings, random: np.random.Generator) -> Noise | None:
    """Noise of RMS 1 and its name; noise that is not there is made. None where the condition has none."""
    if condition.snr_db is None:
        return None
    snr = float(random.uniform(*condition.snr_db))
    if condition.noise == "recorded" and around.noises:
        name = str(random.choice(sorted(around.noises)))
        return Noise(name, snr, channel.looped(around.noises[name], length, random))
    if condition.noise != "pink" and around.babble:
        return Noise("babble", snr, channel.babble(around.babble, length, random))
    return Noise("pink", snr, channel.pink(length, random))


def _channel(condition: Condition, audio: Audio, random: np.random.Generator) -> tuple[Audio, dict[str, Any]]:
    """The sound after limiter, clipping and line, and what they were."""
    share, codec = 0.0, None
    if condition.drive_db is not None:
        audio, share = channel.clipped(audio, condition.drive_db)
    else:
        audio = channel.limited(audio)
    if condition.line == "telephone":
        audio, codec = channel.telephone(audio), "µ-law, 8 kHz"
    elif condition.line == "opus":
        kilobits = int(random.integers(condition.kilobits[0], condition.kilobits[1] + 1))
        audio, codec = channel.opus(audio, kilobits), f"Opus, {kilobits} kbit/s"
    elif condition.line is not None:
        raise MeetingError(f"there is no line {condition.line}")
    return audio, {"clipped": round(share, 4), "codec": codec}
