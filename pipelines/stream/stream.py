"""The wiring: audio in, outputs out, through an RxPY stream with two branches.

    audio ─┬─▶ StepChunker ─▶ WindowBuffer ─▶ Engine.find_speakers ─▶ SpeakerTracker ── turns ─┐
           └─▶ Endpointer ─▶ Engine.recognise ── hypotheses ───────────────────────────────────┴─▶ Merger ─▶ emit

What the operators do is in `operators.py`; no other file knows Rx. When the audio completes, each block is flushed
after everything before it has passed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import rx
from rx import operators as ops
from rx.core.typing import Observable
from rx.subject import Subject

from pipelines.asr.recogniser import absolute_words
from pipelines.asr.second_pass import Passage, SecondPassBuffer, is_better, revised_hypotheses
from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.audio.steps import StepChunker
from pipelines.audio.vad import SharedVad
from pipelines.diarization.activity import ActivityOptions
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.diarization.windows import WindowBuffer
from pipelines.engine.engine import Engine
from pipelines.options import PipelineOptions
from pipelines.stream.merge import Merger
from pipelines.stream.operators import Pending, ResultThread, guarded, guarded_merge, items_of, through
from pipelines.stream.progress import Progress
from pipelines.types import (
    SAMPLE_RATE,
    WINDOW,
    BlockFailed,
    Hypothesis,
    Output,
    Samples,
    Span,
    Utterance,
    Window,
)

log = logging.getLogger(__name__)

AT_ONCE = 10 * SAMPLE_RATE
"""Samples that go into the stream at once"""

BEHIND = 2.0
"""Seconds behind from which on a recording is not read while it grows: nobody could follow"""

_owners = count()


def speaker_options(options: PipelineOptions, preset: Thresholds) -> SpeakerOptions:
    """What the tracker needs of them, on top of the embedding model's thresholds."""

    def given(*names: str) -> dict[str, Any]:
        return {name: getattr(options, name) for name in names if getattr(options, name) is not None}

    distances = given("window_threshold", "merge_threshold", "scatter", "match_threshold", "match_margin")
    return SpeakerOptions(
        replace(preset, **distances),
        max_speakers=options.max_speakers,
        min_speech=options.min_speech,
        recluster_interval=options.recluster_interval,
        second_pass=options.second_pass,
        activity=ActivityOptions(**given("onset", "overlap_onset")),
    )


def endpointer_options(options: PipelineOptions) -> EndpointerOptions:
    """What the endpointer needs of them."""
    return EndpointerOptions(
        threshold=options.vad_threshold,
        endpoint_silence=options.endpoint_silence,
        pre_roll=options.pre_roll,
        max_utterance=options.max_utterance,
        partial_interval=options.partial_interval,
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
        self._engine = engine
        self._options = options
        self._emit = emit
        self._owner = next(_owners)
        self._progress = Progress(lambda: engine.busy_seconds, on_backlog)
        self._done = threading.Event()
        self._audio: Subject = Subject()
        self._results = ResultThread()
        self._poor = SecondPassBuffer()
        voice = SharedVad(engine.open_vad())
        endpointer = Endpointer(voice.reader(), endpointer_options(options))
        tracker, merger = SpeakerTracker(speaker_options(options, engine.thresholds)), Merger(source_id, prefix)
        audio = self._audio.pipe(ops.share())
        turns = audio.pipe(
            through("steps", StepChunker()),
            through("windows", WindowBuffer(voice.reader())),
            ops.map(guarded("diarization", self._find)),
            self._results.in_order(),
            ops.do_action(self._progress.voiced),
            ops.filter(lambda item: item is not None),
            through("speakers", tracker),
        )
        readings = audio.pipe(
            through("endpointer", endpointer),
            ops.map(guarded("recogniser", self._read)),
            self._results.in_order(),
            ops.do_action(self._progress.read),
        )
        merged = rx.merge(turns, readings).pipe(
            ops.concat(rx.defer(lambda _: self._second_readings())),
            ops.filter(lambda item: item is not None),
            ops.flat_map(guarded_merge(merger)),
        )
        self._subscription = merged.subscribe(self._tell, self._broke, self._done.set)
        engine.attach(self._owner)

    def feed(self, audio: Samples) -> None:
        """More audio, 16 kHz mono, shape (samples,); returns when it is queued. One thread at a time."""
        if not len(audio):
            return
        self._progress.heard(len(audio))
        for at in range(0, len(audio), AT_ONCE):  # the branches share what is judged: none may run far ahead
            self._audio.on_next(audio[at : at + AT_ONCE])
        stats = self._progress.due()
        if stats is not None:
            told = replace(stats, load=self._engine.load, left_out=self._engine.shedding.label)
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
        self._engine.detach(self._owner)
        self._done.set()

    def _find(self, window: Window) -> Any:
        self._progress.sent_window()
        found = self._engine.find_speakers(window, self._owner, self.live)
        return Pending(found, "diarization", Span(max(0, window.start), window.start + WINDOW))

    def _read(self, piece: Utterance) -> Any:
        if not (piece.final or self.live) and self._progress.backlog > BEHIND:
            return None
        self._progress.sent_slice(piece)
        options = self._options
        heard = self._engine.recognise(piece, self._owner, options.language, options.hotwords, self.live)
        index, span, final = piece.index, piece.span, piece.final
        # only what is read again needs its audio; of all others the engine holds it until they were read
        again = piece if final and options.second_pass == "full" else None

        def reading(result: Any) -> Hypothesis | None:
            if result is None:
                return None
            words = absolute_words(result, span.start)
            made = Hypothesis(index, span, final, words, result.language, unstable=result.unstable)
            if again is not None:
                self._poor.add(again, made)
            return made

        return Pending(heard, "recogniser", span, reading)

    def _second_readings(self) -> Observable[Any]:
        """What was cut poorly, read again; one after the other, so that other meetings wait for one at most."""

        def again(stretch: Passage) -> Observable[Any]:
            pending = rx.just(stretch).pipe(ops.map(guarded("recogniser", self._read_again)), self._results.in_order())
            # where it fails the first reading stands, and nothing is missing
            return pending.pipe(ops.filter(lambda made: not isinstance(made, BlockFailed)), ops.flat_map(items_of))

        return rx.from_iterable(self._poor.flush()).pipe(
            ops.map(lambda stretch: rx.defer(lambda _: again(stretch))), ops.merge(max_concurrent=1)
        )

    def _read_again(self, stretch: Passage) -> Any:
        # an owner of its own: what was said last in the meeting is no context for it
        language = self._options.language or stretch.hypotheses[0].language
        heard = self._engine.recognise(stretch.utterance, (self._owner, "again"), language, self._options.hotwords)

        def readings(result: Any) -> list[Hypothesis]:
            words = absolute_words(result, stretch.span.start)
            return revised_hypotheses(stretch, words) if is_better(stretch.words, words) else []

        return Pending(heard, "recogniser", stretch.span, readings)

    def _tell(self, output: Output) -> None:
        try:
            self._emit(output)
        except Exception:
            log.exception("the meeting failed on an output of its pipeline")

    def _broke(self, error: Exception) -> None:
        log.error("the pipeline's stream ended early", exc_info=error)
        self._done.set()
