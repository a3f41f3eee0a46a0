"""What the pipelines say of each microphone: in lock step, kept, and of all of them mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.microphones import hearing
from benchmarks.microphones.hearing import MIX, Heard, hear, keep, kept, mixed
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scenes import Microphone
from pipelines.types import SAMPLE_RATE, Speaker

ONE = Microphone("mic1", "room", "table", 0.0, 20.0, 0.1, 0.01, 0.2, 1)
TWO = Microphone("mic2", "solo", "headset", 0.5, -20.0, 0.1, 0.01, 0.2, 2)


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    for one, seconds in ((ONE, 2), (TWO, 3)):
        soundfile.write(tmp_path / f"{one.id}.flac", np.full(seconds * SAMPLE_RATE, 0.25), SAMPLE_RATE)
    return Meeting(tmp_path, "call_choose_0", "choose", "call", 3.0, (ONE, TWO))


class Clock:
    """Stands for a backend: its pipelines say how many seconds they were fed."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Speaker]] = []
        self.asked: list[tuple[str, bool]] = []
        self.closed = 0

    def load_engine(self, models: object, report: object) -> str:
        return "engine"

    def open_pipeline(self, engine: object, request, emit: object, on_backlog: object) -> Clock:  # type: ignore[no-untyped-def]
        self.told = []
        self.asked.append((request.source_id, request.solo))
        return self

    def feed(self, audio: np.ndarray) -> None:
        self.told.append((len(audio), Speaker("spk1", name=f"{len(audio) / SAMPLE_RATE:g} s of {audio.dtype}")))

    def finish(self) -> None:
        self.told.append((self.told[-1][0], Speaker("spk2")))

    def close(self) -> None:
        self.closed += 1


def test_every_microphone_is_heard_by_itself_and_then_all_of_them_mixed(meeting: Meeting) -> None:
    clock = Clock()
    found = hear(meeting, clock)  # type: ignore[arg-type]
    assert [one.microphone.id for one in found] == ["mic1", "mic2", MIX]
    assert [one.samples for one in found] == [2 * SAMPLE_RATE, 3 * SAMPLE_RATE, 3.5 * SAMPLE_RATE]
    assert [one.told[0][1] for one in found][-1] == Speaker("spk1", name="3.5 s of float32")
    assert [len(one.told) for one in found] == [2, 2, 2]
    assert [one.as_room is not None for one in found] == [False, True, False]
    assert clock.closed == 4
    assert clock.asked == [("mic1", False), ("mic2", False), ("mic2", True), (MIX, False)]


def test_mixed_sound_is_in_step_and_not_too_loud() -> None:
    sounds = [np.full(2 * SAMPLE_RATE, 0.25), np.full(SAMPLE_RATE, 0.25)]
    found = mixed([ONE, TWO], sounds)
    assert len(found) == 2 * SAMPLE_RATE
    assert (found[: SAMPLE_RATE // 2] == 0.25).all()
    assert (found[SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 2] == 0.5).all()
    assert np.abs(mixed([ONE, TWO], [np.ones(10), np.ones(10)])).max() <= 1


def test_what_was_heard_is_kept(meeting: Meeting, tmp_path: Path) -> None:
    heard = [Heard(ONE, 10, ((5, Speaker("spk1")),))]
    keep(tmp_path / "outputs", meeting, heard)
    assert hearing.path_of(tmp_path / "outputs", meeting).is_file()
    assert kept(tmp_path / "outputs", meeting) == heard


def earlier_speaker() -> Speaker:
    """One that has no field `profile` yet."""
    made = Speaker("spk1")
    object.__delattr__(made, "profile")
    return made


class Kept:
    """Is read back as what an earlier version has written."""

    def __reduce__(self) -> Any:
        return earlier_speaker, ()


def test_what_an_earlier_version_kept_gets_the_fields_that_were_added(meeting: Meeting, tmp_path: Path) -> None:
    told: Any = ((5, Kept()),)
    keep(tmp_path, meeting, [Heard(ONE, 10, told, told)])
    assert kept(tmp_path, meeting) == [Heard(ONE, 10, ((5, Speaker("spk1")),), ((5, Speaker("spk1")),))]
