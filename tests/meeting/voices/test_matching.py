"""Who is recognised: near by a margin, and heard for long enough."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.voices.matching import CERTAINTIES, OTHERS, Certainty, VoiceProfile, certainty_of, recognised
from pipelines.types import Voice, VoicesHeard

ASKED = Certainty(distance=0.2, margin=0.05, seconds=4.0)


def at(degrees: float, speaker: str = "spk1", seconds: float = 10.0) -> Voice:
    """A voice that lies so far from the direction of 0 degrees."""
    return Voice(speaker, np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32), seconds)


def profile(name: str, degrees: float, model: str = "ge2e") -> VoiceProfile:
    """A voice that is kept."""
    return VoiceProfile(name, name, model, at(degrees).embedding, 20.0)


def names(*voices: Voice, known: list[VoiceProfile]) -> dict[str, str]:
    """Who is recognised as whom."""
    return {id_: found.name for id_, found in recognised(VoicesHeard(voices, "ge2e"), known, ASKED).items()}


def test_a_voice_near_one_that_is_kept_gets_its_name() -> None:
    assert names(at(10), known=[profile("Ann", 0), profile("Ben", 90)]) == {"spk1": "Ann"}


@pytest.mark.parametrize(
    ("voice", "known"),
    [
        (at(45), [profile("Ann", 0)]),  # cosine distance 0.29
        (at(10), [profile("Ann", 0), profile("Ben", 20)]),  # as near to one as to the other
        (at(14), [profile("Ann", 0), profile("Ben", 30)]),  # nearer by less than the margin
        (at(0, seconds=3.9), [profile("Ann", 0)]),
        (at(0), [profile("Ann", 0, model="wespeaker")]),
        (at(0), []),
    ],
    ids=["far", "between two", "without a margin", "heard for too short a time", "of another model", "nobody is kept"],
)
def test_who_is_in_doubt_stays_unknown(voice: Voice, known: list[VoiceProfile]) -> None:
    assert names(voice, known=known) == {}


def test_a_profile_of_another_model_takes_no_margin_away() -> None:
    assert names(at(1), known=[profile("Ann", 0), profile("Old Ann", 0, model="wespeaker")]) == {"spk1": "Ann"}


def test_a_profile_of_another_length_is_passed_over() -> None:
    longer = VoiceProfile("Long", "Long", "ge2e", np.ones(3, np.float32), 20.0)
    assert names(at(0), known=[longer]) == {}
    assert names(at(0), known=[longer, profile("Ann", 0)]) == {"spk1": "Ann"}


def test_one_voice_that_is_kept_is_one_speaker_the_nearest() -> None:
    known = [profile("Ann", 0), profile("Ben", 90)]
    assert names(at(9, "spk1"), at(3, "spk2"), at(80, "spk3"), known=known) == {"spk2": "Ann", "spk3": "Ben"}


def test_what_is_no_direction_at_all_is_nobody() -> None:
    assert names(Voice("spk1", np.full(2, np.nan, np.float32), 10.0), known=[profile("Ann", 0)]) == {}


def test_what_is_asked_of_a_voice_depends_on_the_model() -> None:
    assert certainty_of("ge2e") == CERTAINTIES["ge2e"]
    assert certainty_of("somebody/wespeaker-voxceleb") == OTHERS
