"""A whole set: which recordings, each from a seed of its own, written with references and a manifest."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile

from benchmarks.rooms import acoustics, turn_taking
from benchmarks.rooms.clips import Clip, clips
from benchmarks.rooms.composing import Composer, Placed
from benchmarks.rooms.conditions import CONDITIONS, Condition, Surroundings, record, room
from benchmarks.rooms.voices import HALVES, Audio, Utterance, gather, half, read_audio, recorded_sounds
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

T = TypeVar("T")

MANIFEST = "manifest.jsonl"
PLANS = ((2, True), (4, True), (3, True), (8, False), (6, True), (5, False), (8, True), (7, False))
"""Voices of the first, second, … conversation of a condition, and whether their words are known"""
BABBLERS = 6
SMALL = ("headset", "near", "table", "telephone", "opus")
"""Conditions of a small set"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a set is made from."""

    out: Path
    voices: tuple[Path, ...] = ()
    rooms: Path | None = None
    """Folder with impulse responses and `noise_*`"""
    seed: int = 0
    talks: int = 4
    """Conversations for each condition and half"""
    seconds: float | None = None
    """Of a conversation, about; None is by its voices"""
    conditions: tuple[str, ...] = tuple(condition.name for condition in CONDITIONS)
    both: bool = False
    """Whether a set of one half only is of no use"""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording."""

    half: str
    condition: Condition
    number: int
    """Of the conversation"""

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.condition.name}_{self.half}_{self.number}"

    def folder(self, out: Path) -> Path:
        """Where its files are."""
        return out / self.half / self.condition.name


def plan(wanted: Wanted) -> list[Job]:
    """All recordings of a set, in order; raises MeetingError where it cannot be made as it is wanted."""
    known = {condition.name: condition for condition in CONDITIONS}
    unknown = [name for name in wanted.conditions if name not in known]
    if unknown:
        raise MeetingError(f"there is no condition {', '.join(unknown)}; there are {', '.join(known)}")
    halves = halves_of(wanted.voices)
    if wanted.both and len(halves) < len(HALVES):
        raise MeetingError(
            f"only the half to {halves[0]} has two voices: name folders with more (--voices); a voice belongs to a "
            "half by its name, so that a handful may all be in one"
        )
    if wanted.rooms is not None:
        recorded_sounds(wanted.rooms)  # a wrong name is told before any work
    chosen = [known[name] for name in wanted.conditions]
    return [Job(name, condition, at) for name in halves for condition in chosen for at in range(wanted.talks)]


def make(wanted: Wanted, processes: int = 1, report: Callable[[str], None] = lambda line: None) -> list[dict[str, Any]]:
    """Make a set, the same whatever the number of processes; returns the rows of its manifest. Raises MeetingError."""
    jobs = plan(wanted)
    if any(job.condition.room for job in jobs):
        acoustics.require_extra()
    for folder in {job.folder(wanted.out) for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    return make_all(wanted.out, partial(build, wanted), jobs, processes, report)


def make_all(
    out: Path, build: Callable[[T], dict[str, Any]], jobs: Sequence[T], processes: int, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Build all that a set consists of, telling of each; returns the rows, which become its manifest."""
    rows = []
    for row in _rows(build, jobs, processes):
        rows.append(row)
        report(f"{row['name']}: {len(rows)} of {len(jobs)}, {row['seconds']:.0f} s")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (out / MANIFEST).write_text(lines, encoding="utf-8", newline="\n")
    return rows


def _rows(build: Callable[[T], dict[str, Any]], jobs: Sequence[T], processes: int) -> Iterator[dict[str, Any]]:
    if processes <= 1:
        yield from map(build, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(build, jobs)


def generator(wanted: Wanted, *parts: object) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for, and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, (wanted.seed, *parts))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def build(wanted: Wanted, job: Job) -> dict[str, Any]:
    """Make one recording with its references; returns its row of the manifest."""
    condition = job.condition
    about = (job.half, condition.talks, job.number)
    voices, known = _cast(wanted, job)
    length = wanted.seconds or (min(150.0, 20.0 + 20 * len(voices)) if known else 15.0 + 9 * len(voices))
    habits = turn_taking.load()
    talk = Composer(voices, habits, generator(wanted, *about, "talk")).compose(length)
    spoke = sorted({placed.clip.voice for placed in talk})
    around = _surroundings(wanted, job.half, frozenset(spoke))
    place = room(condition, len(spoke), around, generator(wanted, *about, "room"))
    audio, facts = record(condition, talk, place, around, generator(wanted, *about, condition.name))
    _write(job, job.folder(wanted.out), talk, audio, known)
    times = sorted({placed.clip.exact for placed in talk}) if known else []
    return {
        "name": job.name,
        "half": job.half,
        "condition": condition.name,
        "seed": wanted.seed,
        "seconds": round(len(audio) / SAMPLE_RATE, 3),
        "voices": len(spoke),
        "words": known,
        "word_times": {(): None, (True,): "exact", (False,): "spread"}.get(tuple(times), "mixed"),
        "utterances": len(talk),
        "repeated": sum(placed.repeated for placed in talk),
        "turn_taking": _counted(talk),
        **facts,
    }


def _counted(talk: Sequence[Placed]) -> dict[str, float]:
    found = turn_taking.count([[turn for placed in talk for turn in placed.turns]])
    return {"overlap": found.overlap, "silence": found.silence}


def _cast(wanted: Wanted, job: Job) -> tuple[dict[str, list[Clip]], bool]:
    people, known = PLANS[job.number % len(PLANS)]
    random = generator(wanted, job.half, job.condition.talks, job.number, "voices")
    return cast(wanted.voices, job.half, people, known, random)


def cast(
    folders: tuple[Path, ...], of: str, people: int, known: bool, random: np.random.Generator
) -> tuple[dict[str, list[Clip]], bool]:
    """So many voices of a half with all that they can say, and whether their words are known, as is wished for."""
    pool = voices_of(folders, of)
    having = _with_words(pool, known)
    if len(having) < 2:  # a folder with or without words only
        known = not known
        having = _with_words(pool, known)
    names = sorted(having)
    chosen = [names[at] for at in random.permutation(len(names))[:people]]
    found = {voice: [clip for utterance in having[voice] for clip in clips(utterance)] for voice in chosen}
    return {voice: said for voice, said in found.items() if said}, known


def _with_words(pool: Mapping[str, Sequence[Utterance]], known: bool) -> dict[str, list[Utterance]]:
    """The utterances whose words are known, or those whose words are not; only voices that have some."""
    having = {voice: [u for u in said if (u.text is not None) == known] for voice, said in pool.items()}
    return {voice: said for voice, said in having.items() if said}


def halves_of(folders: tuple[Path, ...]) -> list[str]:
    """The halves of which something can be made; raises MeetingError where there is none."""
    halves = [name for name in HALVES if voices_of(folders, name)]
    if not halves:
        raise MeetingError("no half has two voices: more are needed")
    return halves


@cache
def voices_of(folders: tuple[Path, ...], of: str) -> dict[str, tuple[Utterance, ...]]:
    """The utterances of a half by voice; nothing where there are not two voices that both have words or both none."""
    found: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in gather(folders):
        if half(utterance.voice) == of:
            found[utterance.voice].append(utterance)
    having = [{u.text is not None for u in said} for said in found.values()]
    most = max(sum(known in kinds for kinds in having) for known in (True, False))
    return {voice: tuple(said) for voice, said in found.items()} if most >= 2 else {}


def _surroundings(wanted: Wanted, of: str, talking: frozenset[str]) -> Surroundings:
    responses, noises = _recorded(wanted.rooms, of)
    others = [voice for voice in sorted(voices_of(wanted.voices, of)) if voice not in talking][:BABBLERS]
    babble = [voices_of(wanted.voices, of)[voice][0].read() for voice in others]
    return Surroundings(responses, noises, babble)


@cache
def _recorded(folder: Path | None, of: str) -> tuple[dict[str, Audio], dict[str, Audio]]:
    """Impulse responses and noises of a half."""
    paths = [] if folder is None else recorded_sounds(folder)
    found = {path.stem: read_audio(path) for path in paths if half(path.stem) == of}
    responses = {name: audio for name, audio in found.items() if not name.startswith("noise")}
    return responses, {name: audio for name, audio in found.items() if name.startswith("noise")}


def _write(job: Job, folder: Path, talk: Sequence[Placed], audio: Audio, known: bool) -> None:
    """The sound as FLAC; RTTM; and, where words are known, SegLST and CTM (second column: the voice)."""
    path, name = folder / job.name, job.name
    soundfile.write(path.with_suffix(".flac"), np.round(audio * 32767).astype(np.int16), SAMPLE_RATE, subtype="PCM_16")
    turns = sorted(turn for placed in talk for turn in placed.turns)
    spans = [(t.span.start / SAMPLE_RATE, len(t.span) / SAMPLE_RATE, t.speaker) for t in turns]
    rttm = "".join(f"SPEAKER {name} 1 {start:.3f} {long:.3f} <NA> <NA> {who} <NA> <NA>\n" for start, long, who in spans)
    path.with_suffix(".rttm").write_text(rttm, encoding="utf-8", newline="\n")
    if not known:
        return
    rows, timed = [], []
    for placed in talk:
        start, voice = placed.start / SAMPLE_RATE, placed.clip.voice
        row = {"session_id": name, "speaker": voice, "start_time": round(start, 3)}
        rows.append({**row, "end_time": round(placed.end / SAMPLE_RATE, 3), "words": placed.clip.text})
        timed += [(start + at, to - at, voice, word) for word, at, to in placed.clip.words]
    path.with_suffix(".seglst.json").write_text(
        json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
    )
    exact = all(placed.clip.exact for placed in talk)
    head = "" if exact else ";; times of words are spread over the voiced stretches of each utterance, not aligned\n"
    lines = "".join(f"{name} {voice} {at:.2f} {long:.2f} {word}\n" for at, long, voice, word in sorted(timed))
    path.with_suffix(".words.ctm").write_text(head + lines, encoding="utf-8", newline="\n")


def small(wanted: Wanted) -> Wanted:
    """A set of a minute or two, for tests."""
    return replace(wanted, talks=1, seconds=10.0, conditions=SMALL)


def described() -> list[dict[str, Any]]:
    """The conditions, for the docs and for programs."""
    return [asdict(condition) for condition in CONDITIONS]
