"""A set of meetings with several microphones, each from a seed of its own, written with references and a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.microphones.scenes import QUIET, SCENES, Microphone, Scene
from benchmarks.rooms import turn_taking
from benchmarks.rooms.clips import Clip
from benchmarks.rooms.composing import LEAD, ROUNDS, Composer, Placed
from benchmarks.rooms.making import MANIFEST, cast, generator, halves_of, make_all
from benchmarks.rooms.making import Wanted as RoomsWanted
from meeting.evaluation.evaluate import Reference
from meeting.evaluation.scores import Row
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Span, Turn

PEOPLE = (3, 4, 2)
"""In the first, second, third … conversation"""
LEAST = {"call": 3}
"""People that a scene needs at least"""
CASTS = 12
"""Casts that are drawn at most until one has enough to say"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a set is made from."""

    out: Path
    voices: tuple[Path, ...] = ()
    seed: int = 0
    talks: int = 3
    """Conversations for each scene and half"""
    seconds: float = 110.0
    """Of a conversation, about"""
    scenes: tuple[str, ...] = tuple(SCENES)


@dataclass(frozen=True, slots=True)
class Meeting:
    """One row of a manifest."""

    folder: Path
    name: str
    half: str
    scene: str
    seconds: float
    microphones: tuple[Microphone, ...]

    def audio(self, microphone: Microphone) -> Path:
        """What a microphone recorded."""
        return self.folder / f"{microphone.id}.flac"

    def reference(self) -> Reference:
        """What was said and by whom, in the time of the first microphone."""
        said = json.loads((self.folder / "reference.seglst.json").read_text(encoding="utf-8"))
        first, turns = self.microphones[0], []
        for row in json.loads((self.folder / "reference.turns.json").read_text(encoding="utf-8")):
            span = Span(round(first.sample(row["start"])), round(first.sample(row["end"])))
            turns.append(Turn(span, row["speaker"]))
        rows: list[Row] = []
        for row in said:
            start, end = (first.sample(row[key]) / SAMPLE_RATE for key in ("start_time", "end_time"))
            rows.append({"speaker": row["speaker"], "start_time": start, "end_time": end, "words": row["words"]})
        return Reference(self.audio(first), tuple(rows), tuple(turns))


def make(wanted: Wanted, processes: int = 1, report: Callable[[str], None] = lambda line: None) -> list[dict[str, Any]]:
    """Make a set, the same whatever the number of processes; returns the rows of its manifest. Raises MeetingError."""
    unknown = [name for name in wanted.scenes if name not in SCENES]
    if unknown:
        raise MeetingError(f"there is no scene {', '.join(unknown)}; there are {', '.join(SCENES)}")
    halves = halves_of(wanted.voices)
    jobs = [(half, scene, at) for half in halves for scene in wanted.scenes for at in range(wanted.talks)]
    return make_all(wanted.out, partial(build, wanted), jobs, processes, report)


def build(wanted: Wanted, job: tuple[str, str, int]) -> dict[str, Any]:
    """Make one meeting with its references; returns its row of the manifest. Raises MeetingError.

    A job is a half, a scene and the number of a conversation.
    """
    half, scene, number = job
    seeded = RoomsWanted(wanted.out, seed=wanted.seed)
    about = (half, scene, number, "microphones")
    people = max(PEOPLE[number % len(PEOPLE)], LEAST.get(scene, 0))
    voices = _talkative(wanted, half, people, seeded, about)
    composed = Composer(voices, turn_taking.load(), generator(seeded, *about, "talk")).compose(wanted.seconds)
    wait = round((QUIET - LEAD) * SAMPLE_RATE)
    talk = [replace(placed, start=placed.start + wait) for placed in composed]
    made = SCENES[scene](talk, generator(seeded, *about, "scene"))
    name = f"{scene}_{half}_{number}"
    _write(wanted.out / half / name, talk, made)
    return {
        "name": name,
        "half": half,
        "scene": scene,
        "seed": wanted.seed,
        "seconds": round(max(placed.end for placed in talk) / SAMPLE_RATE, 3),
        "voices": len(voices),
        "microphones": [asdict(one) for one in made.microphones],
        **made.facts,
    }


def _talkative(
    wanted: Wanted, half: str, people: int, seeded: RoomsWanted, about: Sequence[object]
) -> dict[str, list[Clip]]:
    """Voices that together have enough to say, or of some drawn casts the one that has most."""
    best, most = dict[str, list[Clip]](), 0.0
    for attempt in range(CASTS):
        voices, known = cast(wanted.voices, half, people, True, generator(seeded, *about, "voices", attempt))
        seconds = [sum(clip.seconds for clip in clips) for clips in voices.values()]
        if known and len(voices) >= 2 and sum(seconds) > most:
            best, most = voices, sum(seconds)
        if most * ROUNDS >= wanted.seconds:
            return best
    if not best:
        raise MeetingError("two voices whose words are known are needed")
    return best


def _write(folder: Path, talk: Sequence[Placed], made: Scene) -> None:
    """The sounds as FLAC, and the references in seconds of the world's clock."""
    folder.mkdir(parents=True, exist_ok=True)
    for microphone, sound in zip(made.microphones, made.sounds, strict=True):
        whole = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
        soundfile.write(folder / f"{microphone.id}.flac", whole, SAMPLE_RATE, subtype="PCM_16")
    said = [
        {
            "session_id": folder.name,
            "speaker": placed.clip.voice,
            "start_time": round(placed.start / SAMPLE_RATE, 3),
            "end_time": round(placed.end / SAMPLE_RATE, 3),
            "words": placed.clip.text,
        }
        for placed in talk
    ]
    turns = [
        {"speaker": turn.speaker, "start": turn.span.start / SAMPLE_RATE, "end": turn.span.end / SAMPLE_RATE}
        for turn in sorted(turn for placed in talk for turn in placed.turns)
    ]
    for name, rows in (("reference.seglst.json", said), ("reference.turns.json", turns)):
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def meetings(folder: Path, half: str = "both", scenes: Sequence[str] | None = None) -> list[Meeting]:
    """The meetings of a set, in order; raises MeetingError where there is none."""
    try:
        rows = [json.loads(line) for line in (folder / MANIFEST).read_text(encoding="utf-8").splitlines()]
        found = [
            Meeting(
                folder / row["half"] / row["name"],
                row["name"],
                row["half"],
                row["scene"],
                row["seconds"],
                tuple(Microphone(**one) for one in row["microphones"]),
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MeetingError(
            f"{folder} is no set: make one with python -m benchmarks.microphones make {folder}"
        ) from error
    chosen = [one for one in found if half in (one.half, "both") and (scenes is None or one.scene in scenes)]
    if not chosen:
        raise MeetingError(f"{folder} has no such meetings")
    return chosen
