"""Each microphone through the real pipeline, by itself: what it says, and when, kept on disk.

Audio is fed in lock step (see `benchmarks.rooms.matrix`), so that what is kept does not depend on the machine. With
what is kept, joining can be tried without models.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import numpy as np

from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scenes import Microphone
from benchmarks.rooms.matrix import AudioClock
from benchmarks.rooms.voices import Audio, read_audio
from meeting.config.sources import load_config
from meeting.sources.backend import PipelineRequest
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Output, Samples

MIX = "mix"
"""Stands for all microphones of a meeting, mixed before they are heard"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the pipeline made of one microphone."""

    microphone: Microphone
    samples: int
    """How long it recorded"""
    told: tuple[tuple[int, Output], ...]
    """Each output, in the microphone's own time, with the samples that had been heard by then"""
    as_room: tuple[tuple[int, Output], ...] | None = None
    """Of a microphone that only its owner should be heard by: what it would have told if it had been for everybody"""


def hear(meeting: Meeting, clock: AudioClock) -> list[Heard]:
    """Run every microphone of a meeting, and all of them mixed; slow. Raises MeetingError."""
    sounds = [read_audio(meeting.audio(one)) for one in meeting.microphones]
    found = [_heard(one, sound, clock) for one, sound in zip(meeting.microphones, sounds, strict=True)]
    whole = replace(meeting.microphones[0], id=MIX, kind="room", what="all mixed", begins=0.0, ppm=0.0)
    return [*found, _heard(whole, mixed(meeting.microphones, sounds), clock)]


def _heard(microphone: Microphone, sound: Audio, clock: AudioClock) -> Heard:
    solo = microphone.kind == "solo"
    as_room = told(PipelineRequest(microphone.id, None, ()), sound, clock)
    own = told(PipelineRequest(microphone.id, None, (), solo=True), sound, clock) if solo else as_room
    return Heard(microphone, len(sound), own, as_room if solo else None)


def told(request: PipelineRequest, sound: Audio | Samples, clock: AudioClock) -> tuple[tuple[int, Output], ...]:
    """What a pipeline says of a sound, each output with the samples that it had heard by then; slow."""
    engine = clock.load_engine(load_config().models, lambda _: None)
    pipeline = clock.open_pipeline(engine, request, lambda _: None, lambda _: None)
    try:
        pipeline.feed(sound.astype(np.float32))
        pipeline.finish()
    finally:
        pipeline.close()
    return tuple(clock.told)


def mixed(microphones: Sequence[Microphone], sounds: Sequence[Audio]) -> Audio:
    """Several microphones as one, each as loud as it is, in the world's time; drift is left as it is."""
    starts = [round(one.begins * SAMPLE_RATE) for one in microphones]
    whole = np.zeros(max(start + len(sound) for start, sound in zip(starts, sounds, strict=True)))
    for start, sound in zip(starts, sounds, strict=True):
        whole[start : start + len(sound)] += sound
    return np.asarray(whole / max(1.0, float(np.abs(whole).max(initial=0))))


def path_of(folder: Path, meeting: Meeting) -> Path:
    """Where what the pipelines made of a meeting is kept."""
    return folder / f"{meeting.name}.pickle"


def kept(folder: Path, meeting: Meeting) -> list[Heard]:
    """What the pipelines made of a meeting, as this program has kept it; raises MeetingError where it has not."""
    try:
        found: list[Heard] = pickle.loads(path_of(folder, meeting).read_bytes())
    except FileNotFoundError as error:
        how = "python -m benchmarks.microphones hear SET --outputs"
        raise MeetingError(f"{meeting.name} was not heard yet: run {how} {folder}") from error
    for heard in found:
        for _, output in (*heard.told, *(heard.as_room or ())):
            _complete(output)
    return found


def _complete(output: Output) -> None:
    """Give an output that an earlier version kept the fields that have been added since."""
    for field in fields(output):
        if not hasattr(output, field.name) and field.default is not MISSING:
            object.__setattr__(output, field.name, field.default)


def keep(folder: Path, meeting: Meeting, heard: Sequence[Heard]) -> None:
    """Keep what the pipelines made of a meeting."""
    folder.mkdir(parents=True, exist_ok=True)
    made = path_of(folder, meeting).with_suffix(".part")
    made.write_bytes(pickle.dumps(list(heard)))
    made.replace(path_of(folder, meeting))
