"""What hears, as a meeting sees it: engine, decoders, pipelines. Heavy libraries are imported only when they load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from meeting.config.settings import Config, Models
from meeting.sources import memory
from pipelines.audio.decoding import AudioDecoder, open_decoder
from pipelines.options import ModelChoice
from pipelines.types import ModelInfo, Output, Samples, SpeakerCount

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine as PipelineEngine
    from pipelines.engine.job_queue import JobQueue


class Pipeline(Protocol):
    """One source's way from samples to outputs."""

    live: bool
    """Whether people read along: a recording and what is caught up with wait for what does not"""
    hotwords: tuple[str, ...]
    """Names and terms that its next utterances are likely to hold, beside those of the settings"""

    def feed(self, audio: Samples) -> None:
        """Queue audio."""

    def finish(self) -> None:
        """Block until everything has been said."""

    def close(self) -> None:
        """Give up and free what it holds."""


class Engine(Protocol):
    """One copy of each model, shared by all meetings."""

    @property
    def models(self) -> ModelInfo:
        """What transcribes, as told to clients."""

    @property
    def capacity(self) -> int | None:
        """Live meetings that they carry on this machine; None where that is not known."""

    @property
    def queues(self) -> Sequence[JobQueue[Any, Any]]:
        """What waits for the models, and what is known of how it is served; one for each model and copy."""

    @property
    def stalled_seconds(self) -> float:
        """Seconds so far in which models on other machines did not answer; 0 for those of this process."""

    def assign(self) -> PipelineEngine:
        """The one for one more pipeline: where there are several devices, each has a copy."""

    def close(self) -> None:
        """Free the models."""


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """What a source asks of its pipeline."""

    source_id: str
    language: str | None
    """None where it is to be found out, or the settings say it"""
    hotwords: tuple[str, ...]
    speakers: SpeakerCount | None = None
    """How many people speak in its meeting, where somebody has said so"""
    translate: bool = False
    """Whether what is said is written down in English, where the models can"""
    prefix: str = "s"
    """What the ids of its lines begin with: those of two sources of a meeting are never the same"""
    solo: bool = False
    """Whether one person speaks in it, so that nobody looks for speakers"""
    pause: float | None = None
    """Seconds of silence behind which a line says that nobody goes on; None for what the settings say"""


Emit = Callable[[Output], None]
OnBacklog = Callable[[float], None]


class Backend(Protocol):
    """Builds everything that hears."""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load the models; slow, raises ModelError."""

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """A decoder; raises AudioError when the declaration is impossible."""

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """A pipeline on loaded models.

        `emit` gets its outputs, `on_backlog` the seconds of audio that were fed and are not yet through, whenever
        that has changed. Both are called from any thread, and must not block.
        """

    def release_memory(self) -> None:
        """Give back to the system what closed pipelines have left."""


class LocalBackend:
    """The backend of `pipelines`, with this installation's settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load one copy of each model, or one for each GPU; or find those that other machines have loaded."""
        language = self._config.speech.language
        if models.engine == "ray":
            from meeting.cluster.shared_models.connecting import connect_engine

            return connect_engine(models, on_progress, language)
        from pipelines.engine.loader import load_engines

        engine = load_engines(models, on_progress, language)
        memory.freeze_objects()
        return engine

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The decoder for a declared format."""
        return open_decoder(encoding, sample_rate, channels)

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """A pipeline with the settings of config.yaml, the source's language and words coming first."""
        from pipelines.stream.stream import Pipeline as Stream

        options = self._config.pipeline
        language = request.language or options.language
        options = replace(
            options,
            language=language,
            speakers=request.speakers,
            translate=request.translate,
            solo=request.solo,
            pause=request.pause,
        )
        pipeline = Stream(engine.assign(), options, emit, request.source_id, request.prefix, on_backlog)
        pipeline.hotwords = request.hotwords
        return pipeline

    def release_memory(self) -> None:
        """Give back what closed pipelines have left: their streams are loops, which nobody frees at once."""
        memory.collect_and_trim()


def local_choices(models: Models) -> Sequence[ModelChoice]:
    """Models that this machine can load without fetching anything; takes a moment."""
    from pipelines.engine.choices import find_choices

    return find_choices(models)


def with_models(models: Models, name: str) -> Models:
    """The settings with one of `local_choices`, loaded in the process that asks for them, on the processor."""
    from pipelines.engine.choices import with_models as chosen

    return chosen(models, name)
