"""What the models say of each window of a recording, and how well given settings make speakers of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meeting.config.settings import Config
from meeting.evaluation.der import CELL, ErrorParts, cells_of, error, rasterise
from meeting.evaluation.evaluate import Reference
from pipelines.audio.recording import read_recording
from pipelines.audio.steps import StepChunker
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.diarization.windows import WindowBuffer
from pipelines.types import UNKNOWN, WINDOW, LocalSpeakers, Output, Turn, TurnsRevised, Window

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class Errors:
    """Diarization error rates, just before the pass that ends a meeting and after it."""

    live: float
    refined: float

    @property
    def both(self) -> float:
        """What is minimised: their mean."""
        return (self.live + self.refined) / 2


@dataclass(frozen=True, slots=True)
class Diarized:
    """What became of a recording."""

    live: ErrorParts
    """Just before the pass that ends a meeting"""
    refined: ErrorParts
    named: ErrorParts
    """The same, with what stayed unknown taken for missed, while it else counts as a voice"""
    speakers: int
    """Voices that were told apart, without what stayed unknown"""


@dataclass(frozen=True, slots=True)
class WindowResults:
    """What the models say of a recording, and who really spoke: enough to diarize it anew without the models."""

    name: str
    windows: tuple[LocalSpeakers, ...]
    turns: tuple[Turn, ...]

    @property
    def cells(self) -> int:
        """Length on the grid of `der`, the padding of the last window included."""
        end = self.windows[-1].start + WINDOW if self.windows else 0
        return max(cells_of(self.turns), -(-end // CELL))

    @property
    def people(self) -> int:
        """How many there are in the reference."""
        return len({turn.speaker for turn in self.turns})


def open_engine(config: Config) -> Engine:
    """The models of the settings, to be closed; raises MeetingError. Imported only here: not all need models."""
    from pipelines.engine.loader import load_engine

    return load_engine(config.models)


def compute_windows(reference: Reference, engine: Engine) -> WindowResults:
    """The models' results for all windows of a recording; raises AudioError."""
    steps, buffer = StepChunker(), WindowBuffer(engine.open_vad())
    windows: list[LocalSpeakers] = []

    def find(found: Iterable[Window]) -> None:
        for window in found:
            local = engine.find_speakers(window).result()
            if local is not None:
                windows.append(local)

    for audio in read_recording(reference.audio):
        for step in steps(audio):
            find(buffer(step))
    for step in steps.flush():
        find(buffer(step))
    find(buffer.flush())
    return WindowResults(reference.name, tuple(windows), reference.turns)


def diarization_errors(results: WindowResults, options: SpeakerOptions) -> Errors:
    """The error rates that a recording has with these settings."""
    found = diarize(results, options)
    return Errors(found.live.rate, found.refined.rate)


def diarize(results: WindowResults, options: SpeakerOptions) -> Diarized:
    """What becomes of a recording with these settings."""
    tracker, grid = SpeakerTracker(options), TurnGrid(results.cells)
    truth = rasterise(results.turns, results.cells).on
    for local in results.windows:
        grid.take(tracker(local))
    live = error(truth, grid.on)
    grid.take(tracker.flush())
    return Diarized(live, error(truth, grid.on), error(truth, grid.named), len(grid.speakers))


class TurnGrid:
    """Who speaks when, as told so far, on the grid of `der`."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._rows: dict[str, NDArray[np.bool_]] = {}

    def take(self, outputs: Iterable[Output]) -> None:
        """Revisions replace what was said of their stretch; anything else is passed over."""
        for revised in outputs:
            if isinstance(revised, TurnsRevised):
                self._paint(revised)

    def _paint(self, revised: TurnsRevised) -> None:
        for row in self._rows.values():
            row[revised.span.start // CELL : revised.span.end // CELL] = False
        for turn in revised.turns:
            row = self._rows.setdefault(turn.speaker, np.zeros(self._cells, np.bool_))
            row[turn.span.start // CELL : turn.span.end // CELL] = True

    @property
    def speakers(self) -> list[str]:
        """Those who are heard somewhere, but for the unknown one."""
        return [name for name, row in self._rows.items() if name != UNKNOWN and row.any()]

    @property
    def on(self) -> NDArray[np.bool_]:
        """Shape (speakers, cells)."""
        return self._stacked(self._rows)

    @property
    def named(self) -> NDArray[np.bool_]:
        """The same without the unknown one."""
        return self._stacked(self.speakers)

    def _stacked(self, names: Iterable[str]) -> NDArray[np.bool_]:
        rows = [self._rows[name] for name in names]
        return np.stack(rows) if rows else np.zeros((0, self._cells), np.bool_)
