"""What is heard of several microphones when a meeting is played: all added up, and each as loud as the server has it.

Both are heard by the recogniser: a voice that comes from two microphones, one a little late, is harder to understand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.harness import report
from benchmarks.microphones import hearing
from benchmarks.microphones.hearing import MIX, Heard
from benchmarks.microphones.joined import Shown, alone, join
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scoring import RATES, Figures, score
from benchmarks.rooms.matrix import AudioClock
from benchmarks.rooms.voices import read_audio
from meeting.core.placing import in_meeting
from meeting.sources.backend import PipelineRequest
from meeting.storage.files.mix_gains import MixGains
from meeting.storage.files.mixing import ReadSound, Sound, mix
from pipelines.types import SAMPLE_RATE, Samples, Span


@dataclass(frozen=True, slots=True)
class Played:
    """What was understood of one meeting."""

    scene: str
    added: Figures
    """Of all microphones, added up"""
    gained: Figures
    """Of all microphones, each as loud as it is in what the server plays"""


def listen(meeting: Meeting, heard: Sequence[Heard], clock: AudioClock, keep: Path | None = None) -> Played:
    """Mix a meeting in both ways, and let the pipeline hear that; slow. `keep` is a folder for both as WAV."""
    microphones = [one for one in heard if one.microphone.id != MIX]
    sounds = [read_audio(meeting.audio(one.microphone)).astype(np.float32) for one in microphones]
    shown = join(microphones, sounds)
    figures = []
    for name, sound in zip(("added", "played"), mixes(shown, microphones, sounds), strict=True):
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            soundfile.write(keep / f"{meeting.name}_{name}.wav", sound, SAMPLE_RATE, subtype="PCM_16")
        first = microphones[0].microphone
        told = hearing.told(PipelineRequest(MIX, None, ()), sound, clock)
        figures.append(score(meeting.reference(), alone(Heard(first, len(sound), told), first), first))
    return Played(meeting.scene, *figures)


def mixes(shown: Shown, microphones: Sequence[Heard], sounds: Sequence[Samples]) -> tuple[Samples, Samples]:
    """All microphones added up, and each as loud as its words have it, in the meeting's time."""
    anchors = [shown.anchors[one.microphone.id] for one in microphones]
    sources = [(mine, _reading(np.round(sound * 32768))) for mine, sound in zip(anchors, sounds, strict=True)]
    end = max(in_meeting(mine, len(sound)) for mine, sound in zip(anchors, sounds, strict=True))
    words = {one.microphone.id: list[Span]() for one in microphones}
    for line in shown.lines:
        words[line.source_id] += [word.span for word in line.words]
    found = (mix(sources, Span(0, end), gains) for gains in (None, MixGains(list(words.values()))))
    added, gained = (np.float32(1 / 32768) * sound.astype(np.float32) for sound in found)
    return added, gained


def _reading(sound: NDArray[np.float32]) -> ReadSound:
    kept = np.clip(sound, -32768, 32767).astype(np.int16)

    def read(start: int, end: int) -> Sound:
        part = kept[start:end]
        return np.pad(part, (0, end - start - len(part)))

    return read


def table(found: Sequence[Played]) -> str:
    """The errors of both, by scene."""
    scenes = {played.scene: [one for one in found if one.scene == played.scene] for played in found}
    if len(scenes) > 1:
        scenes["all"] = list(found)
    columns = ["heard", "meetings", *(f"{rate}, {how}" for rate in RATES for how in ("added up", "as played"))]
    rows = []
    for name, mine in scenes.items():
        added, gained = (
            sum(figures, Figures()) for figures in zip(*((one.added, one.gained) for one in mine), strict=True)
        )
        rows.append([name, len(mine), *(figures.rate(rate) for rate in RATES for figures in (added, gained))])
    return report.table(columns, rows)
