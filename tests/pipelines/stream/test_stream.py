"""The wiring: everything fed comes out, in order, one at a time, whatever fails and however it is fed."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from pipelines.asr.recogniser import RecognisedWord, RecognitionResult
from pipelines.audio.dereverberation import Dereverberator
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine
from pipelines.engine.load_shedding import Shedding
from pipelines.engine.loader import load_engine
from pipelines.options import EngineOptions, PipelineOptions
from pipelines.stream.stream import Pipeline
from pipelines.types import (
    SAMPLE_RATE,
    STEP,
    WINDOW,
    BlockFailed,
    LocalSpeakers,
    ModelInfo,
    Output,
    PipelineStats,
    Samples,
    Segment,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Utterance,
    Window,
)
from tests.conftest import Sample

PATIENCE = 60
FRAMES = 293
PLACE = (np.arange(FRAMES) * WINDOW) // FRAMES


class FakeVoice:
    """Hears speech where the audio is not silent; fails at the sample value 2."""

    def __call__(self, frame: Samples) -> float:
        """1.0 for speech, 0.0 for silence."""
        if frame.max(initial=0.0) >= 2.0:
            raise RuntimeError("the voice model is ill")
        return float(np.abs(frame).max() > 0.1)


@dataclass
class FakeEngine:
    """Two voices, above and below zero; reads "high" or "low" every half second. Works in threads of its own."""

    thresholds: Thresholds = field(default_factory=lambda: Thresholds(0.1, 0.2, 0.3))
    models: ModelInfo = field(default_factory=lambda: ModelInfo(embedding="fake"))
    reading: Callable[[Utterance], None] = lambda piece: None
    """Called before each reading: may wait or raise"""
    finding: Callable[[Window], None] = lambda window: None
    refused: Callable[[Utterance | Window], bool] = lambda item: False
    """What is not even queued"""
    slices: list[Utterance] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)
    busy_seconds: float = 0.0
    sources: list[object] = field(default_factory=list)
    load: float = 0.25
    shedding: Shedding = Shedding.NONE
    answering: Callable[[], bool] = lambda: True
    takes_context: bool = False
    sureness: float | None = None
    """How sure it is of the language"""

    def __post_init__(self) -> None:
        self._readers, self._finders = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def close(self) -> None:
        """End the threads."""
        self._readers.shutdown()
        self._finders.shutdown()

    def attach(self, owner: object) -> None:
        """One more pipeline."""
        self.sources.append(owner)

    def detach(self, owner: object) -> None:
        """One fewer."""
        if owner in self.sources:
            self.sources.remove(owner)

    def open_vad(self) -> FakeVoice:
        """Voice activity for one more source."""
        return FakeVoice()

    def recognise(
        self,
        piece: Utterance,
        owner: object,
        language: str | None,
        hotwords: Sequence[str],
        live: bool = False,
        translate: bool = False,
    ) -> Future[RecognitionResult]:
        """The words of a slice, later."""
        if self.refused(piece):
            raise RuntimeError("no room")
        self.slices.append(piece)
        return self._readers.submit(self._read, piece)

    def _read(self, piece: Utterance) -> RecognitionResult:
        self.reading(piece)
        words = []
        for at in range(0, len(piece.audio) - SAMPLE_RATE // 4, STEP):
            level = float(np.median(piece.audio[at : at + STEP]))
            if abs(level) > 0.1:
                words.append(RecognisedWord("high" if level > 0 else "low", at, min(at + STEP, len(piece.audio)), 0.9))
        return RecognitionResult(tuple(words), "en", language_probability=self.sureness)

    def find_speakers(self, window: Window, owner: object, live: bool) -> Future[LocalSpeakers]:
        """The local voices of a window, later."""
        if self.refused(window):
            raise RuntimeError("no room")
        self.windows.append(window.index)
        return self._finders.submit(self._find, window)

    def _find(self, window: Window) -> LocalSpeakers:
        self.finding(window)
        return local_speakers(window)


def local_speakers(window: Window) -> LocalSpeakers:
    """The voices above and below zero in a window."""
    at = window.audio[PLACE]
    on = np.stack([at > 0.1, at < -0.1, np.zeros_like(at, np.bool_)], axis=1)
    clean = on.sum(axis=0) * 5.0 / FRAMES
    embeddings = np.eye(3, 8, dtype=np.float32)
    embeddings[clean < 0.5] = np.nan
    return LocalSpeakers(window.index, window.start, (on * 255).astype(np.uint8), embeddings, clean)


def speech(*script: tuple[float, float]) -> Samples:
    """Audio from (seconds, level)."""
    audio: Samples = np.concatenate(
        [np.full(round(length * SAMPLE_RATE), level, np.float32) for length, level in script]
    )
    return audio


HIGH, LOW, SILENCE = 0.5, -0.5, 0.0
TALK = speech(
    (0.7, SILENCE), (4, HIGH), (1, SILENCE), (5, LOW), (1, SILENCE), (3, HIGH), (0.8, SILENCE), (2.5, LOW), (1, SILENCE)
)  # fmt: skip
"""Two people in turn, four times"""


@dataclass
class Listener:
    """Keeps what it is told; notices when it is told two things at once."""

    heard: list[Output] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)
    backlogs: list[float] = field(default_factory=lambda: [0.0])
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    clashes: int = 0

    def __call__(self, output: Output) -> None:
        if not self._busy.acquire(blocking=False):
            self.clashes += 1
            return
        self.heard.append(output)
        self.told.set()
        self._busy.release()

    def on_backlog(self, seconds: float) -> None:
        """Keep how much audio waits for the models."""
        with self._changed:
            self.backlogs.append(seconds)
            self._changed.notify_all()

    def wait_below(self, seconds: float) -> None:
        """Until less audio waits for the models."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.backlogs[-1] < seconds, PATIENCE)

    def of(self, kind: type[Any]) -> list[Any]:
        """Outputs of one kind."""
        return [output for output in self.heard if isinstance(output, kind)]

    @property
    def final(self) -> list[Segment]:
        """The transcript as it stands, in order, without revision numbers: those tell how it came about."""
        lines: dict[str, Segment] = {}
        for output in self.heard:
            if isinstance(output, Segment):
                lines[output.id] = output
            elif isinstance(output, SpeakersRevised):
                for change in output.changes:
                    lines[change.id] = replace(lines[change.id], speaker=change.after, rev=change.rev)
        return sorted((replace(line, rev=0) for line in lines.values() if line.words), key=lambda line: line.span)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    engine.close()


@pytest.fixture
def listener() -> Listener:
    return Listener()


OPTIONS = PipelineOptions(min_speech=1.5)


def pipeline(engine: Any, listen: Callable[[Output], None], **options: Any) -> Pipeline:
    """A pipeline for one source that people follow."""
    on_backlog = listen.on_backlog if isinstance(listen, Listener) else lambda _: None
    line = Pipeline(engine, replace(OPTIONS, **options), listen, "src1", on_backlog=on_backlog)
    line.live = True
    return line


def run(
    engine: Any,
    listen: Callable[[Output], None],
    audio: Samples,
    chunk: int = STEP,
    live: bool = True,
    **options: Any,
) -> None:
    """Feed audio in chunks of so many samples, to the end."""
    line = pipeline(engine, listen, **options)
    line.live = live
    for at in range(0, len(audio), chunk):
        line.feed(audio[at : at + chunk])
    line.finish()


def test_who_said_what_comes_out(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK)
    assert [line.speaker for line in listener.final] == ["spk1", "spk2", "spk1", "spk2"]
    assert [set(line.text.split()) for line in listener.final] == [{"high"}, {"low"}, {"high"}, {"low"}]
    assert all(line.final and line.source_id == "src1" for line in listener.final)
    assert [speaker.id for speaker in listener.of(Speaker)] == ["spk1", "spk2"]
    assert not listener.of(BlockFailed)


def test_where_one_person_speaks_nobody_looks_for_speakers(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK, solo=True)
    assert {line.speaker for line in listener.final} == {None}
    assert [set(line.text.split()) for line in listener.final] == [{"high"}, {"low"}, {"high"}, {"low"}]
    assert not [*listener.of(Speaker), *listener.of(TurnsRevised)]


def test_a_recording_that_comes_faster_than_it_is_read_is_not_read_while_it_grows(
    engine: FakeEngine, listener: Listener
) -> None:
    gate = threading.Event()
    engine.reading = engine.finding = lambda _: assert_true(gate.wait(60))
    line = pipeline(engine, listener)
    line.live = False
    for at in range(0, len(TALK), STEP):
        line.feed(TALK[at : at + STEP])
    gate.set()
    line.finish()
    growing = [piece for piece in engine.slices if not piece.final]
    assert all(piece.span.end < 4 * SAMPLE_RATE for piece in growing)
    assert [set(segment.text.split()) for segment in listener.final] == [{"high"}, {"low"}, {"high"}, {"low"}]


def assert_true(value: bool) -> None:
    """For places where only an expression may stand."""
    assert value


def test_all_audio_is_accounted_for(engine: FakeEngine, listener: Listener) -> None:
    audio = np.concatenate([TALK, speech((0.123, HIGH))])
    run(engine, listener, audio, 777)
    steps = -(-len(audio) // STEP)
    assert engine.windows == list(range(steps + 9))
    read = np.zeros(len(audio), np.int64)
    for piece in engine.slices:
        if piece.final:
            assert np.array_equal(piece.audio, audio[piece.span.start : piece.span.end])
            read[piece.span.start : piece.span.end] += 1
    assert read.max() == 1
    assert (read[np.abs(audio) > 0.1][: -SAMPLE_RATE // 4] == 1).all()
    said = sum(len(word.span) for line in listener.final for word in line.words)
    assert said / SAMPLE_RATE == pytest.approx(14.5, abs=1.5)
    told = np.zeros(len(audio), np.bool_)
    for revised in listener.of(TurnsRevised):
        told[revised.span.start : revised.span.end] = True
    assert told.all()


def test_partial_results_come_before_the_final_one(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK)
    first = [line for line in listener.of(Segment) if line.id == "s1"]
    assert [line.final for line in first][-1]
    assert not first[0].final
    assert [line.rev for line in first] == sorted({line.rev for line in first})


@pytest.mark.parametrize("chunk", [1, 320, 8_000, 48_000, 10**9])
def test_chunks_of_any_size_give_the_same_transcript(engine: FakeEngine, listener: Listener, chunk: int) -> None:
    audio = TALK[: 2 * SAMPLE_RATE] if chunk == 1 else TALK
    run(engine, listener, audio, chunk)
    other, again = FakeEngine(), Listener()
    run(other, again, audio, 5_000)
    other.close()
    assert listener.final == again.final
    assert listener.final


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [320, 48_000])
def test_without_echo_for_the_recogniser_alone(engine: FakeEngine, listener: Listener, chunk: int) -> None:
    heard: list[Window] = []
    engine.finding = heard.append
    block = Dereverberator()
    audio = np.abs(TALK) * np.random.default_rng(0).uniform(-1, 1, len(TALK)).astype(np.float32)
    clean = np.concatenate([*block(audio), *block.flush()])
    run(engine, listener, audio, chunk, dereverberation=True)
    pieces = [piece for piece in engine.slices if piece.final and len(piece.audio)]
    assert pieces
    for piece in pieces:
        np.testing.assert_array_equal(piece.audio, clean[piece.span.start : piece.span.end])
    assert not np.array_equal(clean, audio)
    for window in heard:
        if window.start >= 0 and window.start + len(window.audio) <= len(audio):
            np.testing.assert_array_equal(window.audio, audio[window.start : window.start + len(window.audio)])


def test_finishing_closes_the_slice_that_is_still_open(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, speech((1, SILENCE), (3.3, HIGH)))
    (line,) = listener.final
    assert line.final
    assert engine.slices[-1].end_reason == "end"
    assert line.span.end / SAMPLE_RATE == pytest.approx(4.3, abs=0.3)


def test_finishing_has_the_last_word_on_the_speakers(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK)
    last = listener.of(TurnsRevised)[-1]
    assert last.reason == "refine"
    assert last.span.start == 0
    assert last.span.end >= len(TALK)
    assert {turn.speaker for turn in last.turns} == {"spk1", "spk2"}


CHOPPED = speech((1, SILENCE), (4.5, HIGH), (0.2, SILENCE), (2, HIGH), (1, SILENCE), (3, LOW), (1, SILENCE))
"""One person with a short pause, then another"""


class SurerTogether(FakeEngine):
    """Is surer of a whole sentence than of its parts, and reads it in capitals."""

    def _read(self, piece: Utterance) -> RecognitionResult:
        heard = super()._read(piece)
        if len(piece.audio) < 6 * SAMPLE_RATE or not piece.final:
            return heard
        return replace(
            heard, words=tuple(replace(word, text=word.text.upper(), confidence=0.99) for word in heard.words)
        )


@pytest.fixture
def surer() -> Iterator[SurerTogether]:
    engine = SurerTogether()
    yield engine
    engine.close()


def test_a_full_refinement_reads_poor_cuts_again_and_keeps_ids_and_speakers(
    surer: SurerTogether, listener: Listener
) -> None:
    plain = Listener()
    run(surer, plain, CHOPPED)
    run(surer, listener, CHOPPED, second_pass="full")
    assert [(line.id, line.speaker) for line in listener.final] == [(line.id, line.speaker) for line in plain.final]
    assert [set(line.text.split()) for line in plain.final] == [{"high"}, {"high"}, {"low"}]
    assert [set(line.text.split()) for line in listener.final] == [{"HIGH"}, {"HIGH"}, {"low"}]
    assert all(line.final for line in listener.final)
    last = listener.of(TurnsRevised)[-1]
    assert listener.heard.index(last) < min(
        at for at, output in enumerate(listener.heard) if isinstance(output, Segment) and "HIGH" in output.text
    )


@pytest.mark.parametrize("chunk", [320, 48_000])
def test_a_full_refinement_is_the_same_for_chunks_of_any_size(
    surer: SurerTogether, listener: Listener, chunk: int
) -> None:
    again = Listener()
    run(surer, listener, CHOPPED, chunk, second_pass="full")
    run(surer, again, CHOPPED, second_pass="full")
    assert listener.final == again.final


def test_a_second_reading_that_fails_leaves_the_first(surer: SurerTogether, listener: Listener) -> None:
    plain = Listener()
    run(surer, plain, CHOPPED)

    def fail(piece: Utterance) -> None:
        if len(piece.audio) > 6 * SAMPLE_RATE:
            raise RuntimeError("too long")

    surer.reading = fail
    run(surer, listener, CHOPPED, second_pass="full")
    assert listener.final == plain.final
    assert not listener.of(BlockFailed)


class CommittingEngine(FakeEngine):
    """All but the last word of an utterance that is looked at for sentences become final."""

    def _read(self, piece: Utterance) -> RecognitionResult:
        result = super()._read(piece)
        return replace(result, committed=len(result.words) - 1) if piece.commits else result


@pytest.mark.parametrize("second_pass", ["labels", "full"])
def test_sentences_become_final_while_their_utterance_goes_on(listener: Listener, second_pass: str) -> None:
    engine = CommittingEngine(takes_context=True)
    try:
        run(engine, listener, speech((1, SILENCE), (5, HIGH), (1, SILENCE)), second_pass=second_pass)
    finally:
        engine.close()
    lines = [(line.id, len(line.words)) for line in listener.final]
    assert [id for id, _ in lines] == ["s1", "s1-2", "s1-3", "s1-4"]
    assert sum(words for _, words in lines) == 10
    first = [output.id for output in listener.of(Segment) if output.final]
    assert first == [*(id for id, _ in lines), "s1-4"]  # the last one again, once the silence behind it is a pause
    last_partial = max(at for at, output in enumerate(listener.of(Segment)) if not output.final)
    assert listener.of(Segment).index(next(one for one in listener.of(Segment) if one.final)) < last_partial
    assert listener.backlogs[-1] == 0.0
    assert not listener.of(BlockFailed)


@pytest.mark.parametrize("behind", [1, 0])
def test_a_pause_is_told_behind_the_last_words_before_it_and_nowhere_else(listener: Listener, behind: float) -> None:
    engine = CommittingEngine(takes_context=True)
    audio = speech((1, SILENCE), (1, HIGH), (1, SILENCE), (9, HIGH), (behind, SILENCE))
    try:
        run(engine, listener, audio, max_utterance=6.0)
    finally:
        engine.close()
    lines = [(line.id, line.pause) for line in listener.final]
    assert [id for id, _ in lines][:3] == ["s1", "s2", "s2-2"]
    assert any(piece.end_reason == "length" for piece in engine.slices)
    assert [pause for _, pause in lines] == [True, *[False] * (len(lines) - 2), True]


@pytest.mark.parametrize(
    ("pause", "told"), [(None, [False, True, True]), (0.1, [True] * 3), (1.2, [False, False, True])]
)
def test_a_cut_in_a_short_silence_is_no_pause_unless_the_silence_lasts(
    listener: Listener, pause: float | None, told: list[bool]
) -> None:
    engine = FakeEngine()
    audio = speech((1, SILENCE), (4, HIGH), (0.25, SILENCE), (4, HIGH), (1, SILENCE), (1, HIGH), (2, SILENCE))
    try:
        run(engine, listener, audio, pause=pause)
    finally:
        engine.close()
    assert [(line.id, line.pause) for line in listener.final] == list(zip(["s1", "s2", "s3"], told, strict=True))
    assert all(len(piece.audio) for piece in engine.slices)  # no recogniser hears of a pause


CHANGING = speech((1, SILENCE), (4, HIGH), (4, LOW), (3, HIGH), (1, SILENCE))
"""One utterance of two people"""


def growing_turns(engine: FakeEngine) -> list[tuple[int, tuple[Turn, ...]]]:
    """Of each reading that commits: where it ends, and the turns that came with it."""
    return [(one.span.end, one.turns) for one in engine.slices if one.commits]


@pytest.mark.parametrize("slow", ["words", "speakers"])
@pytest.mark.parametrize("chunk", [320, STEP, 48_000])
def test_what_grows_is_read_with_the_turns_of_its_time_whichever_branch_is_slower(chunk: int, slow: str) -> None:
    def wait(_: object) -> None:
        time.sleep(0.01)

    found = []
    options = {"words": {"reading": wait}, "speakers": {"finding": wait}}
    for behaviour in ({}, options[slow]):
        engine = FakeEngine(takes_context=True, **behaviour)
        try:
            run(engine, Listener(), CHANGING, chunk, live=False)
        finally:
            engine.close()
        found.append(growing_turns(engine))
    assert found[0] == found[1]
    assert len(found[0]) > 5
    for end, turns in found[0]:
        assert all(turn.span.end <= end - STEP for turn in turns)
        told = end // STEP * STEP - STEP
        assert max((turn.span.end for turn in turns), default=0) >= told - STEP // 2 or told <= 2 * STEP
    assert {turn.speaker for turn in found[0][-1][1]} == {"spk1", "spk2"}


def test_where_one_person_speaks_what_grows_waits_for_no_turns(listener: Listener) -> None:
    engine = FakeEngine(takes_context=True)
    try:
        run(engine, listener, CHANGING, solo=True)
    finally:
        engine.close()
    assert {turns for _, turns in growing_turns(engine)} == {()}
    assert listener.final


@pytest.mark.parametrize("how", ["fails", "is refused"])
def test_windows_that_cannot_be_judged_hold_no_words_up(listener: Listener, how: str) -> None:
    read = threading.Semaphore(0)

    def fail(window: Window) -> None:
        raise RuntimeError("no voices today")

    options: dict[str, Any] = {"finding": fail} if how == "fails" else {"refused": lambda one: isinstance(one, Window)}
    engine = CommittingEngine(
        takes_context=True, reading=lambda one: read.release() if one.commits else None, **options
    )
    line = pipeline(engine, listener)
    try:
        line.feed(CHANGING)
        assert all(read.acquire(timeout=PATIENCE) for _ in range(5))
        line.finish()
    finally:
        line.close()
        engine.close()
    assert listener.backlogs[-1] == 0.0


@pytest.mark.parametrize("at_first", [Shedding.NONE, Shedding.NO_PARTIALS])
def test_on_a_machine_that_is_too_full_no_line_waits_for_who_speaks(listener: Listener, at_first: Shedding) -> None:
    heard, stuck = threading.Event(), threading.Event()
    engine = CommittingEngine(takes_context=True, shedding=at_first)
    engine.finding = lambda window: stuck.wait(PATIENCE) and None

    def listen(output: Output) -> None:
        listener(output)
        if isinstance(output, Segment) and output.final:
            heard.set()

    line = pipeline(engine, listen)
    try:
        line.feed(CHANGING[: 6 * SAMPLE_RATE])
        engine.shedding = Shedding.NO_PARTIALS
        line.feed(CHANGING[6 * SAMPLE_RATE :])
        assert heard.wait(PATIENCE)
        assert (growing_turns(engine) == []) == (at_first == Shedding.NO_PARTIALS)
        stuck.set()
        line.finish()
    finally:
        stuck.set()
        engine.close()


def test_finishing_gives_what_was_fed_just_before(engine: FakeEngine, listener: Listener) -> None:
    engine.reading = engine.finding = lambda _: threading.Event().wait(0.005) and None
    run(engine, listener, TALK, len(TALK))
    assert len(listener.final) == 4


def test_no_audio_at_all_ends_well(engine: FakeEngine, listener: Listener) -> None:
    line = pipeline(engine, listener)
    line.feed(np.zeros(0, np.float32))
    line.finish()
    line.finish()
    assert listener.heard == []


@pytest.mark.parametrize("length", [1, 100, 511, 8_001])
def test_the_shortest_audio_ends_well(engine: FakeEngine, listener: Listener, length: int) -> None:
    run(engine, listener, np.full(length, 0.5, np.float32))
    assert not listener.of(BlockFailed)
    assert len(engine.windows) == -(-length // STEP) + 9


def fail_on(numbers: set[int]) -> Callable[[Any], None]:
    """Raises for these slices or windows."""

    def check(item: Utterance | Window) -> None:
        if item.index in numbers:
            raise RuntimeError("one of those days")

    return check


def test_a_slice_that_cannot_be_read_fails_alone(engine: FakeEngine, listener: Listener) -> None:
    engine.reading = fail_on({1})
    run(engine, listener, TALK)
    assert [set(line.text.split()) for line in listener.final] == [{"high"}, {"high"}, {"low"}]
    failed = listener.of(BlockFailed)
    assert {(item.block, item.reason) for item in failed} == {("recogniser", "RuntimeError")}
    assert failed[-1].span.start / SAMPLE_RATE == pytest.approx(5.7, abs=0.4)
    assert failed[-1].span.end / SAMPLE_RATE == pytest.approx(10.7, abs=0.4)


def test_where_the_final_reading_fails_the_words_that_were_shown_are_final(
    engine: FakeEngine, listener: Listener
) -> None:
    def ill(piece: Utterance) -> None:
        if piece.final and piece.index == 1:
            raise RuntimeError("one of those days")

    engine.reading = ill
    run(engine, listener, TALK)
    shown = [line for line in listener.of(Segment) if line.id == "s2" and not line.final][-1]
    kept = next(line for line in listener.final if line.id == "s2")
    assert kept.words == shown.words != ()
    assert kept.pause
    assert [line.id for line in listener.final] == ["s1", "s2", "s3", "s4"]
    assert [item.block for item in listener.of(BlockFailed)] == ["recogniser"]


def test_windows_that_cannot_be_judged_fail_alone(engine: FakeEngine, listener: Listener) -> None:
    engine.finding = fail_on({3, 20})
    run(engine, listener, TALK)
    assert [item.block for item in listener.of(BlockFailed)] == ["diarization"] * 2
    assert [line.speaker for line in listener.final] == ["spk1", "spk2", "spk1", "spk2"]


def test_a_slice_that_is_refused_fails_alone(engine: FakeEngine, listener: Listener) -> None:
    engine.refused = lambda item: isinstance(item, Utterance) and item.index == 0
    line = pipeline(engine, listener)
    line.feed(TALK)
    listener.wait_below(0.1)
    line.finish()
    assert len(listener.final) == 3
    assert {item.block for item in listener.of(BlockFailed)} == {"recogniser"}


def test_a_growing_reading_that_fails_after_its_final_one_was_queued_harms_nothing(
    engine: FakeEngine, listener: Listener
) -> None:
    fed = threading.Event()

    def slow_and_ill(piece: Utterance) -> None:
        assert fed.wait(PATIENCE)
        if not piece.final:
            raise RuntimeError("one of those days")

    engine.reading = slow_and_ill
    line = pipeline(engine, listener)
    line.feed(TALK)
    fed.set()
    line.finish()
    assert len(listener.final) == 4
    assert all(item.final for item in listener.final)


def test_the_cutter_failing_once_leaves_the_rest(engine: FakeEngine, listener: Listener) -> None:
    ill = np.concatenate([TALK[: 2 * STEP], np.full(STEP, 3.0, np.float32), TALK[2 * STEP :]])
    run(engine, listener, ill)
    # Both branches ask for voice activity; which of them tells its failure first is not said.
    assert {failed.block for failed in listener.of(BlockFailed)} == {"endpointer", "windows"}
    assert len(listener.final) >= 4


def test_a_block_that_fails_leaves_no_backlog(engine: FakeEngine, listener: Listener) -> None:
    engine.reading = engine.finding = fail_on(set(range(100)))
    line = pipeline(engine, listener)
    line.feed(TALK)
    listener.wait_below(0.1)
    assert listener.backlogs[-1] == 0
    line.finish()
    assert not listener.final


@pytest.mark.slow
def test_thousands_of_results_behind_a_slow_one_come_out_in_order(engine: FakeEngine, listener: Listener) -> None:
    slow = threading.Event()
    engine.finding = lambda window: None if window.index else (slow.wait(PATIENCE) and None)
    engine.refused = lambda item: isinstance(item, Window) and item.index > 0
    line = pipeline(engine, listener)
    line.feed(np.zeros(2_000 * STEP, np.float32))
    slow.set()
    line.finish()
    failed = listener.of(BlockFailed)
    assert len(failed) == 2_000 + 9 - 1
    assert [item.span for item in failed] == sorted(item.span for item in failed)


@pytest.mark.slow
def test_results_that_come_while_audio_is_fed_are_neither_lost_nor_reordered(listener: Listener) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns at any instruction: what can go wrong, does
    engine = FakeEngine()
    try:
        run(engine, listener, np.zeros(400 * STEP, np.float32))
    finally:
        sys.setswitchinterval(interval)
        engine.close()
    spans = [revised.span.end for revised in listener.of(TurnsRevised)]
    assert spans == sorted(spans)
    assert listener.of(TurnsRevised)[-1].span.end == (400 + 9) * STEP


def test_outputs_come_one_at_a_time(engine: FakeEngine) -> None:
    listener = Listener()

    def slowly(output: Output) -> None:
        listener(output)
        threading.Event().wait(0.001)

    run(engine, slowly, TALK, 500)
    assert listener.clashes == 0
    assert len(listener.final) == 4


def test_a_listener_that_fails_does_not_stop_the_stream(
    engine: FakeEngine, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    def touchy(output: Output) -> None:
        listener(output)
        raise ValueError("not now")

    with caplog.at_level(logging.ERROR):
        run(engine, touchy, TALK)
    assert len(listener.final) == 4
    assert "the meeting failed on an output" in caplog.text
    assert "high" not in caplog.text


def test_closing_without_finishing_frees_the_threads(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK)  # starts the engine's own threads
    before = set(threading.enumerate())
    line = pipeline(engine, listener)
    listener.told.clear()
    line.feed(TALK)
    assert listener.told.wait(PATIENCE)
    started = set(threading.enumerate()) - before
    assert started
    line.close()
    for thread in started:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    heard = len(listener.heard)
    line.feed(TALK)
    line.close()
    assert len(listener.heard) == heard


def test_closing_frees_whoever_waits_for_the_end(engine: FakeEngine, listener: Listener) -> None:
    stuck = threading.Event()
    engine.finding = lambda _: stuck.wait(PATIENCE) and None
    line = pipeline(engine, listener)
    line.feed(TALK)
    waiting = threading.Thread(target=line.finish)
    waiting.start()
    line.close()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    stuck.set()


def test_statistics_come_every_two_seconds_of_audio_and_at_the_end(engine: FakeEngine, listener: Listener) -> None:
    run(engine, listener, TALK)
    stats = listener.of(PipelineStats)
    assert len(stats) == len(TALK) // (2 * SAMPLE_RATE) + 1
    assert {(item.load, item.left_out, item.models_answer) for item in stats} == {(0.25, "none", True)}
    assert all(item.rtf == 0 and item.dropped_partials == 0 for item in stats)
    assert all(item.asr_lag >= 0 and item.diarization_lag >= 0 for item in stats)


def test_statistics_say_that_the_models_do_not_answer(engine: FakeEngine, listener: Listener) -> None:
    engine.answering = lambda: False
    run(engine, listener, TALK)
    assert {item.models_answer for item in listener.of(PipelineStats)} == {False}


def test_the_last_statistics_say_what_holds_once_all_is_through(engine: FakeEngine, listener: Listener) -> None:
    away = threading.Event()
    engine.answering = away.is_set
    engine.finding = lambda _: away.wait(PATIENCE) and None
    line = pipeline(engine, listener)
    line.feed(TALK)
    threading.Timer(0.05, away.set).start()
    line.finish()
    first, *_, last = listener.of(PipelineStats)
    assert (first.models_answer, last.models_answer) == (False, True)
    assert (last.asr_lag, last.diarization_lag) == (0.0, 0.0)
    assert isinstance(listener.heard[-1], PipelineStats)


@pytest.mark.parametrize(("sureness", "told"), [(None, None), (0.3, None), (0.9, "en")])
def test_statistics_say_the_language_once_the_recogniser_is_sure_of_it(
    engine: FakeEngine, listener: Listener, sureness: float | None, told: str | None
) -> None:
    engine.sureness = sureness
    fed = threading.Event()
    engine.reading = lambda _: assert_true(fed.wait(PATIENCE))
    line = pipeline(engine, listener)
    line.feed(TALK[: 6 * SAMPLE_RATE])
    fed.set()
    until = time.monotonic() + PATIENCE
    while not any(one.final for one in listener.of(Segment)) and time.monotonic() < until:
        time.sleep(0.01)
    line.feed(speech((2, SILENCE)))
    line.finish()
    assert [one.language for one in listener.of(PipelineStats)] == [None, told, told]


def test_the_backlog_is_the_audio_that_still_waits(engine: FakeEngine, listener: Listener) -> None:
    go_on = threading.Event()
    engine.reading = engine.finding = lambda _: go_on.wait(PATIENCE) and None
    line = pipeline(engine, listener)
    line.feed(TALK)
    # the first slice began at 0.7 s
    assert listener.backlogs[-1] == pytest.approx(len(TALK) / SAMPLE_RATE - 0.5, abs=0.6)
    go_on.set()
    listener.wait_below(0.1)
    assert listener.backlogs[-1] < 0.1
    line.finish()


def test_two_meetings_on_one_engine_do_not_disturb_each_other(engine: FakeEngine) -> None:
    alone, first, second = Listener(), Listener(), Listener()
    run(engine, alone, TALK)
    lines = [pipeline(engine, first), pipeline(engine, second)]
    engine.reading = fail_on({9})
    for at in range(0, len(TALK), STEP):
        lines[0].feed(TALK[at : at + STEP])
        lines[1].feed(-TALK[at : at + STEP])
    for line in lines:
        line.finish()
    assert first.final == alone.final
    assert second.final[0].text.startswith("low")
    assert [line.span for line in second.final] == [line.span for line in first.final]


def test_options_reach_the_recogniser(listener: Listener) -> None:
    asked: list[tuple[str | None, Sequence[str], bool]] = []

    class FakeCuriousEngine(FakeEngine):
        """Keeps what it is asked."""

        def recognise(
            self,
            piece: Utterance,
            owner: object,
            language: str | None,
            hotwords: Sequence[str],
            live: bool = False,
            translate: bool = False,
        ) -> Future[RecognitionResult]:
            """The words of a slice, later."""
            asked.append((language, hotwords, translate))
            return super().recognise(piece, owner, language, hotwords, live)

    engine = FakeCuriousEngine()
    # the second pass asks as the first one did
    run(engine, listener, TALK, language="de", hotwords=("Zebra",), translate=True, second_pass="full")
    engine.close()
    assert set(asked) == {("de", ("Zebra",), True)}


def test_terms_that_a_meeting_expects_come_before_those_of_the_options_and_may_change(listener: Listener) -> None:
    asked: list[Sequence[str]] = []

    class FakeCuriousEngine(FakeEngine):
        """Keeps which terms it is told to expect."""

        def recognise(
            self,
            piece: Utterance,
            owner: object,
            language: str | None,
            hotwords: Sequence[str],
            live: bool = False,
            translate: bool = False,
        ) -> Future[RecognitionResult]:
            """The words of a slice, later."""
            asked.append(hotwords)
            return super().recognise(piece, owner, language, hotwords, live)

    engine = FakeCuriousEngine()
    pipeline = Pipeline(engine, PipelineOptions(hotwords=("Zebra",)), listener, "s")  # type: ignore[arg-type]
    for terms in (("Okapi",), ("Gnu",)):
        pipeline.hotwords = terms
        pipeline.feed(TALK)
    pipeline.finish()
    engine.close()
    assert list(dict.fromkeys(asked)) == [("Okapi", "Zebra"), ("Gnu", "Zebra")]


def test_a_pipeline_is_a_guest_of_its_engine_until_it_is_closed(engine: FakeEngine, listener: Listener) -> None:
    finished, given_up = (Pipeline(engine, PipelineOptions(), listener, "s") for _ in range(2))  # type: ignore[arg-type]
    assert len(engine.sources) == 2
    finished.feed(TALK)
    finished.finish()
    assert len(engine.sources) == 1
    given_up.close()
    given_up.close()
    assert engine.sources == []


@pytest.fixture(scope="module")
def real() -> Iterator[Engine]:
    options = EngineOptions(set="embedded", cache_dir=os.environ.get("MEETING_MODELS_CACHE_DIR"), device="cpu")
    engine = load_engine(options, lambda _: None)
    yield engine
    engine.close()


def shares(lines: list[Segment], speaker: str, sample: Sample) -> dict[str | None, int]:
    """How much of a reference speaker's turns is given to whom, samples."""
    out: dict[str | None, int] = {}
    for turn in sample.turns:
        for line in lines if turn["speaker"] == speaker else []:
            for word in line.words:
                middle = (word.span.start + word.span.end) / 2 / SAMPLE_RATE
                if float(str(turn["start_time"])) <= middle <= float(str(turn["end_time"])):
                    out[line.speaker] = out.get(line.speaker, 0) + len(word.span)
    return out


@pytest.mark.slow
@pytest.mark.model
def test_the_sample_comes_out_the_same_however_it_is_fed(real: Engine, sample: Sample) -> None:
    audio = sample.samples()[: 25 * SAMPLE_RATE]
    results = []
    for chunk in (320, 8_000, 48_000):
        listener = Listener()
        # as a recording, of which nothing is left out however fast it comes
        run(real, listener, audio, chunk, live=False)
        assert not listener.of(BlockFailed)
        results.append(listener.final)
    assert results[0] == results[1] == results[2]
    lines = results[0]
    assert "plan for this week" in " ".join(line.text for line in lines)
    mine = [max(found, key=found.__getitem__) for name in ("Ann", "Ben") if (found := shares(lines, name, sample))]
    assert len(set(mine)) == 2
    assert None not in mine
