"""The program over a made set: errors, speakers and latency by condition.

Audio is fed in steps of 0.1 s, and each waits until the models are through with all before it. Latency is then told by
the clock of the audio: how much more had to be heard before a line was final. To a step, it is the same on every
machine and at every load; what the models take comes on top, see the CPU seconds. Errors do not depend on how the audio
is fed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.lateness import COLUMNS as LATE_COLUMNS
from benchmarks.harness.lateness import Lateness, lateness
from benchmarks.harness.report import percentile
from benchmarks.rooms import plot
from benchmarks.rooms.conditions import CONDITIONS
from benchmarks.rooms.labels import COLUMNS as LABEL_COLUMNS
from benchmarks.rooms.labels import LabelTimes, label_times
from benchmarks.rooms.making import MANIFEST
from meeting.config.sources import load_config
from meeting.evaluation.evaluate import Reference, references, score
from meeting.evaluation.observed_run import CAUGHT_UP, ObservedBackend, run_recording
from meeting.evaluation.scores import Accuracy, Share, require_extra
from meeting.sources.backend import Emit, Engine, LocalBackend, OnBacklog, Pipeline, PipelineRequest
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, ModelInfo, Output, Samples, Segment

STEP = SAMPLE_RATE // 10
COLUMNS = {
    "condition": "condition",
    "min": "minutes",
    "WER": "WER",
    "cpWER": "cpWER",
    "DER": "DER",
    "miss": "miss",
    "fa": "fa",
    "confusion": "confusion",
    "speakers found/true": "speakers",
    "final p95, s": "final_p95",
    "line p95, s": "line_p95",
    "shown p95, s": "shown_p95",
    "CPU s/s": "cpu",
}


class AudioClock(ObservedBackend):
    """A backend whose pipelines are fed in lock step, and that notes how much had been heard when a line was final."""

    def __init__(self) -> None:
        super().__init__(LocalBackend(load_config()))
        self.heard = 0
        """Samples fed to the latest pipeline"""
        self.delays: dict[str, float] = {}
        """By line or piece of one: seconds from its end to the moment when it was first final"""
        self.told: list[tuple[int, Output]] = []
        """All that the latest pipeline has said, each with the samples heard by then"""
        self._behind = 0.0
        self._changed = threading.Condition()

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """One in lock step."""
        self.heard, self.delays, self.told, self._behind = 0, {}, [], 0.0
        told = self.told

        def note(output: Output) -> None:
            told.append((self.heard, output))
            if isinstance(output, Segment) and output.final and output.words:
                self.delays.setdefault(output.id, (self.heard - output.span.end) / SAMPLE_RATE)
            emit(output)

        def follow(seconds: float) -> None:
            with self._changed:
                self._behind = seconds
                self._changed.notify_all()
            on_backlog(seconds)

        return _LockStep(super().open_pipeline(engine, request, note, follow), self)

    def wait_until_none(self) -> None:
        """Block until nothing waits for the models."""
        with self._changed:
            self._changed.wait_for(lambda: self._behind < CAUGHT_UP)


class _LockStep:
    def __init__(self, pipeline: Pipeline, clock: AudioClock) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self.finish = pipeline.finish
        self.close = pipeline.close
        self.live = False
        self.hotwords = pipeline.hotwords

    def feed(self, audio: Samples) -> None:
        for at in range(0, len(audio), STEP):
            step = audio[at : at + STEP]
            self._clock.heard += len(step)
            self._pipeline.feed(step)
            self._clock.wait_until_none()


@dataclass(frozen=True, slots=True)
class Measured:
    """One recording, or several together."""

    accuracy: Accuracy = field(default_factory=Accuracy)
    finals: list[float] = field(default_factory=list)
    """Seconds from the end of each line, and of each piece that a correction of labels cut off, to its final text"""
    lines: list[float] = field(default_factory=list)
    """The same of lines as they were first final"""
    labels: LabelTimes = field(default_factory=LabelTimes)
    lateness: Lateness = field(default_factory=Lateness)
    seconds: float = 0.0
    busy: float = 0.0
    """CPU seconds"""
    recordings: int = 0

    def __add__(self, other: Measured) -> Measured:
        return Measured(
            self.accuracy + other.accuracy,
            self.finals + other.finals,
            self.lines + other.lines,
            self.labels + other.labels,
            self.lateness + other.lateness,
            self.seconds + other.seconds,
            self.busy + other.busy,
            self.recordings + other.recordings,
        )

    def figures(self) -> dict[str, Any]:
        """For the table; None where there is nothing to measure."""
        found = self.accuracy
        rates = {
            "WER": found.wer,
            "cpWER": found.cpwer,
            "DER": found.der,
            "miss": found.miss,
            "fa": found.false_alarm,
            "confusion": found.confusion,
        }
        return {
            "minutes": self.seconds / 60,
            **{name: share.rate for name, share in rates.items()},
            "speakers": f"{found.speakers}/{found.reference_speakers}",
            "final_p95": percentile(self.finals, 95),
            "line_p95": percentile(self.lines, 95),
            "cpu": self.busy / self.seconds if self.seconds else None,
            "recordings": self.recordings,
            **self.lateness.figures(),
            **self.labels.figures(),
        }


@cache
def _clock() -> AudioClock:
    """The models of this process, loaded once."""
    return AudioClock()


def measure(audio: Path, models: str) -> tuple[Measured, ModelInfo]:
    """Run one recording, in this process; also returns what is told of the models. Raises MeetingError."""
    (reference,) = [one for one in references(audio.parent, need_words=False) if one.name == audio.stem]
    words = audio.with_suffix(".seglst.json")
    known = words.is_file()
    if known:
        said = tuple(json.loads(words.read_text(encoding="utf-8")))
        reference = Reference(audio, said, reference.turns)
    config = load_config(flags={("models", "set"): models})
    clock = _clock()
    began = time.process_time()
    with TemporaryDirectory() as folder:
        run = run_recording(config, audio, None, Path(folder), clock)
    busy = time.process_time() - began
    accuracy = score(reference, run, paced=False).accuracy["refined"]
    if not known:  # without a reference every word is one too many
        accuracy = replace(accuracy, wer=Share(), cpwer=Share())
    finals = clock.delays
    lines = [delay for id, delay in finals.items() if "." not in id]
    labels, late = label_times(clock.told), lateness(clock.told)
    return Measured(accuracy, [*finals.values()], lines, labels, late, run.seconds, busy, 1), run.models


def chosen(folder: Path, half: str, conditions: Sequence[str] | None, most: int | None) -> list[dict[str, Any]]:
    """Rows of a set's manifest; raises MeetingError where there is none."""
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if half in (row["half"], "both")]
        rows = [row for row in rows if conditions is None or row["condition"] in conditions]
    except (OSError, ValueError, KeyError) as error:
        raise MeetingError(f"{folder} is no set: make one with python -m benchmarks.rooms make {folder}") from error
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["half"], row["condition"]), []).append(row)
    found = [row for group in groups.values() for row in group[:most]]
    if not found:
        raise MeetingError(f"{folder} has no such recordings")
    return found


def path_of(folder: Path, row: dict[str, Any]) -> Path:
    """Where a row's recording is."""
    return Path(folder / row["half"] / row["condition"] / f"{row['name']}.flac")


def run(asked: argparse.Namespace) -> int:
    """Measure a set and print the table; returns the exit code. Raises MeetingError."""
    require_extra()
    rows = chosen(asked.set, asked.half, asked.conditions, asked.recordings)
    paths = [path_of(asked.set, row) for row in rows]
    known = report.facts("rooms", asked.given, set=_told(rows))
    measured = []
    for row, (one, models) in zip(rows, _measured(paths, asked.models, asked.jobs), strict=True):
        measured.append(one)
        known["models"] = models
        _progress(f"{len(measured)} of {len(rows)}: {row['name']}", one)
    by_condition = pool(rows, measured)
    figures = {name: found.figures() for name, found in by_condition.items()}
    late = report.table(LATE_COLUMNS, by_condition["all"].lateness.rows())
    text = f"{report.head(known)}\n{table(figures)}\n{late}"
    print(text)
    if asked.markdown is not None:
        asked.markdown.parent.mkdir(parents=True, exist_ok=True)
        asked.markdown.write_text(text, encoding="utf-8", newline="\n")
    if asked.plot is not None:
        plot.draw(asked.plot, figures, f"{_told(rows)}, {known['date']}, commit {known['commit']}")
    each = [{**row, **one.figures()} for row, one in zip(rows, measured, strict=True)]
    report.save(asked.json, known, conditions=figures, recordings=each)
    return 0


def _told(rows: Sequence[dict[str, Any]]) -> str:
    halves = " and ".join(sorted({row["half"] for row in rows}))
    minutes = sum(row["seconds"] for row in rows) / 60
    return f"{len(rows)} recordings, {minutes:.0f} minutes, half {halves}"


def _progress(what: str, one: Measured) -> None:
    found = one.figures()
    rates = " ".join(f"{name} {report.shown(found[name])}" for name in ("cpWER", "DER", "speakers", "final_p95"))
    print(f"  {what}: {rates}", file=sys.stderr, flush=True)


def _measured(paths: Sequence[Path], models: str, jobs: int) -> Iterable[tuple[Measured, ModelInfo]]:
    if jobs <= 1:
        yield from (measure(path, models) for path in paths)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool_:
        yield from pool_.map(measure, paths, [models] * len(paths))


def pool(rows: Sequence[dict[str, Any]], measured: Sequence[Measured]) -> dict[str, Measured]:
    """All recordings of a condition as if they were one, in the order of conditions, and all of them together."""
    order: Callable[[str], int] = [condition.name for condition in CONDITIONS].index
    found: dict[str, Measured] = {}
    for name in sorted({row["condition"] for row in rows}, key=order):
        mine = [one for row, one in zip(rows, measured, strict=True) if row["condition"] == name]
        found[name] = sum(mine, Measured())
    return {**found, "all": sum(measured, Measured())}


def table(figures: dict[str, dict[str, Any]]) -> str:
    """In Markdown: errors and latency of lines, then labels of words."""

    def one(columns: dict[str, str]) -> str:
        rows = [[name, *(found[key] for key in list(columns.values())[1:])] for name, found in figures.items()]
        return report.table(list(columns), rows)

    return f"{one(COLUMNS)}\n{one(LABEL_COLUMNS)}"
