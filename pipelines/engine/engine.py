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

from pipelines.asr.partials import Growing
from pipelines.asr.recogniser import BatchRecogniser, Heard, Recogniser, Request, behind, believable
from pipelines.audio.vad import VoiceModel, VoiceStream
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.capacity import Pace
from pipelines.engine.job_queue import MOST_OWNERS, Lane
from pipelines.engine.load_shedding import Governor, Thinning
from pipelines.timing import best_of, cores
from pipelines.types import SAMPLE_RATE, LocalVoices, Samples, Slice, Window, samples

WINDOWS_AT_ONCE = 8
"""Windows that go through the models together; more gains nothing on a CPU"""
TOGETHER = 4
"""Windows with which the pace in company is measured"""
COMPANY = 0.03
"""Seconds that a job waits at most for others to go with it"""


class Rank(IntEnum):
    """What goes first."""

    FINAL = 0
    GROWING = 1
    PATIENT_FINAL = 2
    """Of a recording or a recovery, which no one reads along"""
    PATIENT_GROWING = 3


SURE = 0.5
"""Probability of a detected language from which it is kept for the rest of the source"""
TELLING = 2 * SAMPLE_RATE
"""Samples that a slice needs for its language to be believed"""


@dataclass(slots=True)
class _Context:
    """What the final slices of one source have told so far; final slices are read in order, so it is the same
    whatever the speed."""

    prompt: str | None = None
    language: str | None = None
    growing: Growing = field(default_factory=Growing)
    skipped: bool = False
    """Whether the last growing slice was left out"""

    def learn(self, heard: Heard, length: int) -> None:
        """Carry the text over as the next prompt unless it was not believed, and keep a language that is sure."""
        self.prompt = heard.text or None
        if self.language is None and length >= TELLING and (heard.language_confidence or 0.0) >= SURE and heard.words:
            self.language = heard.language


@dataclass(frozen=True, slots=True)
class _Asked:
    """A slice that waits to be read."""

    piece: Slice
    context: _Context
    language: str | None
    hotwords: tuple[str, ...]


class Engine:
    """The loaded models. Meetings ask for results and know nothing of threads, queues and batches."""

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
        self.pace: Pace | None = None
        """What this machine needs, once it was measured"""
        self.tried: dict[int, float] = {}
        """Seconds for one window by number of threads, where that was tried"""
        self._recogniser = recogniser
        self._finder = finder
        self._voice = voice
        self._contexts: dict[Hashable, _Context] = {}
        self._guests: set[Hashable] = set()
        self._lock = threading.Lock()
        self._governor = Governor()
        at_once = getattr(recogniser, "at_once", 1)
        self._wants_context: bool = getattr(recogniser, "context", False)
        self.speech = Lane("speech", work=self._read, most=at_once, patience=COMPANY, apart=True)
        self.voices = Lane("voices", work=finder, most=WINDOWS_AT_ONCE, patience=COMPANY)

    @property
    def guests(self) -> int:
        """Pipelines that work with it now."""
        return len(self._guests)

    @property
    def load(self) -> float:
        """Real-time factor of what must be done in time, live finals and windows, by the fuller lane: 1 is full."""
        return self._governor.load

    @property
    def thinning(self) -> Thinning:
        """What is left out now."""
        return self._governor.thinning

    @property
    def capacity(self) -> int | None:
        """Live meetings that it carries; None where it was not measured."""
        return self.pace.capacity if self.pace else None

    def take(self) -> Engine:
        """The engine for one more pipeline, as a `Fleet` gives it: this one."""
        return self

    def enter(self, owner: Hashable) -> None:
        """A pipeline begins to work with it."""
        with self._lock:
            self._guests.add(owner)

    def leave(self, owner: Hashable) -> None:
        """A pipeline needs it no longer; it may say so twice."""
        with self._lock:
            self._guests.discard(owner)

    def measure(self, trial: Callable[[int], object], on_gpu: bool = False, threads: int = 1, among: int = 1) -> Pace:
        """Measure the models' pace; takes a second on a slow machine, and is for a time when nothing else is asked.

        `trial` does the work of finding voices in so many windows; the cores are shared `among` so many engines.
        """
        # on a CPU other programs only take turns: what a thread computed says more than how long it took
        clock = time.perf_counter if on_gpu else time.thread_time
        alone = best_of(lambda: trial(1), clock=clock)
        together = best_of(lambda: trial(TOGETHER), clock=clock) / TOGETHER
        reads_on_gpu = str(getattr(self._recogniser, "device", "cpu")).startswith("cuda")
        reading, share = self._recogniser.pace(), max(1, cores() // among)
        self.pace = Pace(reading, alone, together, share, on_gpu, threads, reads_on_gpu)
        return self.pace

    def listen(self) -> VoiceStream:
        """Voice activity for one more source."""
        return self._voice.stream()

    def read(
        self,
        piece: Slice,
        owner: Hashable,
        language: str | None = None,
        hotwords: tuple[str, ...] = (),
        live: bool = False,
    ) -> Future[Heard | None]:
        """Words of a slice; None for a growing one that was overtaken or left out. `owner` tells sources apart."""
        context = self._context(owner)
        if live and not piece.final and self._left_out(context):
            return _nothing()
        length = len(self._audio(piece))
        # beside much longer ones a slice would wait for their ends
        alike = (length // samples(4.0)).bit_length()
        rank = Rank(2 * (not live) + (not piece.final))
        asked = _Asked(piece, context, language, hotwords)
        return self.speech.submit(asked, rank, (owner, piece.index), owner, length / SAMPLE_RATE, alike)

    def find(self, window: Window, owner: Hashable = None, live: bool = False) -> Future[LocalVoices | None]:
        """Local voices of a window; None for one that was left out."""
        if live and self._thin() >= Thinning.LONG_HOP and window.index % 2:
            return _nothing()
        return self.voices.submit(window, Rank.FINAL if live else Rank.PATIENT_FINAL, owner=owner)

    def close(self) -> None:
        """Stop the lanes."""
        self.speech.close()
        self.voices.close()

    def _thin(self) -> Thinning:
        with self._lock:
            # growing results may fill their lane: they replace each other, and finals go before them; where they take
            # the processor from the others, these take longer and count for more
            spent = [lane.spent(Rank.FINAL) for lane in (self.speech, self.voices)]
            return self._governor.note(time.perf_counter(), spent)

    def _left_out(self, context: _Context) -> bool:
        thinning = self._thin()
        context.skipped = thinning >= Thinning.NO_PARTIALS or (
            thinning == Thinning.RARE_PARTIALS and not context.skipped
        )
        return context.skipped

    def _context(self, owner: Hashable) -> _Context:
        with self._lock:
            context = self._contexts.pop(owner, None) or _Context()
            self._contexts[owner] = context
            while len(self._contexts) > MOST_OWNERS:
                del self._contexts[next(iter(self._contexts))]
            return context

    def _read(self, asked: list[_Asked]) -> list[Heard]:
        """In the thread of the lane: slices of different sources, all final or all growing."""
        requests = [self._request(one) for one in asked]
        heard = read_believably(self._recogniser, requests)
        for at, one in enumerate(asked):
            in_context = self._in_context(one.piece)
            if not one.piece.final:
                heard[at] = replace(one.context.growing.took(heard[at]), provisional=in_context)
                continue
            heard[at] = self._own(heard[at], one)
            if in_context and not heard[at].words:
                alone = replace(requests[at], audio=one.piece.audio)
                heard[at] = read_believably(self._recogniser, [alone])[0]
            one.context.learn(heard[at], len(one.piece.audio))
        return heard

    def _request(self, asked: _Asked) -> Request:
        piece, context = asked.piece, asked.context
        language = asked.language or context.language
        if piece.final:
            # from the audio alone, never from a draft: how many of those there were depends on the speed
            return Request(self._audio(piece), context.prompt, language, asked.hotwords)
        growing = context.growing
        # alone: to hear the context each time costs twice as much, and moves the place where the slice's words begin
        anchor = growing.begin((piece.index, piece.span.start), len(piece.audio))
        prompt = " ".join(text for text in (context.prompt, growing.kept_text) if text) or None
        return Request(piece.audio[anchor:], prompt, language, asked.hotwords, True, growing.draft)

    def _audio(self, piece: Slice) -> Samples:
        """What the recogniser hears of a slice: of a final one also what was said before it, where that helps."""
        together = piece.final and self._in_context(piece)
        return np.concatenate([piece.before, piece.audio]) if together else piece.audio

    def _in_context(self, piece: Slice) -> bool:
        return self._wants_context and len(piece.before) > 0 and len(piece.audio) > 0

    def _own(self, heard: Heard, asked: _Asked) -> Heard:
        """A reading without the words that were said before the slice."""
        piece, said = asked.piece, asked.context.prompt
        if not self._in_context(piece):
            return heard
        return behind(heard, len(piece.before), len(piece.audio), said.split()[-1] if said else None)


def read_believably(recogniser: Recogniser, requests: Sequence[Request]) -> list[Heard]:
    """Readings that can be believed, or no words: invented text is worse than none."""
    spoken = [request for request in requests if len(request.audio)]
    if len(spoken) > 1:
        found = iter(cast(BatchRecogniser, recogniser).read_all(spoken))
    else:
        found = iter([_read_one(recogniser, request) for request in spoken])
    out = []
    for request in requests:
        heard = next(found) if len(request.audio) else Heard()
        out.append(heard if believable(heard, len(request.audio)) else Heard(language=heard.language))
    return out


def _read_one(recogniser: Recogniser, request: Request) -> Heard:
    return recogniser.read(
        request.audio,
        prompt=request.prompt,
        language=request.language,
        hotwords=request.hotwords,
        partial=request.partial,
        draft=request.draft,
    )


def _nothing() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(None)
    return future
