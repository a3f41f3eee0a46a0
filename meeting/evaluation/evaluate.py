"""`evaluate`: recordings with references through the live path, and a table of how good it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from meeting.config.settings import Config
from meeting.core.export import export
from meeting.core.messages import JsonObject
from meeting.core.records import Record
from meeting.evaluation.observed_run import ObservedBackend, RunResult, run_recording
from meeting.evaluation.scores import (
    Accuracy,
    Flicker,
    Latencies,
    Row,
    Share,
    accuracy,
    flicker,
    latencies,
    require_extra,
)
from meeting.sources.backend import Backend, LocalBackend
from meeting.storage.files.exports import write_exports
from pipelines.errors import MeetingError, StoreError
from pipelines.types import ModelInfo, Span, Turn, samples

SUFFIXES = (".flac", ".wav", ".mp3", ".m4a", ".ogg", ".opus", ".oga", ".webm", ".mp4", ".mkv", ".mov", ".aac", ".wma")
"""Ends of names of files with audio"""
MOMENTS = ("first", "live", "refined")
"""Whose labels: as first shown, just before the pass that ends a meeting, and after it"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A recording and what is true of it."""

    audio: Path
    said: tuple[Row, ...]
    turns: tuple[Turn, ...]

    @property
    def name(self) -> str:
        """Name of the recording, without suffix."""
        return self.audio.stem


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one recording, or of several together."""

    accuracy: dict[str, Accuracy]
    """By moment; "first" only where the audio was sent at the pace of speech, for else it is an accident"""
    latencies: Latencies
    """Empty unless it was"""
    flicker: Flicker
    seconds: float
    compute_seconds: float
    """Seconds that the models computed"""

    def __add__(self, other: Result) -> Result:
        return Result(
            {moment: found + other.accuracy[moment] for moment, found in self.accuracy.items()},
            self.latencies + other.latencies,
            self.flicker + other.flicker,
            self.seconds + other.seconds,
            self.compute_seconds + other.compute_seconds,
        )

    def figures(self) -> JsonObject:
        """All of it as plain numbers; None where there is nothing to measure."""
        return {
            "seconds": round(self.seconds, 3),
            "rtf": self.compute_seconds / self.seconds if self.seconds else None,
            **{moment: _accuracy_figures(found) for moment, found in self.accuracy.items()},
            "latency": {
                f"{kind}_p{percent}": _percentile(getattr(self.latencies, kind), percent)
                for kind in ("first", "stable", "final")
                for percent in (50, 95)
            },
            "flicker": {"stable": self.flicker.stable.rate, "partial": self.flicker.partial.rate},
        }


def _accuracy_figures(found: Accuracy) -> JsonObject:
    shares: dict[str, Share] = {
        "WER": found.wer,
        "cpWER": found.cpwer,
        "DER": found.der,
        "miss": found.miss,
        "fa": found.false_alarm,
        "confusion": found.confusion,
    }
    speakers = {"speakers": found.speakers, "reference_speakers": found.reference_speakers}
    return {**{name: share.rate for name, share in shares.items()}, **speakers}


def _percentile(values: list[float], percent: int) -> float | None:
    return float(np.percentile(values, percent)) if values else None


def references(folder: Path, need_words: bool = True) -> list[Reference]:
    """The recordings of a folder that have references, by name; raises MeetingError when there are none."""
    if not folder.is_dir():
        raise MeetingError(f"there is no folder {folder}")
    found = []
    by_name = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}
    for audio in by_name.values():
        words, turns = (folder / f"{audio.stem}{end}" for end in (".seglst.json", ".rttm"))
        if turns.is_file() and (words.is_file() or not need_words):
            found.append(Reference(audio, _read_words(words) if need_words else (), read_rttm(turns)))
    if not found:
        needed = "NAME.rttm and NAME.seglst.json" if need_words else "NAME.rttm"
        raise MeetingError(f"{folder} holds no recording with references: NAME.flac (or .wav, …) beside {needed}")
    return found


def _read_words(path: Path) -> tuple[Row, ...]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        for row in rows:
            str(row["words"]), str(row["speaker"]), float(row["start_time"]), float(row["end_time"])
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise MeetingError(f"{path} is no SegLST: a list of words, speaker, start_time and end_time") from error
    return tuple(rows)


def read_rttm(path: Path) -> tuple[Turn, ...]:
    """The turns of an RTTM file, in order; raises MeetingError naming the line that is none."""
    turns = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MeetingError(f"{path} cannot be read as RTTM") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start, length, speaker = float(fields[3]), float(fields[4]), fields[7]
            turns.append(Turn(Span(samples(start), samples(start + length)), speaker))
        except (ValueError, OverflowError, IndexError) as error:
            raise MeetingError(f"line {number} of {path} is no RTTM (SPEAKER file 1 start length … name)") from error
    return tuple(sorted(turns))


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured."""

    speed: float | None
    models: ModelInfo
    results: dict[str, Result]
    """By recording"""

    @property
    def pooled(self) -> Result:
        """All recordings as if they were one."""
        first, *others = self.results.values()
        for other in others:
            first = first + other
        return first

    def as_dict(self) -> JsonObject:
        """For programs."""
        each = {name: result.figures() for name, result in self.results.items()}
        return {
            "speed": self.speed or "max",
            "models": self.models,
            "recordings": each,
            "pooled": self.pooled.figures(),
            "macro": mean_figures(list(each.values())),
        }


def mean_figures(figures: list[Any]) -> Any:
    """The mean of each figure over several recordings, whatever their lengths."""
    if isinstance(figures[0], dict):
        return {key: mean_figures([each[key] for each in figures]) for key in figures[0]}
    known = [float(value) for value in figures if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def evaluate(
    config: Config,
    folder: Path,
    speed: float | None,
    out: Path | None,
    backend: Backend | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Report:
    """Measure every recording of a folder; with `out` also write transcripts, event logs and plots there.

    Raises MeetingError. `report` is told in a sentence what comes next.
    """
    require_extra()
    wanted = references(folder)
    if out is not None:
        _make(out)  # before minutes are spent
    observed = ObservedBackend(backend or LocalBackend(config))
    results: dict[str, Result] = {}
    models: ModelInfo = {}
    with TemporaryDirectory() as temporary, closing(observed):
        for number, reference in enumerate(wanted, 1):
            report(f"{reference.name}: {number} of {len(wanted)}")
            run = run_recording(config, reference.audio, speed, Path(temporary), observed)
            models = run.models
            results[reference.name] = score(reference, run, paced=speed is not None)
            if out is not None:
                _write(reference, run, results[reference.name], out)
    made = Report(speed, models, results)
    if out is not None:
        _write_report(made, out)
    return made


def score(reference: Reference, run: RunResult, paced: bool) -> Result:
    """The figures of one recording; latency where it was `paced`."""
    records: dict[str, Record] = {"first": run.first} if paced else {}
    records |= {"live": run.live, "refined": run.refined}
    found = {
        moment: accuracy(
            reference.said, reference.turns, json.loads(export(record, "seglst", reference.name)), record.turns
        )
        for moment, record in records.items()
    }
    latency = latencies(run.events) if paced else Latencies()
    return Result(found, latency, flicker(run.events), run.seconds, run.rtf * run.seconds)


def _write(reference: Reference, run: RunResult, result: Result, out: Path) -> None:
    from meeting.evaluation.plots import draw_turns

    name = reference.name
    write_exports(run.refined, out, name, ("json", "txt", "rttm", "seglst"))
    write_exports(run.live, out / "live", name, ("rttm", "seglst"))
    if "first" in result.accuracy:
        write_exports(run.first, out / "first", name, ("rttm", "seglst"))
    log = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in run.events)
    _save(out / f"{name}.events.jsonl", log)
    rows = {"reference": reference.turns, "live": run.live.turns, "refined": run.refined.turns}
    rates = {moment: result.accuracy[moment].der.rate for moment in ("live", "refined")}
    draw_turns(out / f"{name}.png", name, rows, rates)


def _write_report(report: Report, out: Path) -> None:
    from meeting.evaluation.plots import draw_latencies

    _save(out / "report.json", json.dumps(report.as_dict(), indent=1) + "\n")
    if report.speed is not None:
        draw_latencies(out / "latency.png", report.pooled.latencies)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from error


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


# The table

_ACCURACY = ("WER", "cpWER", "DER", "miss", "fa", "confusion")


def table(body: JsonObject) -> str:
    """The report of `Report.as_dict` as text."""
    rows = {**body["recordings"], "pooled": body["pooled"], "mean": body["macro"]}
    labels = [["recording", "labels", *_ACCURACY, "speakers"]]
    pace = [["recording", "seconds", "rtf", *(body["pooled"]["latency"]), "stable changed", "partial changed"]]
    for name, figures in rows.items():
        for moment in (moment for moment in MOMENTS if moment in figures):
            each = figures[moment]
            found, true = (_number(each[key], 1) for key in ("speakers", "reference_speakers"))
            labels.append([name, moment, *(_number(each[key]) for key in _ACCURACY), f"{found}/{true}"])
        shown = [*figures["latency"].values(), *figures["flicker"].values()]
        pace.append([name, _number(figures["seconds"], 0), _number(figures["rtf"]), *map(_number, shown)])
    note = "" if body["speed"] != "max" else "Latency, and labels as first shown, are measured with --speed 1 only.\n"
    return f"{_columns(labels)}\n\n{_columns(pace)}\n{note}"


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        rest = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{name.ljust(widths[0])}  {rest}")
    return "\n".join(lines)
