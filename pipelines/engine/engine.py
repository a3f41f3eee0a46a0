"""One copy of each model, shared by all meetings: who is served when, together with whom, and what is left out.

Two job queues: one for the recogniser, with a thread or several, one for the local speakers of windows, with one
thread. Neither waits for the other. What is live goes before recordings and recoveries; of utterances final ones go
before partial ones, and a partial one that is overtaken by a longer one of the same utterance is never recognised. When
the machine is too full, the least important is left out first (`load_shedding.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, Protocol

from pipelines.asr.recogniser import Recogniser, RecognitionResult
from pipelines.audio.vad import VadModel, VadStream
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.capacity import Throughput, cores_for_each
from pipelines.engine.contextual import ContextualRecogniser, SourceContext, UtteranceJob
from pipelines.engine.job_queue import JobQueue
from pipelines.engine.load_shedding import LoadShedder, Shedding
from pipelines.timing import best_of
from pipelines.types import SAMPLE_RATE, LocalSpeakers, ModelInfo, Utterance, Window, samples

MAX_WINDOW_BATCH = 8
"""Windows that go through the models together; more gains nothing on a CPU"""
TRIAL_BATCH = 4
"""Windows with which the throughput of batches is measured"""
MAX_BATCH_WAIT = 0.03
"""Seconds that a job waits at most for others to go with it"""
BATCH_LENGTH = 4.0
"""Utterances of up to so many seconds go together, those of up to twice as many, those of up to four times as many …"""


class Priority(IntEnum):
    """What goes first."""

    FINAL = 0
    PARTIAL = 1
    BACKGROUND_FINAL = 2
    """Of a recording or a recovery, which no one reads along"""
    BACKGROUND_PARTIAL = 3


class Engines(Protocol):
    """Loaded models as their owner sees them: an `Engine`, or an `EnginePool` of several."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Each copy of the models; at least one."""

    @property
    def queues(self) -> tuple[JobQueue[Any, Any], ...]:
        """The job queues of all copies."""

    @property
    def models(self) -> ModelInfo:
        """Which models serve and why, as sent to clients."""

    @property
    def thresholds(self) -> Thresholds:
        """Distances of the embedding model."""

    @property
    def capacity(self) -> int | None:
        """Live meetings that they carry; None where it was not measured."""

    @property
    def stalled_seconds(self) -> float:
        """Seconds so far in which models on other machines did not answer; 0 for those of this process."""

    def assign(self) -> Engine:
        """The engine for one more pipeline, which stays with it."""

    def close(self) -> None:
        """Stop all threads; what waits is dropped."""


class Engine:
    """One copy of each model. Pipelines ask for results and know nothing of threads, queues and batches.

    Requests are queued from the beginning, and served between `start` and `close`.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        find_speakers: Callable[[list[Window]], list[LocalSpeakers]],
        vad: VadModel,
        thresholds: Thresholds,
        models: ModelInfo,
        speech_workers: int = 1,
        speaker_workers: int = 1,
        stalled_seconds: Callable[[], float] | None = None,
        answering: Callable[[], bool] | None = None,
    ) -> None:
        """`speech_workers` threads call the recogniser, which must be `concurrent` where they are several, and
        `speaker_workers` threads `find_speakers`.

        `stalled_seconds`, for models on other machines, tells for how long in all they have not answered; that counts
        as if the models had been busy. `answering` tells whether they answer now.
        """
        self.models = models
        """Which models serve and why, as sent to clients"""
        self.thresholds = thresholds
        """Distances of the embedding model"""
        self.throughput: Throughput | None = None
        """What this machine needs, once it was measured"""
        self.thread_trials: dict[int, float] = {}
        """Seconds for one window by number of threads, where that was tried"""
        self._speech = ContextualRecogniser(recogniser)
        self._find_speakers = find_speakers
        self._vad = vad
        self._sources: set[Hashable] = set()
        self._lock = threading.Lock()
        self._shedder = LoadShedder()
        self._stalled_seconds = stalled_seconds or (lambda: 0.0)
        self.answering: Callable[[], bool] = answering or (lambda: True)
        """Tells whether the models answer at the moment; those of this process always do"""
        self.speech_queue = JobQueue(
            "speech",
            work=self._speech.recognise,
            max_batch=recogniser.info.max_batch,
            max_wait=MAX_BATCH_WAIT,
            one_per_owner=True,  # each utterance is a prompt for the next one of its source
            workers=speech_workers,
        )
        self.speaker_queue = JobQueue(
            "speakers",
            work=self._find_speakers,
            max_batch=MAX_WINDOW_BATCH,
            max_wait=MAX_BATCH_WAIT,
            workers=speaker_workers,
        )

    def start(self) -> None:
        """Begin to serve requests, in threads of its own."""
        self.speech_queue.start()
        self.speaker_queue.start()

    @property
    def engines(self) -> tuple[Engine, ...]:
        """This one: an engine is a pool of one."""
        return (self,)

    @property
    def queues(self) -> tuple[JobQueue[Any, Any], ...]:
        """What waits for each model, and what is known of how it is served."""
        return (self.speech_queue, self.speaker_queue)

    @property
    def sources(self) -> int:
        """Pipelines that work with it now."""
        return len(self._sources)

    @property
    def takes_context(self) -> bool:
        """Whether the recogniser is given the audio before an utterance."""
        return self._speech.recogniser.info.takes_context

    @property
    def busy_seconds(self) -> float:
        """Seconds that the models have computed so far."""
        return self.speech_queue.busy_seconds + self.speaker_queue.busy_seconds

    @property
    def stalled_seconds(self) -> float:
        """Seconds so far in which models on other machines did not answer; 0 for those of this process."""
        return self._stalled_seconds()

    @property
    def load(self) -> float:
        """Real-time factor of what must be done in time, live finals and windows, by the fuller queue: 1 is full."""
        return self._shedder.load

    @property
    def shedding(self) -> Shedding:
        """What is left out now."""
        return self._shedder.shedding

    @property
    def capacity(self) -> int | None:
        """Live meetings that it carries; None where it was not measured."""
        return self.throughput.capacity if self.throughput else None

    def assign(self) -> Engine:
        """The engine for one more pipeline: this one."""
        return self

    def attach(self, source: Hashable) -> None:
        """A pipeline begins to work with it."""
        with self._lock:
            self._sources.add(source)

    def detach(self, source: Hashable) -> None:
        """A pipeline needs it no longer; it may say so twice."""
        with self._lock:
            self._sources.discard(source)

    def measure(
        self, trial: Callable[[int], object], on_gpu: bool = False, threads: int = 1, engine_count: int = 1
    ) -> Throughput:
        """Measure what the models take; a second on a slow machine, for a time when nothing else is asked of them.

        `trial` does the work of finding speakers in so many windows; `engine_count` engines share the cores.
        """
        # on a CPU other programs only take turns: what a thread computed says more than how long it took
        clock = time.perf_counter if on_gpu else time.thread_time
        single = best_of(lambda: trial(1), clock=clock)
        batched = best_of(lambda: trial(TRIAL_BATCH), clock=clock) / TRIAL_BATCH
        recogniser = self._speech.recogniser
        self.throughput = Throughput(
            recogniser.measure_rtf(),
            single,
            batched,
            cores_for_each(engine_count),
            windows_on_gpu=on_gpu,
            threads=threads,
            speech_on_gpu=recogniser.info.on_gpu,
            speech_workers=self.speech_queue.workers,
        )
        return self.throughput

    def open_vad(self) -> VadStream:
        """Voice activity for one more source."""
        return self._vad.stream()

    def recognise(
        self,
        utterance: Utterance,
        source: Hashable,
        language: str | None = None,
        hotwords: tuple[str, ...] = (),
        live: bool = False,
        translate: bool = False,
    ) -> Future[RecognitionResult | None]:
        """The words of an utterance, with times from its start; None for a partial one that was overtaken or left out.

        `source` tells sources apart: final utterances of one are recognised in the order of their coming, each with the
        text of the one before as its prompt. Raises BlockError where too much waits, as may the future.
        """
        context = self._speech.context(source)
        if live and not utterance.final and self._is_shed(context, utterance.commits):
            return _no_result()
        must_be_done = utterance.final or utterance.commits
        length = self._speech.reading_length(utterance, context)
        # beside a much longer one an utterance would wait for its end: batches are of similar length
        batch_key = (length // samples(BATCH_LENGTH)).bit_length()
        job = UtteranceJob(utterance, context, language, hotwords, translate)
        return self.speech_queue.submit(
            job,
            priority=_priority(live, must_be_done),
            replaces=(source, utterance.index),
            owner=source,
            cost=length / SAMPLE_RATE,
            batch_key=batch_key,
            must_be_done=must_be_done,
        )

    def find_speakers(
        self, window: Window, source: Hashable = None, live: bool = False
    ) -> Future[LocalSpeakers | None]:
        """Local speakers of a window; None for one that was left out. Raises BlockError where too much waits."""
        if live and self._update_shedding() >= Shedding.LONG_HOP and window.index % 2:
            return _no_result()
        return self.speaker_queue.submit(window, _priority(live, True), owner=source)

    def close(self) -> None:
        """Stop all threads; what waits is dropped."""
        self.speech_queue.close()
        self.speaker_queue.close()

    def _update_shedding(self) -> Shedding:
        with self._lock:
            # partial results may fill their queue: they replace each other, and finals go before them; where they take
            # the processor from the others, these take longer and count for more
            queues = (self.speech_queue, self.speaker_queue)
            stalled = self.stalled_seconds
            busy = [queue.busy_seconds_up_to(Priority.FINAL) / queue.workers + stalled for queue in queues]
            return self._shedder.update(time.perf_counter(), busy)

    def _is_shed(self, context: SourceContext, commits: bool) -> bool:
        """Whether the next partial result of a source is left out: all of them, or every second one.

        Where it makes sentences final, which then wait for the end of their utterance, only with all of them.
        """
        shedding = self._update_shedding()
        if commits:
            return shedding >= Shedding.NO_PARTIALS
        context.skipped_partial = shedding >= Shedding.NO_PARTIALS or (
            shedding == Shedding.RARE_PARTIALS and not context.skipped_partial
        )
        return context.skipped_partial


def _priority(live: bool, final: bool) -> Priority:
    if live:
        return Priority.FINAL if final else Priority.PARTIAL
    return Priority.BACKGROUND_FINAL if final else Priority.BACKGROUND_PARTIAL


def _no_result() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(None)
    return future
