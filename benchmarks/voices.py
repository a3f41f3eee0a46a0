"""Whether a voice that was remembered is recognised when it is met elsewhere, and whether anybody is taken for it.

    .venv/bin/python -m benchmarks.voices FOLDER [FOLDER ...] --rooms FOLDER

FOLDER holds single utterances with a `voices.jsonl`, or recordings with their references; a folder of rooms holds
impulse responses as `NAME.flac` (what begins with `noise` is passed over). A voice with enough speech is remembered
from 20 s of it, beside the voices of others, and met in stretches of 10 s of the rest; all that have too little are
strangers, but for those of the others. Voices and rooms belong to one of two halves, by a hash of their names: the
thresholds in `meeting/voices/matching.py` were chosen on one and are reported on the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import report
from benchmarks.rooms.acoustics import measured, through
from benchmarks.rooms.clips import LEVEL_DB, gain, rms, stretches
from benchmarks.rooms.voices import HALVES, Audio, gather, half, read_audio, recorded_sounds
from meeting.config.sources import load_config
from meeting.evaluation.window_results import open_engine
from meeting.voices.matching import Certainty, VoiceProfile, certainty_of, recognised
from pipelines.engine.voices import find_voice
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Voice, VoicesHeard

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine

ENROLLED, MET = 20, 10
"""Seconds from which a voice is remembered, and in which it is met"""
SHORTEST = 6
"""Seconds in which anybody is met at least"""
OTHERS = 12
"""Voices that are remembered beside those that are met"""
DISTANCE = 0.8
"""Metres from a mouth to the microphone of a room"""
PLACES = ("as recorded", "remembered and met in one room", "remembered as recorded, met in a room")
DISTANCES = (0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20)
COLUMNS = ("where", "voices", "meetings", "right, %", "no name, %", "wrong, %", "strangers", "named, %")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A voice that is met, and those that are remembered meanwhile."""

    who: str
    known: bool
    """Whether it is one of those"""
    voice: Voice
    profiles: tuple[VoiceProfile, ...] = field(repr=False)


@dataclass
class Tally:
    """Meetings, added up."""

    voices: set[str] = field(default_factory=set)
    known: int = 0
    right: int = 0
    wrong: int = 0
    strangers: int = 0
    named: int = 0
    """Of the strangers"""

    def add(self, met: Meeting, name: str | None) -> None:
        """Count a meeting in which a voice was given this name, or none."""
        if not met.known:
            self.strangers += 1
            self.named += name is not None
            return
        self.voices.add(met.who)
        self.known += 1
        self.right += name == met.who
        self.wrong += name not in (met.who, None)

    def row(self, where: str) -> list[object]:
        """For the table."""

        def share(part: int, whole: int) -> float | None:
            return 100 * part / whole if whole else None

        none = self.known - self.right - self.wrong
        shares = [share(part, self.known) for part in (self.right, none, self.wrong)]
        return [where, len(self.voices), self.known, *shares, self.strangers, share(self.named, self.strangers)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Remember and meet all voices; print the tables."""
    parser = report.parser("voices", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="voices")
    parser.add_argument("--rooms", type=Path, metavar="FOLDER", help="impulse responses")
    asked = parser.parse_args(arguments)
    try:
        rooms = read_rooms(asked.rooms)
        speech = read_speech(asked.folders)
        engine = open_engine(load_config())
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        model = engine.models["embedding"]
        known = report.facts("voices", arguments, embedding=model, certainty=str(certainty_of(model)))
        print(report.head(known), flush=True)
        met = {one: list(meetings(engine, of_half(speech, one), of_half(rooms, one))) for one in HALVES}
    finally:
        engine.close()
    tables = {f"the half to {one}": rows(met[one], model) for one in HALVES}
    chosen, tried = certainty_of(model), [meeting for place, meeting in met[HALVES[0]] if place != PLACES[2]]
    tables[f"the half to {HALVES[0]}, with other distances than {chosen.distance}, the last place left out"] = [
        tally(tried, model, replace(chosen, distance=distance)).row(f"{distance:.2f}") for distance in DISTANCES
    ]
    for name, each in tables.items():
        print(f"In {name}:\n\n{report.table(COLUMNS, each)}")
    report.save(asked.json, known, tables=tables)
    return 0


def read_speech(folders: Sequence[Path]) -> dict[str, Audio]:
    """All that each voice says, without the silence round it, at one level; raises MeetingError."""
    parts: dict[str, list[Audio]] = {}
    for utterance in gather(folders):
        audio = utterance.read()
        voiced = stretches(audio)
        if voiced:
            audio = audio[voiced[0][0] : voiced[-1][1]]
            parts.setdefault(utterance.voice, []).append(audio * gain(LEVEL_DB) / max(rms(audio), 1e-9))
    return {voice: np.concatenate(each) for voice, each in sorted(parts.items())}


def read_rooms(folder: Path | None) -> dict[str, Audio]:
    """Impulse responses by name; none without a folder. Raises MeetingError."""
    paths = recorded_sounds(folder) if folder else []
    return {
        path.stem: measured(path.stem, read_audio(path), [DISTANCE]).responses[0]
        for path in paths
        if not path.stem.startswith("noise")
    }


def of_half(items: Mapping[str, Audio], which: str) -> dict[str, Audio]:
    """Those of one half, by their names."""
    return {name: item for name, item in items.items() if half(name) == which}


def pieces(audio: Audio, seconds: int, least: int) -> list[Audio]:
    """Consecutive stretches of so many seconds; the last one may be shorter, but not than `least`."""
    size = seconds * SAMPLE_RATE
    cut = [audio[at : at + size] for at in range(0, len(audio), size)]
    return [piece for piece in cut if len(piece) >= least * SAMPLE_RATE]


def meetings(engine: Engine, speech: Mapping[str, Audio], rooms: Mapping[str, Audio]) -> Iterator[tuple[str, Meeting]]:
    """Every meeting with where it takes place, of voices of one half; what the models hear nothing in is left out."""
    random = np.random.default_rng(0)
    model = engine.models["embedding"]
    least = (ENROLLED + SHORTEST) * SAMPLE_RATE
    known = {voice: audio for voice, audio in speech.items() if len(audio) >= least}
    others = [voice for voice in speech if voice not in known and len(speech[voice]) >= SHORTEST * SAMPLE_RATE]
    beside = set(random.permutation(others)[:OTHERS].tolist())

    def heard(who: str, audio: Audio, room: str | None) -> Voice | None:
        return find_voice(engine, who, audio if room is None else through(audio, rooms[room]))

    def profile(who: str, audio: Audio, room: str | None) -> list[VoiceProfile]:
        voice = heard(who, audio, room)
        return [] if voice is None else [VoiceProfile(who, who, model, voice.embedding, voice.seconds)]

    strange = [one for voice in sorted(beside) for one in profile(voice, speech[voice], None)]
    for place in PLACES if rooms else PLACES[:1]:
        drawn = {voice: str(random.choice(sorted(rooms))) if place != PLACES[0] else None for voice in speech}
        enrolled = {
            voice: [
                one
                for piece in pieces(audio, ENROLLED, ENROLLED)
                for one in profile(voice, piece, drawn[voice] if place == PLACES[1] else None)
            ]
            for voice, audio in known.items()
        }
        for who, audio in known.items():
            rest = [one[0] for voice, one in enrolled.items() if voice != who and one]
            for number, own in enumerate(enrolled[who]):
                start = number * ENROLLED * SAMPLE_RATE
                left = [audio[:start], audio[start + ENROLLED * SAMPLE_RATE :]]
                for piece in (piece for part in left for piece in pieces(part, MET, SHORTEST)):
                    voice = heard(who, piece, drawn[who])
                    if voice is not None:
                        yield place, Meeting(who, True, voice, (own, *rest, *strange))
        for who in others:
            voice = None if who in beside else heard(who, speech[who], drawn[who])
            if voice is not None:
                yield place, Meeting(who, False, voice, (*(one[0] for one in enrolled.values() if one), *strange))


def tally(met: Sequence[Meeting], model: str, certainty: Certainty | None = None) -> Tally:
    """What names are given."""
    counts = Tally()
    for meeting in met:
        found = recognised(VoicesHeard((meeting.voice,), model), meeting.profiles, certainty)
        counts.add(meeting, found[meeting.who].name if meeting.who in found else None)
    return counts


def rows(met: Sequence[tuple[str, Meeting]], model: str) -> list[list[object]]:
    """A row for each place."""
    places = [place for place in PLACES if any(place == one for one, _ in met)]
    return [tally([meeting for one, meeting in met if one == place], model).row(place) for place in places]


if __name__ == "__main__":
    sys.exit(main())
