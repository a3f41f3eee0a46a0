"""One recording through the live path, and its transcript as it stood at three moments: first shown, live, refined."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meeting.config.settings import Config, Models
from meeting.core.records import Record
from meeting.core.transcript import Transcript, resolve
from meeting.recordings.replay import ReplayOptions, replay
from meeting.sources.backend import Backend, Emit, Engine, OnBacklog, Pipeline, PipelineRequest
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.audio.decoding import AudioDecoder
from pipelines.stream.merge import Merger
from pipelines.turns import join_turns, replace_turns
from pipelines.types import Hypothesis, ModelInfo, Output, Segment, Span, Speaker, Turn, TurnsRevised

REFINE = "refine"
"""Reason of the revision that ends a meeting"""
CAUGHT_UP = 0.01
"""Seconds of backlog that are none"""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one recording."""

    first: Record
    """Labels that each line had when its text was first final, turns as first told of each instant"""
    live: Record
    """Labels and turns just before the pass that ends a meeting"""
    refined: Record
    """As kept"""
    events: tuple[dict[str, Any], ...]
    """All that a client received, as `replay --events` writes it"""
    seconds: float
    rtf: float
    models: ModelInfo


class Listening:
    """A backend that loads its models once for many recordings and notes what each pipeline says."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine: Engine | None = None
        self.patient = True
        """Let the models catch up before the end, so that nothing depends on which branch was ahead"""
        self.outputs: list[Output] = []
        """What the latest pipeline has said so far"""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """The models, loaded the first time only."""
        if self._engine is None:
            self._engine = self._backend.load_engine(models, on_progress)
        return _Borrowed(self._engine)

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The backend's own."""
        return self._backend.open_decoder(encoding, sample_rate, channels)

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """The backend's own, overheard."""
        self.outputs = heard = []
        waiting = _Backlog(on_backlog)

        def note(output: Output) -> None:
            heard.append(output)
            emit(output)

        made = self._backend.open_pipeline(engine, request, note, waiting)
        return _Patient(made, waiting) if self.patient else made

    def release_memory(self) -> None:
        """As the backend does."""
        self._backend.release_memory()

    def close(self) -> None:
        """Free the models."""
        if self._engine is not None:
            self._engine.close()


class _Borrowed:
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


class _Patient:
    """A pipeline that is flushed only once everything before has passed through."""

    def __init__(self, pipeline: Pipeline, backlog: _Backlog) -> None:
        self._pipeline = pipeline
        self._backlog = backlog
        self.feed = pipeline.feed
        self.close = pipeline.close
        self.live = pipeline.live

    def finish(self) -> None:
        self._backlog.wait_until_none()
        self._pipeline.finish()


def run_recording(config: Config, recording: Path, speed: float | None, folder: Path, listening: Listening) -> Run:
    """A recording through the live path; its event log goes to `folder`. Raises MeetingError."""
    listening.patient = speed is None
    data = folder / ".data"
    config = replace(config, storage=replace(config.storage, data_dir=data, keep_audio=False))
    log = folder / f"{recording.stem}.events.jsonl"
    summary = replay(config, ReplayOptions(recording, speed, events=log), listening)
    with Store(data) as store:
        refined = TranscriptStore(store).record(summary["meeting"])
    before, after = cut_at_refine(listening.outputs)
    events = tuple(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    return Run(
        first_shown(refined, [*before, *after]),
        live(refined, before, after),
        refined,
        events,
        summary["seconds"],
        summary["rtf"],
        summary["models"],
    )


def cut_at_refine(outputs: Sequence[Output]) -> tuple[list[Output], list[Output]]:
    """What was said before the pass that ends a meeting, and that pass with all after it."""
    for at, output in enumerate(outputs):
        if isinstance(output, TurnsRevised) and output.reason == REFINE:
            while at and isinstance(outputs[at - 1], Speaker):  # the voices that it found anew come before its turns
                at -= 1
            return list(outputs[:at]), list(outputs[at:])
    return list(outputs), []


def live(refined: Record, before: Iterable[Output], after: Iterable[Output]) -> Record:
    """The record as it was before the last pass; lines whose text came later get the labels of that moment."""
    transcript, turns = Transcript(), list[Turn]()
    for output in before:
        transcript.apply(output)
        if isinstance(output, TurnsRevised):
            turns = join_turns(replace_turns(turns, output))
    done = [segment for segment in transcript.segments if segment.final]
    late = [segment for segment in _first_finals(after) if not _covered(segment.span, done)]
    stands_for = resolve(transcript.speakers)
    turns = join_turns(Turn(turn.span, stands_for.get(turn.speaker, turn.speaker)) for turn in turns)
    done = [replace(segment, speaker=stands_for.get(segment.speaker or "", segment.speaker)) for segment in done]
    return _record(refined, [*done, *_labelled(late, turns)], turns)


def first_shown(refined: Record, outputs: Iterable[Output]) -> Record:
    """The record as if nothing had ever been corrected."""
    outputs = list(outputs)
    turns: list[Turn] = []
    told = 0
    for output in outputs:
        if isinstance(output, TurnsRevised) and output.span.end > told:
            news = Span(max(told, output.span.start), output.span.end)
            turns += [Turn(turn.span & news, turn.speaker) for turn in output.turns]
            told = news.end
    return _record(refined, _first_finals(outputs), join_turns(turns))


def _first_finals(outputs: Iterable[Output]) -> list[Segment]:
    """Segments as first sent with their final text; not those that a line was cut into later."""
    found: dict[str, Segment] = {}
    for output in outputs:
        new = isinstance(output, Segment) and output.final and output.words and output.id not in found
        if new and isinstance(output, Segment) and not _covered(output.span, found.values()):
            found[output.id] = output
    return list(found.values())


def _covered(span: Span, segments: Iterable[Segment]) -> bool:
    """Whether most of a stretch lies within the segments."""
    return 2 * sum(len(segment.span & span) for segment in segments) > len(span)


def _labelled(segments: Iterable[Segment], turns: Sequence[Turn]) -> list[Segment]:
    """Final segments with the labels that these turns give them, cut where they change."""
    made: list[Segment] = []
    for segment in segments:
        merger = Merger(segment.source_id, prefix=f"{segment.id}-")
        merger(TurnsRevised(segment.span, tuple(turns)))
        pieces = merger(Hypothesis(0, segment.span, True, segment.words))
        made += [piece for piece in pieces if isinstance(piece, Segment)]
    return made


def _record(like: Record, segments: Iterable[Segment], turns: Iterable[Turn]) -> Record:
    ordered = sorted(segments, key=lambda segment: (segment.span.start, segment.id))
    return replace(like, segments=tuple(ordered), turns=tuple(turns))
