"""Conditions: what they say is what is heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rooms.clips import Clip, decibels, gain, rms
from benchmarks.rooms.composing import Placed
from benchmarks.rooms.conditions import CONDITIONS, Condition, Surroundings, record, room
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE
from tests.benchmarks.rooms.conftest import tone

AROUND = Surroundings({}, {}, ())
PLAIN = Condition("plain", "", "plain", snr_db=None)


def talk(people: int = 2) -> list[Placed]:
    """Voices one after the other, a second each."""
    audio = tone(1.0, 300, gain(-26.0) * np.sqrt(2))
    clips = [Clip(f"v{at}", "", audio, ((0, len(audio)),), None, (), False) for at in range(people)]
    return [Placed(at * SAMPLE_RATE, clip, "switch") for at, clip in enumerate(clips)]


def seconds(audio: np.ndarray, at: int) -> np.ndarray:
    return audio[at * SAMPLE_RATE : (at + 1) * SAMPLE_RATE]


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_every_condition_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS) >= 12
    assert all(condition.what for condition in CONDITIONS)
    together = {condition.talks for condition in CONDITIONS if condition.name in ("near", "quiet", "loud", "opus")}
    assert together == {"near"}


@pytest.mark.parametrize("level", [-50.0, -30.0])
def test_the_level_is_that_of_what_is_voiced(level: float) -> None:
    condition = replace(PLAIN, level_db=(level, level))
    audio, facts = record(condition, talk(), room(condition, 2, AROUND, random()), AROUND, random())
    assert decibels(rms(audio[: 2 * SAMPLE_RATE])) == pytest.approx(level, abs=0.1)
    assert facts["level_db"] == pytest.approx(level, abs=0.1)


def test_voices_are_as_far_apart_as_told() -> None:
    condition = replace(PLAIN, spread_db=20)
    audio, facts = record(condition, talk(3), room(condition, 3, AROUND, random()), AROUND, random())
    heard = [decibels(rms(seconds(audio, at))) for at in range(3)]
    assert max(heard) - min(heard) == pytest.approx(20, abs=0.3)
    assert [seat["level_db"] for seat in facts["seats"]] == pytest.approx(heard, abs=0.2)


def test_noise_is_as_far_below_as_told() -> None:
    condition = replace(PLAIN, snr_db=(10, 10), level_db=(-30, -30))
    audio, facts = record(condition, talk(), room(condition, 2, AROUND, random()), AROUND, random())
    assert decibels(rms(seconds(audio, 2))) == pytest.approx(-40, abs=1.0)  # after the last word
    assert (facts["noise"], facts["snr_db"]) == ("pink", 10)


def test_recorded_noise_and_babble_are_used_where_there_are_any() -> None:
    around = Surroundings({}, {"fan": tone(2.0, 90)}, (tone(2.0, 150), tone(2.0, 190)))
    for kind, name in (("recorded", "fan"), ("babble", "babble")):
        condition = replace(PLAIN, snr_db=(5, 15), noise=kind)
        assert record(condition, talk(), room(condition, 2, around, random()), around, random())[1]["noise"] == name


def test_clipping_and_lines_are_told() -> None:
    for change, key, value in (
        ({"line": "telephone"}, "codec", "µ-law, 8 kHz"),
        ({"line": "opus", "kilobits": (16, 16)}, "codec", "Opus, 16 kbit/s"),
    ):
        condition = replace(PLAIN, **change)  # type: ignore[arg-type]
        _, facts = record(condition, talk(), room(condition, 2, AROUND, random()), AROUND, random())
        assert facts[key] == value
    condition = replace(PLAIN, drive_db=6)
    _, facts = record(condition, talk(), room(condition, 2, AROUND, random()), AROUND, random())
    assert facts["clipped"] > 0.1
    with pytest.raises(MeetingError, match="pigeon"):
        record(replace(PLAIN, line="pigeon"), talk(), room(PLAIN, 2, AROUND, random()), AROUND, random())


def test_a_measured_room_has_a_near_and_a_far_seat() -> None:
    condition = replace(PLAIN, room="measured", distances=(0.5, 4.0))
    around = Surroundings({"hall": np.concatenate([np.ones(1), 0.01 * random().standard_normal(4000)])}, {}, ())
    place = room(condition, 4, around, random())
    assert place.name == "hall"
    assert min(place.distances) == 0.5
    assert max(place.distances) > 3
