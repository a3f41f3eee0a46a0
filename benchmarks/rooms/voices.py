"""Single utterances of many voices, read from a folder, and the two halves that voices, rooms and noises belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.harness.recordings import SAMPLE
from meeting.evaluation.evaluate import references
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE

HALVES = ("choose", "report")
"""What is fitted, and what is told: no voice, room or noise is in both"""
LIST = "voices.jsonl"
Audio = NDArray[np.float64]
Word = tuple[str, float, float]
"""Text, start and end in seconds"""


def half(name: str) -> str:
    """The half of a voice, room or noise: by a hash of its name, so that more material changes nothing."""
    return HALVES[hashlib.sha256(f"half/{name}".encode()).digest()[0] & 1]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of a file in which one voice speaks alone."""

    voice: str
    path: Path
    text: str | None
    """None where nobody wrote it down"""
    words: tuple[Word, ...] | None = None
    """With times from the start of the utterance, where they are known"""
    start: float = 0.0
    end: float | None = None
    """Seconds in the file; None is its end"""

    @property
    def name(self) -> str:
        """File and place."""
        return f"{self.path.stem}@{self.start:.2f}"

    def read(self) -> Audio:
        """Its samples, 16 kHz mono; raises MeetingError."""
        return read_audio(self.path, self.start, self.end)


def read_audio(path: Path, start: float = 0.0, end: float | None = None) -> Audio:
    """A stretch of a file, 16 kHz mono, full scale at 1; raises MeetingError where it is not such a file."""
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != SAMPLE_RATE:
                raise MeetingError(f"{path} has {file.samplerate} samples a second, not {SAMPLE_RATE}")
            file.seek(min(round(start * SAMPLE_RATE), file.frames))
            frames = -1 if end is None else round((end - start) * SAMPLE_RATE)
            found = file.read(frames, dtype="float64", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise MeetingError(f"{path} cannot be read as audio") from error
    return np.asarray(found.mean(axis=1))


def recorded_sounds(folder: Path) -> list[Path]:
    """The impulse responses (`NAME.flac`) and noises (`noise_NAME.flac`) of a folder; raises MeetingError."""
    if not folder.is_dir():
        raise MeetingError(f"there is no folder {folder}")
    found = sorted(folder.glob("*.flac"))
    if not found:
        raise MeetingError(f"{folder} holds no impulse responses: NAME.flac, and noise_NAME.flac for noises")
    return found


def gather(folders: Iterable[Path]) -> list[Utterance]:
    """The utterances of folders: those that a `voices.jsonl` lists, or the lines of recordings with references.

    The sample meeting stands in where no folder is named. Raises MeetingError where there is none.
    """
    found: list[Utterance] = []
    for folder in list(folders) or [SAMPLE]:
        listed = folder / LIST
        found += _listed(listed) if listed.is_file() else _lines(folder)
    return found


def _listed(path: Path) -> list[Utterance]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row: dict[str, Any] = json.loads(line)
            words = row.get("words")
            timed = None if words is None else tuple((str(t), float(s), float(e)) for t, s, e in words)
            found.append(Utterance(str(row["speaker"]), path.parent / row["file"], row.get("text"), timed))
        except (ValueError, KeyError, TypeError) as error:
            raise MeetingError(f"line {number} of {path} is no voice: it needs file, speaker and text") from error
    return found


def _lines(folder: Path) -> list[Utterance]:
    """The lines of recordings over which nobody else speaks."""
    found = []
    for reference in references(folder):
        spans = [(float(row["start_time"]), float(row["end_time"])) for row in reference.said]
        timed = folder / f"{reference.name}.words.ctm"
        known = _timed(timed) if timed.is_file() else None
        for row, (start, end) in zip(reference.said, spans, strict=True):
            if sum(start < other_end and other_start < end for other_start, other_end in spans) > 1:
                continue  # one of them is the line itself
            mine = [one for one in known or () if one[0] == row["speaker"]]
            inside = [one for one in mine if start - 0.01 <= one[2] and one[3] <= end + 0.01]
            words = None if known is None else tuple((text, at - start, to - start) for _, text, at, to in inside)
            found.append(Utterance(str(row["speaker"]), reference.audio, str(row["words"]), words, start, end))
    return found


def _timed(path: Path) -> list[tuple[str, str, float, float]]:
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != ";")
    return [(row[1], row[4], float(row[2]), float(row[2]) + float(row[3])) for row in rows if len(row) >= 5]
