"""Which of the voices that are kept is heard in a meeting: by distance, by margin, and after enough speech.

A wrong name costs its reader more than none, so that whatever is in doubt stays without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Voice, VoicesHeard


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    """A voice that somebody asked to be remembered."""

    id: str
    name: str
    model: str
    """Name of the embedding model that made it: no other can compare with it"""
    embedding: NDArray[np.float32] = field(compare=False, repr=False)
    """How it sounds, a vector of length one, shape (dimension,)"""
    seconds: float
    """Clean speech that it was made of"""


@dataclass(frozen=True, slots=True)
class Certainty:
    """What makes a voice the one of a profile; cosine distances."""

    distance: float
    """How far it may be from the profile"""
    margin: float
    """How much nearer it must be to that than to any other profile"""
    seconds: float
    """Clean speech that must have been heard of it"""


CERTAINTIES = {"ge2e": Certainty(distance=0.10, margin=0.04, seconds=4.0)}
"""By family of embedding model, as `benchmarks.voices` chose them on half of its voices"""
OTHERS = Certainty(distance=0.3, margin=0.1, seconds=10.0)
"""For models that nobody has measured"""
ENROL_SECONDS = 10.0
"""Clean speech that a voice must have been heard with before it can be remembered"""


def certainty_of(model: str) -> Certainty:
    """What is asked of a voice that this embedding model heard."""
    return next((known for family, known in CERTAINTIES.items() if family in model.lower()), OTHERS)


def recognised(
    heard: VoicesHeard, profiles: Iterable[VoiceProfile], certainty: Certainty | None = None
) -> dict[str, VoiceProfile]:
    """The profile of each speaker that is recognised, by speaker id; a profile is one speaker's at most.

    Profiles of other embedding models are passed over.
    """
    asked = certainty or certainty_of(heard.model)
    known = [one for one in profiles if one.model == heard.model]
    found: dict[str, tuple[float, Voice, VoiceProfile]] = {}
    for voice in heard.voices:
        match = nearest(voice, known, asked)
        if match is None:
            continue
        distance, profile = match
        if profile.id not in found or distance < found[profile.id][0]:
            found[profile.id] = (distance, voice, profile)
    return {voice.speaker: profile for _, voice, profile in found.values()}


def nearest(voice: Voice, profiles: Sequence[VoiceProfile], asked: Certainty) -> tuple[float, VoiceProfile] | None:
    """The profile that a voice surely is, with its distance; None where none is near, or too little was heard."""
    if voice.seconds < asked.seconds:
        return None
    # models may change under one name: what cannot be compared is passed over
    profiles = [one for one in profiles if one.embedding.shape == voice.embedding.shape]
    if not profiles:
        return None
    distances = 1.0 - np.stack([one.embedding for one in profiles]) @ voice.embedding
    order = np.argsort(distances)
    first = float(distances[order[0]])
    second = float(distances[order[1]]) if len(order) > 1 else np.inf
    if not first <= asked.distance or second - first < asked.margin:
        return None
    return first, profiles[int(order[0])]
