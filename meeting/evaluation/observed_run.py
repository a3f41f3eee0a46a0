"""A recording through the live path, with everything noted that its pipeline says and a client receives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meeting.config.settings import Config, Models
from meeting.core.records import Record
from meeting.evaluation.scores import Event
from meeting.evaluation.snapshots import before_refine, first_shown, split_at_refine
from meeting.recordings.replay import ReplayOptions, replay
from meeting.sources.backend import Backend, Emit, Engine, OnBacklog, Pipeline, PipelineRequest
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.audio.decoding import AudioDecoder
from pipelines.engine.job_queue import JobQueue
from pipelines.types import ModelInfo, Output

CAUGHT_UP = 0.01
"""Seconds of backlog that are none"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of one recording."""

    first: Record
    """As `snapshots.first_shown`"""
    live: Record
    """As `snapshots.before_refine`"""
    refined: Record
    """As kept"""
    events: tuple[Event, ...]
    """All that a client received, as `replay --events` writes it"""
    seconds: float
    rtf: float
    models: ModelInfo


class ObservedBackend:
    """A backend that loads its models once for many recordings, and notes what each pipeline says."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine: Engine | None = None
        self.catch_up = True
        """Let the models catch up before the end, so that nothing depends on which branch was ahead"""
        self.outputs: list[Output] = []
        """What the latest pipeline has said so far"""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """The models, loaded the first time only."""
        if self._engine is None:
            self._engine = self._backend.load_engine(models, on_progress)
        return _SharedEngine(self._engine)

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The backend's own."""
        return self._backend.open_decoder(encoding, sample_rate, channels)

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """The backend's own, all of whose outputs are noted."""
        self.outputs = outputs = []
        backlog = _Backlog(on_backlog)

        def note(output: Output) -> None:
            outputs.append(output)
            emit(output)

        made = self._backend.open_pipeline(engine, request, note, backlog)
        return _CaughtUpPipeline(made, backlog) if self.catch_up else made

    def release_memory(self) -> None:
        """As the backend does."""
        self._backend.release_memory()

    def close(self) -> None:
        """Free the models."""
        if self._engine is not None:
            self._engine.close()


class _SharedEngine:
    """An engine that outlives whoever closes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.assign = engine.assign

    @property
    def models(self) -> ModelInfo:
        return self._engine.models

    @property
    def capacity(self) -> int | None:
        return self._engine.capacity

    @property
    def queues(self) -> Sequence[JobQueue[Any, Any]]:
        return self._engine.queues

    @property
    def stalled_seconds(self) -> float:
        return self._engine.stalled_seconds

    def close(self) -> None:
        pass


class _Backlog:
    """How much audio waits for the models; passed on, and waited for."""

    def __init__(self, on_backlog: OnBacklog) -> None:
        self._on_backlog = on_backlog
        self._seconds = 0.0
        self._changed = threading.Condition()

    def __call__(self, seconds: float) -> None:
        with self._changed:
            self._seconds = seconds
            self._changed.notify_all()
        self._on_backlog(seconds)

    def wait_until_none(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._seconds < CAUGHT_UP)


class _CaughtUpPipeline:
    """A pipeline that is flushed only once everything before has passed through."""

    def __init__(self, pipeline: Pipeline, backlog: _Backlog) -> None:
        self._pipeline = pipeline
        self._backlog = backlog
        self.feed = pipeline.feed
        self.close = pipeline.close
        self.live = pipeline.live
        self.hotwords = pipeline.hotwords

    def finish(self) -> None:
        self._backlog.wait_until_none()
        self._pipeline.finish()


def run_recording(
    config: Config, recording: Path, speed: float | None, folder: Path, backend: ObservedBackend
) -> RunResult:
    """A recording through the live path; its event log goes to `folder`. Raises MeetingError."""
    backend.catch_up = speed is None
    data = folder / ".data"
    config = replace(config, storage=replace(config.storage, data_dir=data, database=None, keep_audio=False))
    log = folder / f"{recording.stem}.events.jsonl"
    summary = replay(config, ReplayOptions(recording, speed, events=log), backend)
    with Store(data) as store:
        refined = TranscriptStore(store).record(summary["meeting"])
    before, after = split_at_refine(backend.outputs)
    events = tuple(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    return RunResult(
        first_shown(refined, [*before, *after]),
        before_refine(refined, before, after),
        refined,
        events,
        summary["seconds"],
        summary["rtf"],
        summary["models"],
    )
