"""The models and what is built on them, as a meeting needs them; heavy libraries are imported only when they load."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Protocol

from meeting.config.settings import Config, Models
from meeting.live import memory
from meeting.storage.recovery_attempts import Hearings
from meeting.storage.store import Store
from pipelines.audio.decoding import AudioDecoder, open_decoder
from pipelines.errors import MeetingError, ModelError
from pipelines.types import Output, Samples

log = logging.getLogger(__name__)


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
    def models(self) -> dict[str, Any]:
        """What transcribes, as told to clients."""

    @property
    def capacity(self) -> int | None:
        """Live meetings that they carry on this machine; None where that is not known."""

    def close(self) -> None:
        """Free the models."""


CLOSING = 1.0
"""Seconds that models have to finish what they are doing when the process ends"""

Emit = Callable[[Output], None]


class Machinery(Protocol):
    """Builds everything that hears."""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load the models; slow, raises ModelError."""

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """A decoder; raises AudioError when the declaration is impossible."""

    def open_pipeline(
        self, engine: Any, language: str | None, hotwords: tuple[str, ...], emit: Emit, source_id: str
    ) -> Pipeline:
        """A pipeline on loaded models; `emit` is called from its threads."""

    def tidy(self) -> None:
        """Give back to the system what closed pipelines have left."""


class RealMachinery:
    """The machinery of `pipelines`, with this installation's settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load one copy of each model, or one for each GPU."""
        from pipelines.engine.loader import load_fleet

        engine = load_fleet(models, on_progress)
        memory.keep_for_good()
        return engine

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The decoder for a declared format."""
        return open_decoder(encoding, sample_rate, channels)

    def open_pipeline(
        self, engine: Any, language: str | None, hotwords: tuple[str, ...], emit: Emit, source_id: str
    ) -> Pipeline:
        """A pipeline with the settings of config.yaml, the source's language and words coming first."""
        from pipelines.stream.stream import Pipeline as Stream

        options = self._config.pipeline
        options = replace(options, language=language or options.language, hotwords=(*hotwords, *options.hotwords))
        return Stream(engine.take(), options, emit, source_id)

    def tidy(self) -> None:
        """Give back what closed pipelines have left: their streams are loops, which nobody frees at once."""
        memory.give_back()


class EngineRoom:
    """The one engine of a process: loading, loaded or failed."""

    def __init__(self, machinery: Machinery, models: Models) -> None:
        self._machinery = machinery
        self._settings = models
        self._future: Future[Engine] = Future()
        self._started = False
        self.progress = ""
        """What is being loaded, in words"""

    def load(self, then: Callable[[], None] = lambda: None) -> None:
        """Start loading in a thread of its own, so that the process may end without waiting; `then` is called after."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._load, args=(then,), name="models", daemon=True).start()

    def wait(self) -> Engine:
        """The engine, waiting for it; raises ModelError when it cannot be loaded."""
        return self._future.result()

    @property
    def settled(self) -> bool:
        """Whether loading is over, well or not: `wait` does not wait."""
        return self._future.done()

    def call_when_settled(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once loading is over, at once if it is; from any thread, and it must not raise."""
        self._future.add_done_callback(lambda _: callback())

    @property
    def models(self) -> dict[str, Any] | None:
        """What transcribes; None until it is loaded."""
        if not self._future.done() or self._future.exception() is not None:
            return None
        return self._future.result().models

    @property
    def capacity(self) -> int | None:
        """Live meetings that this machine carries; None while that is not known."""
        loaded = self._future.done() and self._future.exception() is None
        return self._future.result().capacity if loaded else None

    @property
    def failure(self) -> MeetingError | None:
        """Why loading failed."""
        error = self._future.exception() if self._future.done() else None
        return error if isinstance(error, MeetingError) else None

    def close(self) -> None:
        """Free the models, if they are loaded; one that is busy for long is left to the end of the process."""
        if self.models is not None:
            closing = threading.Thread(target=self._future.result().close, name="models-close", daemon=True)
            closing.start()
            closing.join(CLOSING)

    def _load(self, then: Callable[[], None]) -> None:
        try:
            self._future.set_result(self._machinery.load_engine(self._settings, self._report))
        except MeetingError as error:
            self._future.set_exception(error)
        except Exception as error:  # the pipeline guard: loading is library code of many authors
            log.exception("loading the models failed")
            failed = ModelError(f"the models cannot be loaded: {type(error).__name__}")
            failed.__cause__ = error
            self._future.set_exception(failed)
        then()

    def _report(self, text: str) -> None:
        self.progress = text
        log.info("models: %s", text)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every worker of a server shares."""

    store: Store
    machinery: Machinery
    engine: EngineRoom
    _: KW_ONLY
    keep_audio: bool = True
    backlog: float = 60.0
    """Seconds of audio that may wait for the models, loaded or not, before frames have to wait as well"""
    longest: float | None = None
    """Seconds after which a source is heard no further, whatever its last frame still holds; None is any time"""
    live: bool = True
    """Whether people read along; a recording that is replayed waits for meetings that do"""
    hearings: Hearings = field(default_factory=Hearings)
    """Whose turn it is to be heard again"""
    fsync: bool = False
    """Whether a frame must survive a power cut before it is acknowledged"""
