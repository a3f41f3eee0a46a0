"""Scenes: the clocks of microphones, how their audio arrives, and what each hears of whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.microphones import scenes
from benchmarks.microphones.scenes import FRAME, LATE, SCENES, Microphone
from benchmarks.rooms.clips import Clip, rms
from benchmarks.rooms.composing import Placed
from pipelines.types import SAMPLE_RATE

CLOCK = Microphone("mic2", "room", "corner", 2.0, 50.0, 0.1, 0.02, 0.3, 7)


def said(voice: str, at: float, hertz: float) -> Placed:
    length = 2 * SAMPLE_RATE
    audio = 0.1 * np.sin(2 * np.pi * hertz * np.arange(length) / SAMPLE_RATE)
    return Placed(
        round(at * SAMPLE_RATE), Clip(voice, voice, audio, ((0, length),), "hello there", (), False), "switch"
    )


TALK = [said("Ann", 7, 300), said("Ben", 10, 500), said("Cid", 13, 800), said("Ann", 31, 300)]


@pytest.fixture
def dry_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that is quickly simulated."""
    pytest.importorskip("pyroomacoustics", reason="the extra rooms is not installed")
    monkeypatch.setattr(scenes, "RT60", (0.12, 0.15))


def part(sound: np.ndarray, microphone: Microphone, start: float, end: float) -> np.ndarray:
    first, last = (round(microphone.sample(at)) for at in (start, end))
    return sound[first:last]


def power_at(sound: np.ndarray, hertz: float) -> float:
    at = np.arange(len(sound)) / SAMPLE_RATE
    return float(np.abs(np.mean(sound * np.exp(-2j * np.pi * hertz * at))))


def test_a_fast_clock_counts_more_samples() -> None:
    assert CLOCK.sample(2.0) == 0.0
    assert CLOCK.sample(1002.0) == pytest.approx(1000 * SAMPLE_RATE * 1.00005)
    assert CLOCK.at(CLOCK.sample(123.0)) == pytest.approx(123.0)


def test_frames_arrive_in_order_and_never_before_they_are_recorded() -> None:
    arrivals = CLOCK.arrivals(100 * FRAME + 1)
    ends = [CLOCK.at(min((at + 1) * FRAME, 100 * FRAME + 1)) for at in range(101)]
    assert len(arrivals) == 101
    assert (np.diff(arrivals) >= 0).all()
    assert (arrivals >= np.array(ends) + CLOCK.network).all()
    assert np.array_equal(arrivals, CLOCK.arrivals(100 * FRAME + 1))
    assert not np.array_equal(arrivals, replace(CLOCK, seed=8).arrivals(100 * FRAME + 1))


@pytest.mark.slow
@pytest.mark.usefixtures("dry_room")
def test_four_microphones_of_a_room_hear_one_conversation_from_when_they_are_on() -> None:
    made = SCENES["room"](TALK, np.random.default_rng(1))
    assert [one.id for one in made.microphones] == ["mic1", "mic2", "mic3", "mic4"]
    assert made.microphones[0].begins == 0
    assert made.microphones[-1].begins == LATE
    assert all(0 < abs(one.ppm) <= 50 and one.kind == "room" for one in made.microphones)
    for microphone, sound in zip(made.microphones, made.sounds, strict=True):
        assert microphone.at(len(sound)) == pytest.approx(34.0, abs=0.01)
        late = part(sound, microphone, 31.2, 32.8)
        assert power_at(late, 300) > 5 * power_at(late, 500)
    first, second = (
        part(sound, microphone, 7.2, 8.8)
        for microphone, sound in zip(made.microphones[:2], made.sounds[:2], strict=True)
    )
    assert rms(first) != pytest.approx(rms(second), rel=0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("dry_room")
def test_a_headset_hears_the_others_a_little() -> None:
    made = SCENES["headsets"](TALK, np.random.default_rng(1))
    assert [one.kind for one in made.microphones] == ["solo"] * 3
    microphone, sound = made.microphones[1], made.sounds[1]
    own, others = (power_at(part(sound, microphone, at, at + 1.6), hertz) for at, hertz in ((10.2, 500), (13.2, 800)))
    assert 5 * others < own
    assert others > 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("dry_room")
def test_a_laptop_in_a_call_hears_from_its_loudspeaker_what_the_tab_plays() -> None:
    made = SCENES["call"](TALK, np.random.default_rng(1))
    here = made.facts["here"]
    assert len(here) == 1
    hertz = {"Ann": (7, 300), "Ben": (10, 500), "Cid": (13, 800)}
    for voice, (at, tone) in hertz.items():
        laptop, tab = (
            power_at(part(sound, microphone, at + 0.4, at + 1.8), tone)
            for microphone, sound in zip(made.microphones, made.sounds, strict=True)
        )
        assert laptop > 1e-4
        assert (tab > 1e-3) == (voice not in here)
