"""One copy of each model, shared by all meetings: who is served when, together with whom, and what is left out.

Two lanes, each with one thread: `speech` reads slices, `voices` finds local voices in windows. Neither waits
for the other. What is live goes before recordings and recoveries; in the speech lane final slices go before growing
ones, and a growing one that is overtaken by a longer one of the same slice is never read. When the machine is too
full, the least important is left out first (`load.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, cast

import numpy as np

from pipelines.asr.partials import PartialTranscript
from pipelines.asr.recogniser import (
    BatchRecogniser,
    Recogniser,
    RecognitionRequest,
    RecognitionResult,
    is_plausible,
    trim_context,
)
from pipelines.audio.vad import VadModel, VadStream
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.capacity import Throughput
from pipelines.engine.job_queue import MAX_OWNERS, JobQueue
from pipelines.engine.load_shedding import LoadShedder, Shedding
from pipelines.timing import available_cores, best_of
from pipelines.types import SAMPLE_RATE, LocalSpeakers, Samples, Utterance, Window, samples

MAX_WINDOW_BATCH = 8
"""Windows that go through the models together; more gains nothing on a CPU"""
TRIAL_BATCH = 4
"""Windows with which the pace in company is measured"""
MAX_BATCH_WAIT = 0.03
"""Seconds that a job waits at most for others to go with it"""


class Priority(IntEnum):
    """What goes first."""

    FINAL = 0
    PARTIAL = 1
    BACKGROUND_FINAL = 2
    """Of a recording or a recovery, which no one reads along"""
    BACKGROUND_PARTIAL = 3


MIN_LANGUAGE_PROBABILITY = 0.5
"""Probability of a detected language from which it is kept for the rest of the source"""
MIN_LANGUAGE_SAMPLES = 2 * SAMPLE_RATE
"""Samples that a slice needs for its language to be believed"""


@dataclass(slots=True)
class _SourceContext:
    """What the final slices of one source have told so far; final slices are read in order, so it is the same
    whatever the speed."""

    prompt: str | None = None
    language: str | None = None
    partial: PartialTranscript = field(default_factory=PartialTranscript)
    skipped_partial: bool = False
    """Whether the last growing slice was left out"""

    def learn(self, result: RecognitionResult, length: int) -> None:
        """Carry the text over as the next prompt unless it was not believed, and keep a language that is sure."""
        self.prompt = result.text or None
        if (
            self.language is None
            and length >= MIN_LANGUAGE_SAMPLES
            and (result.language_probability or 0.0) >= MIN_LANGUAGE_PROBABILITY
            and result.words
        ):
            self.language = result.language


@dataclass(frozen=True, slots=True)
class _Job:
    """A slice that waits to be read."""

    utterance: Utterance
    context: _SourceContext
    language: str | None
    hotwords: tuple[str, ...]


class Engine:
    """The loaded models. Meetings ask for results and know nothing of threads, queues and batches."""

    def __init__(
        self,
        recogniser: Recogniser,
        find_speakers: Callable[[list[Window]], list[LocalSpeakers]],
        vad: VadModel,
        thresholds: Thresholds,
        models: dict[str, Any],
    ) -> None:
        self.models = models
        """Which models serve and why, as sent to clients"""
        self.thresholds = thresholds
        """Distances of the embedding model"""
        self.throughput: Throughput | None = None
        """What this machine needs, once it was measured"""
        self.thread_trials: dict[int, float] = {}
        """Seconds for one window by number of threads, where that was tried"""
        self._recogniser = recogniser
        self._finder = find_speakers
        self._vad = vad
        self._contexts: dict[Hashable, _SourceContext] = {}
        self._sources: set[Hashable] = set()
        self._lock = threading.Lock()
        self._shedder = LoadShedder()
        at_once = getattr(recogniser, "at_once", 1)
        self._wants_context: bool = getattr(recogniser, "context", False)
        self.speech_queue = JobQueue(
            "speech", work=self._recognise, max_batch=at_once, max_wait=MAX_BATCH_WAIT, one_per_owner=True
        )
        self.speaker_queue = JobQueue(
            "speakers", work=find_speakers, max_batch=MAX_WINDOW_BATCH, max_wait=MAX_BATCH_WAIT
        )

    @property
    def sources(self) -> int:
        """Pipelines that work with it now."""
        return len(self._sources)

    @property
    def busy_seconds(self) -> float:
        """Seconds that the models have computed so far."""
        return self.speech_queue.busy_seconds + self.speaker_queue.busy_seconds

    @property
    def load(self) -> float:
        """Real-time factor of what must be done in time, live finals and windows, by the fuller lane: 1 is full."""
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
        """The engine for one more pipeline, as an `EnginePool` gives it: this one."""
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
        """Measure the models' pace; takes a second on a slow machine, and is for a time when nothing else is asked.

        `trial` does the work of finding voices in so many windows; the cores are shared `among` so many engines.
        """
        # on a CPU other programs only take turns: what a thread computed says more than how long it took
        clock = time.perf_counter if on_gpu else time.thread_time
        single = best_of(lambda: trial(1), clock=clock)
        batched = best_of(lambda: trial(TRIAL_BATCH), clock=clock) / TRIAL_BATCH
        speech_on_gpu = str(getattr(self._recogniser, "device", "cpu")).startswith("cuda")
        speech, share = self._recogniser.pace(), max(1, available_cores() // engine_count)
        self.throughput = Throughput(speech, single, batched, share, on_gpu, threads, speech_on_gpu)
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
    ) -> Future[RecognitionResult | None]:
        """Words of a slice; None for a growing one that was overtaken or left out. `owner` tells sources apart."""
        context = self._context_of(source)
        if live and not utterance.final and self._is_shed(context):
            return _no_result()
        length = len(self._audio(utterance))
        # beside much longer ones a slice would wait for their ends
        batch_key = (length // samples(4.0)).bit_length()
        priority = Priority(2 * (not live) + (not utterance.final))
        job = _Job(utterance, context, language, hotwords)
        return self.speech_queue.submit(
            job, priority, (source, utterance.index), source, length / SAMPLE_RATE, batch_key
        )

    def find_speakers(
        self, window: Window, source: Hashable = None, live: bool = False
    ) -> Future[LocalSpeakers | None]:
        """Local voices of a window; None for one that was left out."""
        if live and self._update_shedding() >= Shedding.LONG_HOP and window.index % 2:
            return _no_result()
        return self.speaker_queue.submit(window, Priority.FINAL if live else Priority.BACKGROUND_FINAL, owner=source)

    def close(self) -> None:
        """Stop the lanes."""
        self.speech_queue.close()
        self.speaker_queue.close()

    def _update_shedding(self) -> Shedding:
        with self._lock:
            # growing results may fill their lane: they replace each other, and finals go before them; where they take
            # the processor from the others, these take longer and count for more
            spent = [lane.busy_seconds_up_to(Priority.FINAL) for lane in (self.speech_queue, self.speaker_queue)]
            return self._shedder.update(time.perf_counter(), spent)

    def _is_shed(self, context: _SourceContext) -> bool:
        shedding = self._update_shedding()
        context.skipped_partial = shedding >= Shedding.NO_PARTIALS or (
            shedding == Shedding.RARE_PARTIALS and not context.skipped_partial
        )
        return context.skipped_partial

    def _context_of(self, source: Hashable) -> _SourceContext:
        with self._lock:
            context = self._contexts.pop(source, None) or _SourceContext()
            self._contexts[source] = context
            while len(self._contexts) > MAX_OWNERS:
                del self._contexts[next(iter(self._contexts))]
            return context

    def _recognise(self, jobs: list[_Job]) -> list[RecognitionResult]:
        """In the thread of the lane: slices of different sources, all final or all growing."""
        requests = [self._request(one) for one in jobs]
        results = recognise_plausibly(self._recogniser, requests)
        for at, one in enumerate(jobs):
            has_context = self._has_context(one.utterance)
            if not one.utterance.final:
                results[at] = replace(one.context.partial.extend(results[at]), unstable=has_context)
                continue
            results[at] = self._without_context(results[at], one)
            if has_context and not results[at].words:
                alone = replace(requests[at], audio=one.utterance.audio)
                results[at] = recognise_plausibly(self._recogniser, [alone])[0]
            one.context.learn(results[at], len(one.utterance.audio))
        return results

    def _request(self, job: _Job) -> RecognitionRequest:
        utterance, context = job.utterance, job.context
        language = job.language or context.language
        if utterance.final:
            # from the audio alone, never from a draft: how many of those there were depends on the speed
            return RecognitionRequest(self._audio(utterance), context.prompt, language, job.hotwords)
        partial = context.partial
        # alone: to hear the context each time costs twice as much, and moves the place where the slice's words begin
        anchor = partial.start((utterance.index, utterance.span.start), len(utterance.audio))
        prompt = " ".join(text for text in (context.prompt, partial.settled_text) if text) or None
        return RecognitionRequest(utterance.audio[anchor:], prompt, language, job.hotwords, True, partial.draft)

    def _audio(self, utterance: Utterance) -> Samples:
        """What the recogniser hears of a slice: of a final one also what was said before it, where that helps."""
        together = utterance.final and self._has_context(utterance)
        return np.concatenate([utterance.context, utterance.audio]) if together else utterance.audio

    def _has_context(self, utterance: Utterance) -> bool:
        return self._wants_context and len(utterance.context) > 0 and len(utterance.audio) > 0

    def _without_context(self, result: RecognitionResult, job: _Job) -> RecognitionResult:
        """A reading without the words that were said before the slice."""
        utterance, prompt = job.utterance, job.context.prompt
        if not self._has_context(utterance):
            return result
        return trim_context(
            result, len(utterance.context), len(utterance.audio), prompt.split()[-1] if prompt else None
        )


def recognise_plausibly(recogniser: Recogniser, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
    """Readings that can be believed, or no words: invented text is worse than none."""
    spoken = [request for request in requests if len(request.audio)]
    if len(spoken) > 1:
        found = iter(cast(BatchRecogniser, recogniser).read_all(spoken))
    else:
        found = iter([_read_one(recogniser, request) for request in spoken])
    out = []
    for request in requests:
        heard = next(found) if len(request.audio) else RecognitionResult()
        out.append(heard if is_plausible(heard, len(request.audio)) else RecognitionResult(language=heard.language))
    return out


def _read_one(recogniser: Recogniser, request: RecognitionRequest) -> RecognitionResult:
    return recogniser.read(
        request.audio,
        prompt=request.prompt,
        language=request.language,
        hotwords=request.hotwords,
        partial=request.partial,
        draft=request.draft,
    )


def _no_result() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(None)
    return future
