"""The shared models: who waits for whom, what is left out, what a failure does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.asr.recogniser import RecogniserInfo, RecognitionRequest, RecognitionResult
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine
from pipelines.engine.load_shedding import Shedding
from pipelines.errors import BlockError, MeetingError
from pipelines.types import STEP, WINDOW, LocalSpeakers, Window
from tests.fakes.recogniser_fakes import FakeRecogniser, heard, utterance

PATIENCE = 60
"""Seconds after which a test gives up waiting for a thread"""


class FakeVadModel:
    """Listens to nothing."""

    def stream(self) -> Any:
        """Something new each time."""
        return object()


def find(windows: list[Window]) -> list[LocalSpeakers]:
    """Nobody, three times over; fails on window 13."""
    assert windows[0].index != 13, "unlucky"
    nobody = np.zeros((293, 3), np.uint8), np.full((3, 2), np.nan, np.float32), np.zeros(3)
    return [LocalSpeakers(window.index, window.start, *nobody) for window in windows]


class Held:
    """An utterance of somebody else whose reading lasts until it is told to end."""

    def __init__(self, engine: Engine, recogniser: FakeRecogniser) -> None:
        self._begun, self._open = threading.Event(), threading.Event()
        recogniser.answers.insert(0, self._answer)
        self.future = engine.recognise(utterance(0, True), "somebody else")
        assert self._begun.wait(PATIENCE)
        recogniser.asked.clear()

    def _answer(self) -> RecognitionResult:
        self._begun.set()
        assert self._open.wait(PATIENCE)
        return RecognitionResult()

    def open(self) -> None:
        """Let the reading end."""
        self._open.set()


@pytest.fixture
def recogniser() -> FakeRecogniser:
    return FakeRecogniser()


@pytest.fixture
def engine(recogniser: FakeRecogniser) -> Iterator[Engine]:
    engine = Engine(recogniser, find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {"speech": "fake"})  # type: ignore[arg-type]
    engine.start()
    yield engine
    engine.close()


def test_final_utterances_are_read_before_partial_ones(engine: Engine, recogniser: FakeRecogniser) -> None:
    gate = Held(engine, recogniser)
    recogniser.answers = [heard(f"answer {n}") for n in range(4)]
    futures = [engine.recognise(utterance(n, final), "me") for n, final in enumerate([False, True, False, True])]
    gate.open()
    texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in futures]
    assert texts == ["answer 2", "answer 0", "answer 3", "answer 1"]
    assert [partial for *_, partial in recogniser.asked] == [False, False, True, True]


def test_a_partial_utterance_is_overtaken_by_its_longer_self_and_by_nobody_else(
    engine: Engine, recogniser: FakeRecogniser
) -> None:
    gate = Held(engine, recogniser)
    recogniser.answers = [heard("final"), heard("mine"), heard("yours")]
    short, mine = (engine.recognise(utterance(7, False, length), "me") for length in (8000, 16000))
    yours = engine.recognise(utterance(7, False), "you")
    grown, final = engine.recognise(utterance(8, False), "me"), engine.recognise(utterance(8, True), "me")
    assert short.result(0) is None
    assert grown.result(0) is None
    gate.open()
    texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in (final, mine, yours)]
    assert texts == ["final", "mine", "yours"]


def test_a_reading_that_fails_fails_alone(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [BlockError("recogniser", "out of memory"), heard("next")]
    assert isinstance(engine.recognise(utterance(0, True), "me").exception(PATIENCE), BlockError)
    assert (engine.recognise(utterance(1, True), "me").result(PATIENCE) or RecognitionResult()).text == "next"


def test_a_translation_is_asked_of_the_recogniser(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [heard("well"), heard("gut")]
    for index, translate in enumerate([True, False]):
        engine.recognise(utterance(index, True), "me", translate=translate).result(PATIENCE)
    assert recogniser.translate == [True, False]


def test_windows_are_found_while_speech_is_read(engine: Engine, recogniser: FakeRecogniser) -> None:
    gate = Held(engine, recogniser)
    found = engine.find_speakers(Window(3, STEP, np.zeros(WINDOW, np.float32))).result(PATIENCE)
    assert found is not None
    assert (found.index, found.start) == (3, STEP)
    assert not gate.future.done()
    gate.open()


def test_a_window_that_fails_fails_alone(engine: Engine) -> None:
    windows = [Window(index, 0, np.zeros(WINDOW, np.float32)) for index in (13, 14)]
    unlucky, lucky = map(engine.find_speakers, windows)
    assert isinstance(unlucky.exception(PATIENCE), AssertionError)
    assert lucky.result(PATIENCE) is not None


def test_each_source_listens_for_itself(engine: Engine) -> None:
    assert engine.open_vad() is not engine.open_vad()


def test_a_closed_engine_takes_no_work(engine: Engine) -> None:
    engine.close()
    with pytest.raises(MeetingError):
        engine.recognise(utterance(0, True), "me")
    with pytest.raises(MeetingError):
        engine.find_speakers(Window(0, 0, np.zeros(WINDOW, np.float32)))


class FakeBatchRecogniser(FakeRecogniser):
    """Recognises up to three utterances together: their lengths, in words."""

    info = RecogniserInfo("fake", max_batch=3)

    def __init__(self) -> None:
        super().__init__()
        self.together: list[list[int]] = []

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """One answer for each; fails where one of them has 13 samples."""
        self.together.append([len(request.audio) for request in requests])
        if 13 in self.together[-1]:
            raise BlockError("recogniser", "unlucky")
        return [heard(f"{len(request.audio)} samples after {request.prompt}") for request in requests]


@pytest.fixture
def batching() -> Iterator[tuple[Engine, FakeBatchRecogniser]]:
    recogniser = FakeBatchRecogniser()
    engine = Engine(recogniser, find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {})  # type: ignore[arg-type]
    engine.start()
    yield engine, recogniser
    engine.close()


def test_utterances_of_several_sources_are_read_together(batching: tuple[Engine, FakeBatchRecogniser]) -> None:
    engine, recogniser = batching
    gate = Held(engine, recogniser)
    futures = [engine.recognise(utterance(1, True, 100 * n), str(n)) for n in (1, 2, 3, 4)]
    gate.open()
    texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in futures[:3]]
    assert texts == ["100 samples after None", "200 samples after None", "300 samples after None"]
    assert recogniser.together == [[100, 200, 300]]


def test_two_utterances_of_one_source_are_read_in_turn_for_the_first_tells_of_the_second(
    batching: tuple[Engine, FakeBatchRecogniser],
) -> None:
    engine, recogniser = batching
    gate = Held(engine, recogniser)
    futures = [
        engine.recognise(utterance(n, True, 100), owner) for n, owner in ((0, "a"), (0, "b"), (1, "a"), (1, "b"))
    ]
    gate.open()
    texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in futures]
    assert texts[2:] == ["100 samples after 100 samples after None"] * 2
    assert recogniser.together == [[100, 100], [100, 100]]


def test_an_utterance_that_fails_in_a_batch_fails_alone(batching: tuple[Engine, FakeBatchRecogniser]) -> None:
    engine, recogniser = batching
    gate = Held(engine, recogniser)
    recogniser.answers = [BlockError("recogniser", "unlucky"), heard("fine")]
    unlucky, fine = (engine.recognise(utterance(0, True, length), str(length)) for length in (13, 100))
    gate.open()
    assert isinstance(unlucky.exception(PATIENCE), BlockError)
    assert (fine.result(PATIENCE) or RecognitionResult()).text == "fine"


def test_a_recording_waits_for_what_is_live(engine: Engine, recogniser: FakeRecogniser) -> None:
    gate = Held(engine, recogniser)
    recogniser.answers = [heard(text) for text in ("live final", "live partial", "recorded final")]
    recorded = engine.recognise(utterance(0, True), "recording")
    partial, final = (engine.recognise(utterance(n, final), "live", live=True) for n, final in ((0, False), (1, True)))
    gate.open()
    texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in (final, partial, recorded)]
    assert texts == ["live final", "live partial", "recorded final"]


def shed(engine: Engine, shedding: Shedding) -> None:
    """Make the engine leave out as much as a full machine does."""
    engine._update_shedding()
    engine._shedder.shedding = shedding


@pytest.mark.parametrize(
    ("shedding", "read"),
    [(Shedding.NONE, 4), (Shedding.RARE_PARTIALS, 2), (Shedding.NO_PARTIALS, 0), (Shedding.LONG_HOP, 0)],
)
def test_a_full_machine_leaves_out_partial_results_of_live_sources_and_nothing_else(
    engine: Engine, recogniser: FakeRecogniser, shedding: Shedding, read: int
) -> None:
    shed(engine, shedding)
    recogniser.answers = [heard("so")] * 20

    def count(final: bool, live: bool) -> int:
        futures = [engine.recognise(utterance(n, final), "me", live=live) for n in range(4)]
        return sum(future.result(PATIENCE) is not None for future in futures)

    assert [count(True, True), count(True, False), count(False, False)] == [4, 4, 4]
    assert count(False, True) == read


@pytest.mark.parametrize(
    ("shedding", "read"),
    [(Shedding.NONE, 3), (Shedding.RARE_PARTIALS, 3), (Shedding.NO_PARTIALS, 0), (Shedding.LONG_HOP, 0)],
)
def test_a_full_machine_lets_sentences_wait_for_the_end_of_their_utterance(
    engine: Engine, recogniser: FakeRecogniser, shedding: Shedding, read: int
) -> None:
    shed(engine, shedding)
    recogniser.answers = [heard("so")] * 20

    def count(live: bool) -> int:
        growing = [replace(utterance(0, False, 16000 + n), commits=True) for n in range(3)]
        futures = [engine.recognise(one, "me", live=live) for one in growing]
        return sum(future.result(PATIENCE) is not None for future in futures)

    assert (count(True), count(False)) == (read, 3)  # and none overtakes another


@pytest.mark.parametrize("shedding", list(Shedding))
def test_only_the_fullest_machine_looks_at_every_second_window_of_live_sources(
    engine: Engine, shedding: Shedding
) -> None:
    shed(engine, shedding)

    def found(live: bool) -> list[bool]:
        futures = [engine.find_speakers(Window(n, 0, np.zeros(WINDOW, np.float32)), "me", live) for n in range(4)]
        return [future.result(PATIENCE) is not None for future in futures]

    assert found(False) == [True] * 4
    assert found(True) == ([True, False, True, False] if shedding == Shedding.LONG_HOP else [True] * 4)


def test_what_a_machine_carries_is_known_once_it_was_measured() -> None:
    engine = Engine(FakeRecogniser(), find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {})  # type: ignore[arg-type]
    assert engine.capacity is None
    windows: list[int] = []
    pace = engine.measure(windows.append, on_gpu=True, threads=3)
    engine.close()
    assert (pace.speech, pace.windows_on_gpu, pace.threads) == (0.05, True, 3)
    assert set(windows) == {1, 4}
    assert pace.batched_window > 0
    assert pace.window > 0
    assert engine.capacity == pace.capacity >= 1


def test_a_machine_with_room_has_no_load_to_speak_of(engine: Engine) -> None:
    assert (engine.load, engine.shedding) == (0.0, Shedding.NONE)


def test_an_engine_knows_who_works_with_it_and_gives_itself_to_whoever_asks(engine: Engine) -> None:
    assert (engine.assign(), engine.sources) == (engine, 0)
    engine.attach("one")
    engine.attach("two")
    engine.detach("one")
    engine.detach("one")
    assert engine.sources == 1


def test_several_engines_on_a_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.engine.capacity.available_cores", lambda: 12)
    engine = Engine(FakeRecogniser(), find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {})  # type: ignore[arg-type]
    assert engine.measure(lambda windows: None, True, engine_count=4).cores == 3
    assert engine.measure(lambda windows: None, True, engine_count=40).cores == 1
    engine.close()


def test_partial_results_may_fill_their_queue(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[float]] = []
    monkeypatch.setattr(engine._shedder, "update", lambda now, spent: told.append(spent) or Shedding.NONE)
    monkeypatch.setattr(engine.speech_queue, "busy_seconds_up_to", lambda rank: {0: 2.0, 1: 10.0}[rank])
    monkeypatch.setattr(engine.speaker_queue, "busy_seconds_up_to", lambda rank: 5.0)
    engine._update_shedding()
    assert told == [[2.0, 5.0]]


class FakeConcurrentRecogniser(FakeRecogniser):
    """Recognises in several threads, and only once two of them are at it at the same time."""

    info = RecogniserInfo("fake", concurrent=True)

    def __init__(self) -> None:
        super().__init__()
        self.together = threading.Barrier(2)

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """The prompt, and the length of the audio in samples."""
        self.together.wait(PATIENCE)
        return heard(f"{request.prompt or ''} {len(request.audio)}")


def test_several_workers_recognise_for_several_sources_each_in_its_order() -> None:
    recogniser = FakeConcurrentRecogniser()
    engine = Engine(recogniser, find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {}, speech_workers=2)  # type: ignore[arg-type]
    engine.start()
    try:
        futures = [engine.recognise(utterance(n, True, 1000 * n), owner) for n in (1, 2, 3) for owner in "ab"]
        texts = [(future.result(PATIENCE) or RecognitionResult()).text for future in futures]
        assert texts[::2] == texts[1::2] == ["1000", "1000 2000", "1000 2000 3000"]
    finally:
        engine.close()


def test_work_that_several_workers_share_fills_each_by_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(FakeRecogniser(), find, FakeVadModel(), Thresholds(0.1, 0.2, 0.3), {}, speech_workers=4)  # type: ignore[arg-type]
    clock = iter([0.0, 2.0])
    monkeypatch.setattr("pipelines.engine.engine.time.perf_counter", lambda: next(clock))
    engine._update_shedding()
    engine.speech_queue._busy_by_priority[0] = 4.0
    engine._update_shedding()
    assert engine.load == 0.5


def test_models_elsewhere_that_do_not_answer_are_as_a_machine_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("pipelines.engine.engine.time.perf_counter", lambda: clock[0])
    silent = [0.0]
    engine = Engine(
        FakeRecogniser(),
        find,
        FakeVadModel(),  # type: ignore[arg-type]
        Thresholds(0.1, 0.2, 0.3),
        {},
        stalled_seconds=lambda: silent[0],
        answering=lambda: clock[0] >= 20,
    )
    assert not engine.answering()
    shed = []
    for second in range(40):
        clock[0] = float(second)
        silent[0] = min(second, 20.0)
        shed.append(engine._update_shedding())
    assert shed[0] == Shedding.NONE
    assert shed[:21] == sorted(shed[:21])
    assert shed[20] == Shedding.LONG_HOP
    assert shed[-1] < Shedding.LONG_HOP
    assert engine.stalled_seconds == 20
    assert engine.answering()


def test_windows_may_be_on_their_way_to_several_machines_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def wait_for_another(windows: list[Window]) -> list[LocalSpeakers]:
        both.wait()
        return find(windows)

    engine = Engine(
        FakeRecogniser(),
        wait_for_another,
        FakeVadModel(),  # type: ignore[arg-type]
        Thresholds(0.1, 0.2, 0.3),
        {},
        speaker_workers=2,
    )
    first = engine.find_speakers(Window(0, 0, np.zeros(WINDOW, np.float32)))
    second = engine.find_speakers(Window(1, 0, np.zeros(WINDOW, np.float32)), live=True)
    engine.start()
    try:
        assert [found.index for future in (first, second) if (found := future.result(PATIENCE))] == [0, 1]
    finally:
        engine.close()
