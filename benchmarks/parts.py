"""What parts of the program make of recordings, each by itself: what gates remove of the speech, how voices lie apart.

    .venv/bin/python -m benchmarks.parts FOLDER [FOLDER ...]

FOLDER holds recordings with their references (`NAME.flac`, `NAME.rttm`), or folders of such, as a half of a set of
`benchmarks/rooms` does; there is a row for each folder.

Errors of the whole say little about a part: one merge of two speakers more or less moves the error of a recording by a
fifth. These figures move slowly, and one part's do not depend on another's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import report
from meeting.config.sources import load_config
from meeting.evaluation.der import rasterise
from meeting.evaluation.evaluate import Reference, references
from meeting.evaluation.window_results import WindowResults, compute_windows, open_engine
from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.audio.recording import read_recording
from pipelines.audio.vad import VadModel
from pipelines.diarization.pauses import clear_pauses, level
from pipelines.diarization.windows import possible_speech
from pipelines.errors import MeetingError
from pipelines.stream.stream import endpointer_options
from pipelines.types import SAMPLE_RATE, VAD_FRAME, WINDOW, Samples, Turn, Utterance

GATES = ("utterances", "windows", "pauses")
COLUMNS = ("recordings", "min", *(f"{gate} lose, %" for gate in GATES), "windows keep of the rest, %", "voices EER, %")
CELLS = WINDOW * 100 // SAMPLE_RATE
MIN_SECONDS = 1.0
"""Clean speech of a voice that counts: what clustering asks for"""
PURE = 0.6, 0.25
"""Share of a voice's time in which one person speaks at least, and anybody else at most, for it to be that person's"""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parts:
    """One recording, or several."""

    seconds: float = 0.0
    speech: int = 0
    """Frames of `VAD_FRAME` samples in which somebody speaks"""
    rest: int = 0
    lost: tuple[int, ...] = (0,) * len(GATES)
    """Of those with speech, by gate"""
    kept: int = 0
    """Of the rest, by the gate of windows"""
    rates: list[float] = field(default_factory=list)
    """Equal error rate of voices, by recording"""

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.seconds + other.seconds,
            self.speech + other.speech,
            self.rest + other.rest,
            tuple(one + two for one, two in zip(self.lost, other.lost, strict=True)),
            self.kept + other.kept,
            self.rates + other.rates,
        )

    def row(self, name: str) -> list[object]:
        """For the table."""
        lost = [100 * frames / self.speech if self.speech else None for frames in self.lost]
        kept = 100 * self.kept / self.rest if self.rest else None
        return [name, self.seconds / 60, *lost, kept, 100 * float(np.mean(self.rates)) if self.rates else None]


def gates(audio: Samples, turns: Sequence[Turn], vad: VadModel, options: EndpointerOptions | None = None) -> Parts:
    """What each gate before a model takes away; audio of shape (samples,)."""
    count = len(audio) // VAD_FRAME
    frames, stream = audio[: count * VAD_FRAME].reshape(count, VAD_FRAME), vad.stream()
    voices = np.array([stream(frame) for frame in frames])
    spoken = np.zeros(count + 1, np.bool_)
    for turn in turns:
        spoken[turn.span.start // VAD_FRAME : turn.span.end // VAD_FRAME + 1] = True
    spoken = spoken[:count]
    known = iter(voices.tolist())
    endpointer = Endpointer(lambda _: next(known), options)
    heard = np.zeros(count, np.bool_)
    for one in [*endpointer(frames.ravel()), *endpointer.flush()]:
        if isinstance(one, Utterance) and one.final and len(one.audio):
            heard[one.span.start // VAD_FRAME : -(-one.span.end // VAD_FRAME)] = True
    possible = possible_speech(voices)
    paused = clear_pauses(voices, np.array([level(frame) for frame in frames]))
    lost = tuple(int((spoken & gone).sum()) for gone in (~heard, ~possible, paused))
    return Parts(
        len(audio) / SAMPLE_RATE, int(spoken.sum()), int((~spoken).sum()), lost, int((possible & ~spoken).sum())
    )


def equal_error_rate(results: WindowResults) -> float | None:
    """How often two windows' voices are taken for one person or for two where that is wrong, at the best threshold.

    Only voices that are surely of one person, and no pairs that share audio. None where there are too few.
    """
    truth = rasterise(results.turns, results.cells).on
    vectors, people, starts = [], [], []
    for window in results.windows:
        where = window.start * 100 // SAMPLE_RATE + (np.arange(len(window.activity)) * CELLS) // len(window.activity)
        inside = (where >= 0) & (where < truth.shape[1])
        for voice in np.flatnonzero(window.single_speaker_seconds >= MIN_SECONDS).tolist():
            active = (window.activity[:, voice] > 127) & inside
            if np.isnan(window.embeddings[voice, 0]) or not active.any() or len(truth) < 2:
                continue
            shares = truth[:, where[active]].mean(axis=1)
            second, first = np.argsort(shares)[-2:].tolist()
            if shares[first] >= PURE[0] and shares[second] <= PURE[1]:
                vectors.append(window.embeddings[voice])
                people.append(first)
                starts.append(window.start)
    if len(vectors) < 2:
        return None
    near = np.stack(vectors) @ np.stack(vectors).T
    pairs = np.triu_indices(len(vectors), 1)
    same = np.equal.outer(people, people)[pairs]
    apart = np.abs(np.subtract.outer(starts, starts))[pairs] >= WINDOW
    return _crossing(np.sort(near[pairs][same & apart]), np.sort(near[pairs][~same]))


def _crossing(same: NDArray[np.float32], different: NDArray[np.float32]) -> float | None:
    """Where as many pairs of one person are below a threshold as pairs of two are above it; both sorted."""
    if not len(same) or not len(different):
        return None
    thresholds = np.concatenate([same, different])
    missed = np.searchsorted(same, thresholds) / len(same)
    taken = 1.0 - np.searchsorted(different, thresholds) / len(different)
    best = int(np.argmin(np.abs(missed - taken)))
    return float((missed[best] + taken[best]) / 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all and print the table; returns the exit code."""
    parser = report.parser("parts", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="recordings with references")
    parser.add_argument("--recordings", type=int, metavar="N", help="only the first so many of each folder")
    parser.add_argument("--models", default="embedded", help="model set (default embedded)")
    asked = parser.parse_args(arguments)
    config = load_config(flags={("models", "set"): asked.models})
    options, vad, found = endpointer_options(config.pipeline), VadModel(), dict[str, Parts]()
    try:
        wanted = [(name, one) for name, all_of in _recordings(asked.folders) for one in all_of[: asked.recordings]]
        with closing(open_engine(config)) as engine:
            for name, reference in wanted:
                audio = np.concatenate(list(read_recording(reference.audio)))
                rate = equal_error_rate(compute_windows(reference, engine))
                rates = [] if rate is None else [rate]
                one = gates(audio, reference.turns, vad, options) + Parts(rates=rates)
                found[name] = found.get(name, Parts()) + one
                print(f"  {reference.name}", file=sys.stderr, flush=True)
            known = report.facts("parts", arguments, models=engine.models)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [parts.row(name) for name, parts in [*found.items(), ("all", sum(found.values(), Parts()))]]
    print(f"{report.head(known)}\n{report.table(COLUMNS, rows)}")
    report.save(asked.json, known, rows=[dict(zip(COLUMNS, row, strict=True)) for row in rows])
    return 0


def _recordings(folders: Iterable[Path]) -> Iterable[tuple[str, list[Reference]]]:
    """Name of each folder and its recordings; a folder of folders, as a half of made rooms is, stands for these."""
    for folder in folders:
        inner = sorted({path.parent for path in folder.glob("*/*.rttm")})
        for one in inner or [folder]:
            yield one.name, references(one, need_words=False)


if __name__ == "__main__":
    sys.exit(main())
