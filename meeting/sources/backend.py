"""What hears, as a meeting sees it: engine, decoders, pipelines. Heavy libraries are imported only when they load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from meeting.config.settings import Config, Models
from meeting.sources import memory
from pipelines.audio.decoding import AudioDecoder, open_decoder
from pipelines.types import ModelInfo, Output, Samples

if TYPE_CHECKING:
    from pipelines.engine.engine import Engines


class Pipeline(Protocol):
    """One source's way from samples to outputs."""

    live: bool
    """Whether people read along: a recording and what is caught up with wait for what does not"""

    @property
    def backlog(self) -> float:
        """Seconds of audio fed and not yet through."""

    def feed(self, audio: Samples) -> None:
        """Queue audio."""

    def wait_below(self, seconds: float) -> None:
        """Block until the backlog is below."""

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

    def close(self) -> None:
        """Free the models."""


Emit = Callable[[Output], None]


class Backend(Protocol):
    """Builds everything that hears."""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load the models; slow, raises ModelError."""

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """A decoder; raises AudioError when the declaration is impossible."""

    def open_pipeline(
        self, engine: Any, language: str | None, hotwords: tuple[str, ...], emit: Emit, source_id: str
    ) -> Pipeline:
        """A pipeline on loaded models; `emit` is called from its threads."""

    def release_memory(self) -> None:
        """Give back to the system what closed pipelines have left."""


class LocalBackend:
    """The backend of `pipelines`, with this installation's settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engines:
        """Load one copy of each model, or one for each GPU."""
        from pipelines.engine.loader import load_engines

        engine = load_engines(models, on_progress, self._config.speech.language)
        memory.freeze_objects()
        return engine

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The decoder for a declared format."""
        return open_decoder(encoding, sample_rate, channels)

    def open_pipeline(
        self, engine: Engines, language: str | None, hotwords: tuple[str, ...], emit: Emit, source_id: str
    ) -> Pipeline:
        """A pipeline with the settings of config.yaml, the source's language and words coming first."""
        from pipelines.stream.stream import Pipeline as Stream

        options = self._config.pipeline
        options = replace(options, language=language or options.language, hotwords=(*hotwords, *options.hotwords))
        return Stream(engine.assign(), options, emit, source_id)

    def release_memory(self) -> None:
        """Give back what closed pipelines have left: their streams are loops, which nobody frees at once."""
        memory.collect_and_trim()
