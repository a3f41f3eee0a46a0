"""The one engine of a process, loaded in a thread of its own, and what else all sources of a server share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from meeting.cluster.ownership import always
from meeting.config.settings import Limits, Models
from meeting.sources.backend import Backend, Engine
from meeting.sources.measurements import Measurements
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.store import Store
from pipelines.errors import MeetingError, ModelError
from pipelines.types import ModelInfo

if TYPE_CHECKING:
    from pipelines.engine.job_queue import JobQueue

log = logging.getLogger(__name__)

_LIMITS = Limits()

CLOSE_SECONDS = 1.0
"""Seconds that models have to finish what they are doing when the process ends"""


class EngineLoader:
    """The one engine of a process: loading, loaded or failed."""

    def __init__(self, backend: Backend, models: Models) -> None:
        self._backend = backend
        self._settings = models
        self._future: Future[Engine] = Future()
        self._started = False
        self.progress = ""
        """What is being loaded, in words"""

    def load(self, on_done: Callable[[], None] = lambda: None) -> None:
        """Start loading in a thread, for which the end of the process does not wait; `on_done` is called after."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._load, args=(on_done,), name="models", daemon=True).start()

    def wait(self) -> Engine:
        """The engine, waiting for it; raises ModelError when it cannot be loaded."""
        return self._future.result()

    @property
    def done(self) -> bool:
        """Whether loading is over, well or not: `wait` does not wait."""
        return self._future.done()

    def call_when_done(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once loading is over, at once if it is; from any thread, and it must not raise."""
        self._future.add_done_callback(lambda _: callback())

    @property
    def models(self) -> ModelInfo | None:
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
    def stalled_seconds(self) -> float:
        """Seconds so far in which models on other machines did not answer; 0 for those of this process."""
        loaded = self._future.done() and self._future.exception() is None
        return self._future.result().stalled_seconds if loaded else 0.0

    @property
    def queues(self) -> Sequence[JobQueue[Any, Any]]:
        """What waits for the models; none until they are loaded."""
        loaded = self._future.done() and self._future.exception() is None
        return self._future.result().queues if loaded else ()

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
            closing.join(CLOSE_SECONDS)

    def _load(self, on_done: Callable[[], None]) -> None:
        try:
            self._future.set_result(self._backend.load_engine(self._settings, self._report))
        except MeetingError as error:
            self._future.set_exception(error)
        except Exception as error:  # the pipeline guard: loading is library code of many authors
            log.exception("loading the models failed")
            failed = ModelError(f"the models cannot be loaded: {type(error).__name__}")
            failed.__cause__ = error
            self._future.set_exception(failed)
        on_done()

    def _report(self, text: str) -> None:
        self.progress = text
        log.info("models: %s", text)


@dataclass(frozen=True, slots=True)
class Services:
    """What all sources of a server share."""

    store: Store
    backend: Backend
    engine: EngineLoader
    _: KW_ONLY
    keep_audio: bool = True
    backlog: float = _LIMITS.backlog
    """Seconds of audio that may wait for the models, loaded or not, before frames have to wait as well"""
    max_seconds: float | None = None
    """Seconds after which a source is processed no further, whatever its last frame still holds; None is any time"""
    live: bool = True
    """Whether people read along; a recording that is replayed waits for meetings that do"""
    recovery_queue: RecoveryQueue = field(default_factory=RecoveryQueue)
    """Whose turn it is to be recovered"""
    fsync: bool = False
    """Whether a frame must survive a power cut before it is acknowledged"""
    held: Callable[[], bool] = always
    """Whether this server may still write for the meeting, by its own clock; from any thread"""
    fence: int = 0
    """Under which it has the meeting: grows whenever that goes to a server"""
    measurements: Measurements = field(default_factory=Measurements)
    """What is counted for whoever watches over the server"""
