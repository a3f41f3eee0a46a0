"""One copy of each model, shared by all meetings: what waits, in which order, and what is dropped.

Two lanes, each with one thread: `speech` reads slices, `voices` finds local voices in windows. Neither waits
for the other. In the speech lane final slices go before growing ones, and a growing one that is overtaken by a
longer one of the same slice is never read.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .asr import Heard, Recogniser, believable
from .cluster import Thresholds
from .errors import BlockError
from .types import SAMPLE_RATE, LocalVoices, Samples, Slice, Window
from .voice import VoiceModel, VoiceStream

T = TypeVar("T")

LANE_LIMIT = 4096
"""Jobs that may wait in a lane; more are refused, which the pipeline reports as a failed block"""


@dataclass(order=True, slots=True)
class _Job(Generic[T]):
    priority: tuple[int, int]
    work: Callable[[], T] = field(compare=False)
    future: Future[T | None] = field(compare=False)
    replaces: Hashable = field(compare=False, default=None)


class Lane:
    """One worker thread and its bounded queue: lowest priority number first, then first come, first served."""

    def __init__(self, name: str, limit: int = LANE_LIMIT) -> None:
        self.name = name
        self._limit = limit
        self._changed = threading.Condition()
        self._queue: list[_Job[Any]] = []
        self._latest: dict[Hashable, _Job[Any]] = {}
        self._count = 0
        self._closed = False
        self.busy = 0.0
        """Seconds of computing so far"""
        self.dropped = 0
        """Jobs overtaken before they started"""
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T], priority: int = 0, replaces: Hashable = None) -> Future[T | None]:
        """Queue some work; its future gives None when a later job with the same `replaces` overtakes it.

        Raises BlockError when the queue is full or the lane closed.
        """
        with self._changed:
            if self._closed:
                raise BlockError(self.name, "the engine is closed")
            overtaken = self._latest.pop(replaces, None) if replaces is not None else None
            if overtaken is not None:
                # out of the queue before the lock is let go, or the worker might start it all the same
                self._queue.remove(overtaken)
                heapq.heapify(self._queue)
                self.dropped += 1
            if len(self._queue) >= self._limit:
                raise BlockError(self.name, f"more than {self._limit} jobs are waiting")
            self._count += 1
            job: _Job[T] = _Job((priority, self._count), work, Future(), replaces)
            if replaces is not None:
                self._latest[replaces] = job
            heapq.heappush(self._queue, job)
            self._changed.notify()
        if overtaken is not None and overtaken.future.set_running_or_notify_cancel():
            overtaken.future.set_result(None)
        return job.future

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        with self._changed:
            self._closed = True
            waiting, self._queue = self._queue, []
            self._changed.notify()
        for job in waiting:
            job.future.cancel()
        self._thread.join(timeout=30)

    def _next(self) -> _Job[Any] | None:
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if not self._queue:
                return None
            job = heapq.heappop(self._queue)
            if job.replaces is not None and self._latest.get(job.replaces) is job:
                del self._latest[job.replaces]
            return job

    def _run(self) -> None:
        while (job := self._next()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            start = time.perf_counter()
            try:
                result = job.work()
            except Exception as error:
                self.busy += time.perf_counter() - start
                job.future.set_exception(error)
            else:
                self.busy += time.perf_counter() - start
                job.future.set_result(result)


FINAL, GROWING = 0, 1
"""Priorities of the speech lane"""

SURE = 0.5
"""Probability of a detected language from which it is kept for the rest of the source"""
TELLING = 2 * SAMPLE_RATE
"""Samples that a slice needs for its language to be believed"""
MOST_OWNERS = 1024
"""Sources whose context is remembered; the one read longest ago is forgotten first"""


@dataclass(slots=True)
class _Context:
    """What the final slices of one source have told so far; final slices are read in order, so it is the same
    whatever the speed."""

    prompt: str | None = None
    language: str | None = None
    draft: object = None
    """What a growing slice was last read as"""
    drafted: tuple[int, int] | None = None
    """Index and first sample of that slice"""

    def learn(self, heard: Heard, length: int) -> None:
        """Carry the text over as the next prompt unless it was not believed, and keep a language that is sure."""
        self.prompt = heard.text or None
        if self.language is None and length >= TELLING and (heard.language_confidence or 0.0) >= SURE and heard.words:
            self.language = heard.language


class Engine:
    """The loaded models. Meetings ask for results and know nothing of threads and queues."""

    def __init__(
        self,
        recogniser: Recogniser,
        finder: Callable[[list[Window]], list[LocalVoices]],
        voice: VoiceModel,
        thresholds: Thresholds,
        models: dict[str, Any],
    ) -> None:
        self.models = models
        """Which models serve and why, as sent to clients"""
        self.thresholds = thresholds
        """Distances of the embedding model"""
        self._recogniser = recogniser
        self._finder = finder
        self._voice = voice
        self._contexts: dict[Hashable, _Context] = {}
        self._lock = threading.Lock()
        self.speech = Lane("speech")
        self.voices = Lane("voices")

    def listen(self) -> VoiceStream:
        """Voice activity for one more source."""
        return self._voice.stream()

    def read(
        self, piece: Slice, owner: Hashable, language: str | None = None, hotwords: tuple[str, ...] = ()
    ) -> Future[Heard | None]:
        """Words of a slice; None for a growing one that was overtaken. `owner` tells sources apart."""

        context = self._context(owner)

        def work() -> Heard:
            spoken, prompt = language or context.language, context.prompt
            if piece.final:
                # from the audio alone, never from a draft: how many of those there were depends on the speed
                heard = read_believably(self._recogniser, piece.audio, spoken, hotwords, False, prompt)
                context.learn(heard, len(piece.audio))
                return heard
            this = (piece.index, piece.span.start)
            draft = context.draft if context.drafted == this else None
            heard = read_believably(self._recogniser, piece.audio, spoken, hotwords, True, prompt, draft)
            context.draft, context.drafted = heard.draft, this
            return heard

        key = (owner, piece.index)
        return self.speech.submit(work, FINAL if piece.final else GROWING, replaces=key)

    def _context(self, owner: Hashable) -> _Context:
        with self._lock:
            context = self._contexts.pop(owner, None) or _Context()
            self._contexts[owner] = context
            while len(self._contexts) > MOST_OWNERS:
                del self._contexts[next(iter(self._contexts))]
            return context

    def find(self, window: Window) -> Future[LocalVoices | None]:
        """Local voices of a window."""
        return self.voices.submit(lambda: self._finder([window])[0])

    def close(self) -> None:
        """Stop the lanes."""
        self.speech.close()
        self.voices.close()


def read_believably(
    recogniser: Recogniser,
    audio: Samples,
    language: str | None,
    hotwords: tuple[str, ...],
    partial: bool,
    prompt: str | None = None,
    draft: object = None,
) -> Heard:
    """A reading that can be believed, or no words: invented text is worse than none."""
    if not len(audio):
        return Heard()
    heard = recogniser.read(audio, prompt=prompt, language=language, hotwords=hotwords, partial=partial, draft=draft)
    return heard if believable(heard, len(audio)) else Heard(language=heard.language)
