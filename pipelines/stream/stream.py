"""The wiring: audio in, outputs out, through an RxPY stream with two branches.

    audio ─┬─▶ StepChunker ─▶ WindowBuffer ─▶ Engine.find_speakers ─▶ SpeakerTracker ── turns ─┐
           └─▶ Endpointer ─▶ Engine.recognise ─▶ LineSplitter ── hypotheses ───────────────────┴─▶ Merger ─▶ emit

What of a growing utterance becomes final depends on the turns that are known half a second before its end: it waits for
them (`TurnHistory`), so that the text depends on the audio alone.

Where it is asked for, a Dereverberator stands before the Endpointer, which then has a voice activity of its own: it
hears other audio than the windows do.

What the operators do is in `operators.py`; no other file knows Rx. When the audio completes, each block is flushed
after everything before it has passed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from typing import Any

import rx
from rx import operators as ops
from rx.core.typing import Observable
from rx.subject import Subject

from pipelines.asr.recogniser import RecognitionResult, absolute_words
from pipelines.asr.second_pass import Passage, SecondPassBuffer, is_better, revised_hypotheses
from pipelines.audio.dereverberation import Dereverberator
from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.audio.steps import StepChunker
from pipelines.audio.vad import SharedVad
from pipelines.diarization.activity import ActivityOptions
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.diarization.windows import WindowBuffer
from pipelines.engine.contextual import sure_of_language
from pipelines.engine.engine import Engine
from pipelines.engine.load_shedding import Shedding
from pipelines.options import PipelineOptions, language_codes
from pipelines.stream.lines import LineSplitter
from pipelines.stream.merge import Merger
from pipelines.stream.operators import Pending, ResultThread, guarded, guarded_merge, items_of, through
from pipelines.stream.progress import Progress
from pipelines.stream.turn_history import NotedTracker, TurnHistory, Turns
from pipelines.turns import MAX_GAP
from pipelines.types import (
    SAMPLE_RATE,
    WINDOW,
    BlockFailed,
    Hypothesis,
    Output,
    Pause,
    PipelineStats,
    Samples,
    Span,
    Unread,
    Utterance,
    Window,
    samples,
)

log = logging.getLogger(__name__)

FEED_SAMPLES = 10 * SAMPLE_RATE
"""Samples that go into the stream at once"""

COMMIT_FROM = 3.0
"""Seconds from which sentences of an utterance become final while it grows"""

TURNS_AGE = samples(0.5)
"""How much older than an utterance the turns are that it is read with, so that live it hardly ever waits for them"""

MAX_PARTIAL_BACKLOG = 2.0
"""Backlog in seconds from which on a recording gets no partial results: nobody could follow"""

_sources = count()


def speaker_options(options: PipelineOptions, preset: Thresholds) -> SpeakerOptions:
    """What the tracker needs of them, on top of the embedding model's thresholds."""

    def given(*names: str) -> dict[str, Any]:
        return {name: getattr(options, name) for name in names if getattr(options, name) is not None}

    distances = given("window_threshold", "merge_threshold", "scatter", "match_threshold", "match_margin")
    return SpeakerOptions(
        replace(preset, **distances),
        max_speakers=options.max_speakers,
        expected=options.speakers,
        min_speech=options.min_speech,
        recluster_interval=options.recluster_interval,
        second_pass=options.second_pass,
        activity=ActivityOptions(**given("onset", "overlap_onset")),
    )


def endpointer_options(options: PipelineOptions, takes_context: bool = False) -> EndpointerOptions:
    """What the endpointer needs of them; what is committed is read again only by a recogniser that takes context."""
    return EndpointerOptions(
        threshold=options.vad_threshold,
        endpoint_silence=options.endpoint_silence,
        pause=options.pause,
        pre_roll=options.pre_roll,
        max_utterance=options.max_utterance,
        partial_interval=options.partial_interval,
        commit_from=COMMIT_FROM if takes_context else None,
    )


class Pipeline:
    """One source's audio on its way through the models; `emit` gets the outputs, one at a time."""

    def __init__(
        self,
        engine: Engine,
        options: PipelineOptions,
        emit: Callable[[Output], None],
        source_id: str,
        prefix: str = "s",
        on_backlog: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`emit` is called from a thread of the pipeline, never from two at once; `on_backlog` as `Progress` does."""
        self.live = False
        """Whether someone reads along: if so, what a machine that is too full cannot do in time is left out"""
        self.hotwords: tuple[str, ...] = ()
        """Names and terms that the next utterances are likely to hold, beside those of the options"""
        self._engine = engine
        self._options = options
        self._emit = emit
        self._source = next(_sources)
        self._language: str | None = None
        self._progress = Progress(lambda: engine.busy_seconds, on_backlog)
        self._done = threading.Event()
        self._audio: Subject = Subject()
        self._results = ResultThread()
        self._second_pass = SecondPassBuffer()
        vad = SharedVad(engine.open_vad())
        heard = engine.open_vad() if options.dereverberation else vad.reader()
        endpointer = Endpointer(heard, endpointer_options(options, engine.takes_context))
        tracker = SpeakerTracker(speaker_options(options, engine.thresholds), engine.models.get("embedding", ""))
        merger = Merger(source_id, prefix)
        audio = self._audio.pipe(ops.share())
        history = self._turn_history = None if options.solo else TurnHistory()
        turns = self._turns(audio, WindowBuffer(vad.reader()), tracker, history) if history else rx.empty()
        merged = rx.merge(turns, self._hypotheses(audio, endpointer)).pipe(
            ops.concat(rx.defer(lambda _: self._run_second_pass())),
            ops.flat_map(guarded_merge(merger)),
            # what was told of it while audio came may hold no longer, and nobody would hear so
            ops.concat(rx.defer(lambda _: items_of([self._stats()] if self._progress.told else []))),
        )
        self._subscription = merged.subscribe(self._tell, self._broke, self._done.set)
        engine.attach(self._source)

    def feed(self, audio: Samples) -> None:
        """More audio, 16 kHz mono, shape (samples,); returns when it is queued. One thread at a time."""
        if not len(audio):
            return
        self._progress.audio_fed(len(audio))
        for at in range(0, len(audio), FEED_SAMPLES):  # the branches share voice activity: none may run far ahead
            self._audio.on_next(audio[at : at + FEED_SAMPLES])
        if self._progress.due():
            told = self._stats()
            self._results.later(lambda: self._tell(told))

    def finish(self) -> None:
        """Flush every block; returns when the last output has been emitted."""
        self._audio.on_completed()
        self._done.wait()
        self.close()

    def close(self) -> None:
        """Free threads and whoever waits; abandons what is still on its way."""
        self._subscription.dispose()
        self._results.dispose()
        self._engine.detach(self._source)
        self._done.set()

    def _turns(
        self, audio: Observable[Samples], windows: WindowBuffer, tracker: SpeakerTracker, history: TurnHistory
    ) -> Observable[Any]:
        """Who speaks when, step by step."""

        def note_missing(item: Any) -> None:
            if item is None or (isinstance(item, BlockFailed) and item.block == "diarization"):
                history.window_done()

        return audio.pipe(
            through("steps", StepChunker()),
            through("windows", windows),
            ops.map(guarded("diarization", self._find_speakers)),
            self._results.in_order(),
            ops.do_action(self._progress.window_done),
            ops.do_action(note_missing),
            ops.filter(lambda item: item is not None),
            through("speakers", NotedTracker(tracker, history)),
            ops.do_action(on_completed=history.close),
        )

    def _hypotheses(self, audio: Observable[Samples], endpointer: Endpointer) -> Observable[Any]:
        """What is recognised of the audio, line by line."""
        if self._options.dereverberation:
            audio = audio.pipe(through("dereverberation", Dereverberator()))
        return audio.pipe(
            through("endpointer", endpointer),
            ops.map(guarded("recogniser", self._with_turns)),
            self._results.in_order(),
            ops.map(guarded("recogniser", self._recognise)),
            self._results.in_order(),
            ops.do_action(self._progress.utterance_done),
            ops.filter(lambda item: item is not None),
            through("lines", LineSplitter()),
            ops.do_action(self._keep_for_second_pass),
        )

    def _stats(self) -> PipelineStats:
        """How the pipeline keeps up."""
        engine = self._engine
        return replace(
            self._progress.stats(),
            load=engine.load,
            left_out=engine.shedding.label,
            language=self._language,
            models_answer=engine.answering(),
        )

    def _find_speakers(self, window: Window) -> Any:
        self._progress.window_sent()
        found = self._engine.find_speakers(window, self._source, self.live)
        return Pending(found, "diarization", Span(max(0, window.start), window.start + WINDOW))

    def _with_turns(self, utterance: Utterance | Pause) -> Any:
        """The utterance, with who speaks in it where some of it becomes final, as soon as that is known; None for one
        that is left out."""
        if isinstance(utterance, Pause):
            return utterance
        lasting = utterance.final or utterance.commits
        if not (lasting or self.live) and self._progress.backlog > MAX_PARTIAL_BACKLOG:
            return None
        if self.live and self._engine.shedding >= Shedding.NO_PARTIALS:
            # One that the engine would leave out must not wait for turns, and no line behind it.
            if self._turn_history is not None:
                self._turn_history.release()
            if utterance.commits:
                return None
        self._progress.utterance_sent(utterance)
        if not utterance.commits or self._turn_history is None:
            return utterance
        span = utterance.span

        def with_turns(turns: Turns) -> Utterance:
            return replace(utterance, turns=tuple(turn for turn in turns if turn.span.gap(span) <= MAX_GAP))

        return Pending(self._turn_history.at(span.end - TURNS_AGE), "recogniser", span, with_turns)

    def _recognise(self, utterance: Utterance | Pause | None) -> Any:
        if utterance is None or isinstance(utterance, Pause):
            return utterance
        lasting = utterance.final or utterance.commits
        index, span, final = utterance.index, utterance.span, utterance.final
        pause = utterance.pause
        # only what is recognised again needs its audio; of all others the engine holds it until they are recognised
        audio = utterance.audio if self._options.second_pass == "full" and lasting else None

        def hypothesis(found: RecognitionResult | None) -> Hypothesis | None:
            if found is None:
                self._progress.utterance_left_out(utterance)
                return None
            if final and sure_of_language(found, len(span)):
                self._language = found.language
            words = absolute_words(found, span.start)
            return Hypothesis(
                index,
                span,
                final,
                words,
                found.language,
                unstable=found.unstable,
                committed=found.committed,
                pause=pause,
                audio=audio,
            )

        def unread(failure: BlockFailed) -> Unread | BlockFailed:
            return Unread(index, pause, failure) if final else failure

        return Pending(self._reading(utterance), "recogniser", span, hypothesis, unread)

    def _reading(self, utterance: Utterance) -> Future[Any]:
        """What the recogniser makes of it; where the engine takes no more, a failure like any other."""
        options = self._options
        try:
            return self._engine.recognise(
                utterance, self._source, options.language, self._all_hotwords, self.live, options.translate
            )
        except Exception as error:
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused

    def _keep_for_second_pass(self, item: Any) -> None:
        if isinstance(item, Hypothesis) and item.final and item.audio is not None:
            self._second_pass.add(item, item.audio)

    @property
    def _all_hotwords(self) -> tuple[str, ...]:
        return (*self.hotwords, *self._options.hotwords)

    def _run_second_pass(self) -> Observable[Any]:
        """What was cut poorly, recognised again; one by one, so that other meetings wait for one at most."""

        def again(passage: Passage) -> Observable[Any]:
            pending = rx.just(passage).pipe(
                ops.map(guarded("recogniser", self._recognise_again)), self._results.in_order()
            )
            # where it fails the first result stands, and nothing is missing
            return pending.pipe(ops.filter(lambda made: not isinstance(made, BlockFailed)), ops.flat_map(items_of))

        return rx.from_iterable(self._second_pass.flush()).pipe(
            ops.map(lambda passage: rx.defer(lambda _: again(passage))), ops.merge(max_concurrent=1)
        )

    def _recognise_again(self, passage: Passage) -> Any:
        # a source of its own: what was said last in the meeting is no prompt for it
        asked = language_codes(self._options.language)
        language = asked[0] if len(asked) == 1 else passage.hypotheses[0].language or self._options.language
        result = self._engine.recognise(
            passage.utterance,
            (self._source, "again"),
            language,
            self._all_hotwords,
            translate=self._options.translate,
        )

        def revised(found: RecognitionResult) -> list[Hypothesis]:
            words = absolute_words(found, passage.span.start)
            return revised_hypotheses(passage, words) if is_better(passage.words, words) else []

        return Pending(result, "recogniser", passage.span, revised)

    def _tell(self, output: Output) -> None:
        try:
            self._emit(output)
        except Exception:
            log.exception("the meeting failed on an output of its pipeline")

    def _broke(self, error: Exception) -> None:
        log.error("the pipeline's stream ended early", exc_info=error)
        self._done.set()
