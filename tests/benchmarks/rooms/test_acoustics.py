"""Rooms: as reverberant as wanted, from the direct sound on, the same for the same seed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from benchmarks.rooms import acoustics
from benchmarks.rooms.acoustics import above_floor, dry, measured, reverberation, simulated, through
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE


def decaying(rt60: float, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = 0.1 * np.random.default_rng(seed).standard_normal(len(at)) * 10 ** (-3 * at / rt60)
    response[0] = 1.0
    return response


def test_reverberation_is_found() -> None:
    assert reverberation([decaying(0.4)]) == pytest.approx(0.4, abs=0.04)
    assert reverberation([np.ones(1)]) == 0.0


@pytest.mark.slow
def test_without_a_room_the_sound_stays() -> None:
    room = dry(3)
    track = np.arange(10.0)
    assert room.rt60 is None
    assert through(track, room.responses[2]) == pytest.approx(track)


@pytest.mark.slow
def test_a_simulated_room_has_its_seats() -> None:
    pytest.importorskip("pyroomacoustics", reason="the extra rooms is not installed")
    one, two = (simulated((0.25, 0.35), [0.5, 2.0], np.random.default_rng(4)) for _ in range(2))
    assert one.name == two.name
    assert all((a == b).all() for a, b in zip(one.responses, two.responses, strict=True))
    assert one.rt60 is not None
    assert 0.1 < one.rt60 < 0.45
    near, far = one.responses
    assert np.abs(near).max() > 2 * np.abs(far).max()
    assert int(np.argmax(np.abs(near))) < 0.002 * SAMPLE_RATE  # so that references need not be moved


def test_a_seat_that_no_room_holds_is_an_error() -> None:
    pytest.importorskip("pyroomacoustics", reason="the extra rooms is not installed")
    with pytest.raises(MeetingError, match=r"30\.0 m"):
        simulated((0.3, 0.4), [30.0], np.random.default_rng(0))


def test_a_measured_room_has_more_direct_sound_nearby() -> None:
    response = np.concatenate([np.zeros(300), decaying(0.3)])
    room = measured("hall", response, [0.5, 1.0, 2.0])
    peaks = [np.abs(one).max() for one in room.responses]
    assert peaks == pytest.approx([2.0, 1.0, 0.5], rel=0.01)
    tails = [one[1600:3200] for one in room.responses]
    assert tails[0] == pytest.approx(tails[2])


def test_noise_of_a_recorded_response_is_cut_off() -> None:
    noisy = decaying(0.2, 1.0) + 0.002 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)
    assert 0.05 < len(above_floor(noisy)) / SAMPLE_RATE < 0.3
    assert abs(above_floor(noisy)[-1]) < 1e-3


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MeetingError, match="extra"):
        acoustics.require_extra()
