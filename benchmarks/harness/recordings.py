"""Recordings with references, cut to a length or played for as long as needed from any place, and the words in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meeting.evaluation.evaluate import Reference, references
from meeting.evaluation.scores import Row
from pipelines.audio.recording import read_recording
from pipelines.types import SAMPLE_RATE, Span, Turn, samples

SAMPLE = Path(__file__).resolve().parents[2] / "web" / "sample"
"""Folder of the recording that ships with the project"""
FRAME = SAMPLE_RATE // 10
"""Samples of a frame, as the page sends them"""


@dataclass(frozen=True, slots=True)
class Said:
    """One reference word, seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording in memory, and what is true of it."""

    name: str
    audio: NDArray[np.int16]
    words: tuple[Said, ...]
    """In order of their ends"""
    rows: tuple[Row, ...]
    turns: tuple[Turn, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE

    def cut(self, seconds: float | None) -> Recording:
        """Its beginning; of a line that is cut through, the words that had ended."""
        if seconds is None or seconds >= self.seconds:
            return self
        rows = []
        for row in self.rows:
            kept = [word.text for word in spread(row) if word.end <= seconds]
            if kept:
                rows.append({**row, "words": " ".join(kept), "end_time": min(float(row["end_time"]), seconds)})
        whole = Span(0, samples(seconds))
        turns = [Turn(turn.span & whole, turn.speaker) for turn in self.turns if turn.span & whole]
        words = tuple(word for word in self.words if word.end <= seconds)
        return Recording(self.name, self.audio[: whole.end], words, tuple(rows), tuple(turns))


def gather(folders: Sequence[Path], count: int | None = None) -> list[Recording]:
    """The recordings of some folders, at most `count`; the bundled one where no folder is named.

    Raises MeetingError where a folder holds none.
    """
    found = [reference for folder in folders or [SAMPLE] for reference in references(folder)]
    return [_load(reference) for reference in found[:count]]


def _load(reference: Reference) -> Recording:
    parts = list(read_recording(reference.audio))
    audio = (np.clip(np.concatenate(parts), -1, 1) * 32767).round().astype(np.int16)
    exact = reference.audio.with_name(f"{reference.name}.words.ctm")
    words = read_ctm(exact) if exact.is_file() else [word for row in reference.said for word in spread(row)]
    ordered = tuple(sorted(words, key=lambda word: word.end))
    return Recording(reference.name, audio, ordered, reference.said, reference.turns)


def read_ctm(path: Path) -> list[Said]:
    """Words of a CTM file: recording, speaker or channel, start, length, word."""
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != ";")
    return [Said(row[4], float(row[2]), float(row[2]) + float(row[3])) for row in rows if len(row) >= 5]


def spread(row: Row) -> list[Said]:
    """The words of a line with times: the line's time shared out by letters, and one more for each pause."""
    texts = str(row["words"]).split()
    start, length = float(row["start_time"]), float(row["end_time"]) - float(row["start_time"])
    edges = np.cumsum([0, *(len(text) + 1 for text in texts)]) / max(1, sum(len(text) + 1 for text in texts))
    return [
        Said(text, start + length * float(low), start + length * float(high))
        for text, low, high in zip(texts, edges[:-1], edges[1:], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Play:
    """A recording from some place on, round and round."""

    recording: Recording
    start: int = 0
    """Sample that comes first"""

    @property
    def name(self) -> str:
        """Recording and place."""
        return f"{self.recording.name} from {self.start / SAMPLE_RATE:.0f} s"

    def frame(self, number: int, length: int = FRAME) -> bytes:
        """A frame's samples, 16 bits each."""
        audio = self.recording.audio
        places = np.arange(self.start + number * length, self.start + (number + 1) * length)
        return bytes(audio.take(places, mode="wrap").tobytes())

    def words(self, seconds: float) -> list[Said]:
        """What is said in so many seconds of it, in order of ends; not the words that are cut through."""
        heard: list[Said] = []
        lap, offset = self.recording.seconds, -self.start / SAMPLE_RATE
        while offset < seconds:
            moved = (Said(word.text, word.start + offset, word.end + offset) for word in self.recording.words)
            heard += [word for word in moved if word.start >= 0 and word.end <= seconds]
            offset += lap
        return heard


def plays(recordings: Sequence[Recording], count: int) -> list[Play]:
    """So many meetings: the recordings in turn, and each time round from another place."""
    rounds = -(-count // len(recordings))
    return [Play(one, len(one.audio) * lap // rounds // FRAME * FRAME) for lap in range(rounds) for one in recordings][
        :count
    ]


def named(recordings: Iterable[Recording]) -> list[str]:
    """Names and lengths."""
    return [f"{one.name} ({one.seconds:.0f} s)" for one in recordings]
