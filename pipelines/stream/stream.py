"""The wiring: audio in, outputs out, through an RxPY stream with two branches. The only file that knows Rx.

    audio ─┬─▶ Stepper ─▶ Windows ─▶ engine.find ─▶ SpeakerTracker ── turns, speakers ─┐
           └─▶ Cutter ─▶ engine.read ── readings ──────────────────────────────────────┴─▶ Merger ─▶ emit

Each block is guarded: an exception becomes a `BlockFailed` value, because in Rx the first error would end the
stream. When the audio completes, each block is flushed after everything before it has passed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import rx
from rx import operators as ops
from rx.core.typing import Observable
from rx.disposable import Disposable
from rx.internal.exceptions import DisposedException
from rx.scheduler import EventLoopScheduler, ImmediateScheduler
from rx.subject import Subject

from pipelines.asr.recogniser import placed
from pipelines.asr.second_pass import PoorCuts, Stretch, better, second_readings
from pipelines.audio.decoding import Stepper
from pipelines.audio.endpointing import CutOptions, Cutter
from pipelines.audio.vad import SharedVoice
from pipelines.diarization.activity import GridOptions
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.segmentation import Windows
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.engine.engine import Engine
from pipelines.options import PipelineOptions
from pipelines.stream.merge import Merger
from pipelines.stream.progress import Progress
from pipelines.types import (
    SAMPLE_RATE,
    WINDOW,
    BlockFailed,
    Output,
    Reading,
    Samples,
    Slice,
    Span,
    TurnsRevised,
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
        grid=GridOptions(**given("onset", "overlap_onset")),
    )


def cut_options(options: PipelineOptions) -> CutOptions:
    """What the cutter needs of them."""
    return CutOptions(
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
    ) -> None:
        """`emit` is called from a thread of the pipeline, never from two at once."""
        self.live = False
        """Whether someone reads along: if so, what a machine that is too full cannot do in time is left out"""
        self._engine = engine
        self._options = options
        self._emit = emit
        self._owner = next(_owners)
        self._progress = Progress(lambda: engine.speech.busy + engine.voices.busy)
        self._done = threading.Event()
        self._audio: Subject = Subject()
        self._outputs = _Outputs()
        self._poor = PoorCuts()
        voice = SharedVoice(engine.listen())
        cutter = Cutter(voice.listener(), cut_options(options))
        tracker, merger = SpeakerTracker(speaker_options(options, engine.thresholds)), Merger(source_id, prefix)
        audio = self._audio.pipe(ops.share())
        turns = audio.pipe(
            _through("stepper", Stepper()),
            _through("windows", Windows(voice.listener())),
            ops.map(_guarded("diarization", self._find)),
            self._in_order(),
            ops.do_action(self._progress.voiced),
            ops.filter(lambda item: item is not None),
            _through("speakers", tracker),
        )
        readings = audio.pipe(
            _through("cutter", cutter),
            ops.map(_guarded("recogniser", self._read)),
            self._in_order(),
            ops.do_action(self._progress.read),
        )
        merged = rx.merge(turns, readings).pipe(
            ops.concat(rx.defer(lambda _: self._second_readings())),
            ops.filter(lambda item: item is not None),
            ops.flat_map(_guarded_merge(merger)),
        )
        self._subscription = merged.subscribe(self._tell, self._broke, self._done.set)
        engine.enter(self._owner)

    def feed(self, audio: Samples) -> None:
        """More audio, 16 kHz mono, shape (samples,); returns when it is queued. One thread at a time."""
        if not len(audio):
            return
        self._progress.heard(len(audio))
        for at in range(0, len(audio), AT_ONCE):  # the branches share what is judged: none may run far ahead
            self._audio.on_next(audio[at : at + AT_ONCE])
        stats = self._progress.due()
        if stats is not None:
            told = replace(stats, load=self._engine.load, left_out=self._engine.thinning.label)
            self._later(lambda: self._tell(told))

    @property
    def backlog(self) -> float:
        """Seconds of audio fed and not yet through the slower branch."""
        return self._progress.backlog

    def wait_below(self, seconds: float) -> None:
        """Block until the backlog is below so many seconds."""
        self._progress.wait_below(seconds)

    def finish(self) -> None:
        """Flush every block; returns when the last output has been emitted."""
        self._audio.on_completed()
        self._done.wait()
        self.close()

    def close(self) -> None:
        """Free threads and whoever waits; abandons what is still on its way."""
        self._subscription.dispose()
        self._outputs.dispose()
        self._progress.close()
        self._engine.leave(self._owner)
        self._done.set()

    def _find(self, window: Window) -> Any:
        self._progress.sent_window()
        found = self._engine.find(window, self._owner, self.live)
        return _Pending(found, "diarization", Span(max(0, window.start), window.start + WINDOW))

    def _read(self, piece: Slice) -> Any:
        if not (piece.final or self.live) and self._progress.backlog > BEHIND:
            return None
        self._progress.sent_slice(piece)
        options = self._options
        heard = self._engine.read(piece, self._owner, options.language, options.hotwords, self.live)
        index, span, final = piece.index, piece.span, piece.final
        # only what is read again needs its audio; of all others the engine holds it until they were read
        again = piece if final and options.second_pass == "full" else None

        def reading(result: Any) -> Reading | None:
            if result is None:
                return None
            words = placed(result, span.start)
            made = Reading(index, span, final, words, result.language, provisional=result.provisional)
            if again is not None:
                self._poor.add(again, made)
            return made

        return _Pending(heard, "recogniser", span, reading)

    def _second_readings(self) -> Observable[Any]:
        """What was cut poorly, read again; one after the other, so that other meetings wait for one at most."""

        def again(stretch: Stretch) -> Observable[Any]:
            pending = rx.just(stretch).pipe(ops.map(_guarded("recogniser", self._read_again)), self._in_order())
            # where it fails the first reading stands, and nothing is missing
            return pending.pipe(ops.filter(lambda made: not isinstance(made, BlockFailed)), ops.flat_map(_items))

        return rx.from_iterable(self._poor.flush()).pipe(
            ops.map(lambda stretch: rx.defer(lambda _: again(stretch))), ops.merge(max_concurrent=1)
        )

    def _read_again(self, stretch: Stretch) -> Any:
        # an owner of its own: what was said last in the meeting is no context for it
        language = self._options.language or stretch.readings[0].language
        heard = self._engine.read(stretch.piece, (self._owner, "again"), language, self._options.hotwords)

        def readings(result: Any) -> list[Reading]:
            words = placed(result, stretch.span.start)
            return second_readings(stretch, words) if better(stretch.words, words) else []

        return _Pending(heard, "recogniser", stretch.span, readings)

    def _in_order(self) -> Callable[[Observable[Any]], Observable[Any]]:
        """An operator: each pending item's result when it is there, in the order of the items.

        All of it happens in the thread of the outputs: Rx's `merge` is not safe when items come in one thread and
        results in another, and a queue of results that are there already would be unwound by recursion.
        """

        def settled(item: Any) -> Observable[Any]:
            def subscribe(observer: Any, scheduler: Any = None) -> None:
                def deliver() -> None:
                    observer.on_next(_outcome(item))
                    observer.on_completed()

                if isinstance(item, _Pending):
                    item.future.add_done_callback(lambda _: self._later(deliver))
                else:
                    self._later(deliver)

            return rx.create(subscribe)

        here = ops.observe_on(self._outputs)
        return lambda items: items.pipe(here, ops.map(settled), ops.merge(max_concurrent=1))

    def _later(self, action: Callable[[], None]) -> None:
        """In the thread of the outputs; never once the pipeline is closed."""
        self._outputs.schedule(lambda *_: action())

    def _tell(self, output: Output) -> None:
        try:
            self._emit(output)
        except Exception:
            log.exception("the meeting failed on an output of its pipeline")

    def _broke(self, error: Exception) -> None:
        log.error("the pipeline's stream ended early", exc_info=error)
        self._done.set()


class _Outputs(EventLoopScheduler):  # type: ignore[misc]  # rx is not followed by mypy
    """One thread for all outputs. Once disposed of it drops what it is given, where Rx would raise in that thread."""

    def schedule_absolute(self, duetime: Any, action: Any, state: Any = None) -> Any:
        with suppress(DisposedException):
            return super().schedule_absolute(duetime, action, state)
        return Disposable()


@dataclass(frozen=True)
class _Pending:
    """A result on its way from the engine."""

    future: Future[Any]
    block: str
    span: Span
    convert: Callable[[Any], Any] = lambda result: result


def _outcome(item: Any) -> Any:
    """The result of a pending item that is done, or its failure as a value; anything else as it is."""
    if not isinstance(item, _Pending):
        return item
    try:
        return item.convert(item.future.result())
    except Exception as error:
        return _failed(item.block, error, item.span)


def _failed(block: str, error: BaseException, span: Span) -> BlockFailed:
    log.error("block %s failed: %s", block, type(error).__name__, exc_info=error)
    return BlockFailed(block, type(error).__name__, span)


def _guarded(block: str, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that never raises; failures of earlier blocks pass through it."""

    def guarded(item: Any) -> Any:
        if isinstance(item, BlockFailed):
            return item
        try:
            return step(item)
        except Exception as error:
            return _failed(block, error, getattr(item, "span", Span(0, 0)))

    return guarded


def _through(name: str, block: Any) -> Callable[[Observable[Any]], Observable[Any]]:
    """An operator made of a block: each item through the block, and its `flush()` at the end."""
    step = _guarded(name, block)
    flush = _guarded(name, lambda _: block.flush())

    def operator(source: Observable[Any]) -> Observable[Any]:
        tail = rx.defer(lambda _: _items(flush(None)))
        return source.pipe(ops.flat_map(lambda item: _items(step(item))), ops.concat(tail))

    return operator


def _items(result: Any) -> Observable[Any]:
    values = [result] if isinstance(result, BlockFailed) else result
    return rx.from_iterable(values, ImmediateScheduler())


def _guarded_merge(merger: Merger) -> Callable[[Any], Observable[Any]]:
    """Readings and turns through the merger; turns and everything else also go out as they are."""
    merge = _guarded("merge", merger)

    def step(item: Any) -> Observable[Any]:
        values: Iterable[Any] = [item]
        if isinstance(item, Reading):
            values = []
        if isinstance(item, Reading | TurnsRevised):
            merged = merge(item)
            values = [*values, *([merged] if isinstance(merged, BlockFailed) else merged)]
        return rx.from_iterable(values, ImmediateScheduler())

    return step
