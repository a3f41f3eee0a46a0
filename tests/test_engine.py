"""The shared models: who waits for whom, what is dropped, what a failure does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.asr import Heard, HeardWord
from pipelines.cluster import Thresholds
from pipelines.engine import Engine, Lane, read_believably
from pipelines.errors import BlockError, MeetingError
from pipelines.types import SAMPLE_RATE, STEP, WINDOW, LocalVoices, Samples, Slice, Span, Window

PATIENCE = 60
"""Seconds after which a test gives up waiting for a thread"""


class Gate:
    """Work that holds a lane until it is told to go on."""

    def __init__(self, lane: Lane, replaces: str | None = None) -> None:
        self._begun, self._open = threading.Event(), threading.Event()
        self.future = lane.submit(self._work, replaces=replaces)
        assert self._begun.wait(PATIENCE)

    def _work(self) -> str:
        self._begun.set()
        assert self._open.wait(PATIENCE)
        return "held"

    def open(self) -> None:
        """Let the lane go on."""
        self._open.set()


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test", limit=5)
    yield lane
    lane.close()


def test_work_is_done_in_another_thread_and_its_result_given(lane: Lane) -> None:
    thread = lane.submit(threading.current_thread).result(PATIENCE)
    assert thread is not None
    assert thread is not threading.current_thread()
    assert lane.busy > 0


def test_lower_numbers_go_first_and_equals_in_order_of_coming(lane: Lane) -> None:
    done: list[str] = []
    gate = Gate(lane)
    jobs = [lane.submit(lambda name=name: done.append(name), int(name[1])) for name in ("a1", "b0", "c1", "d0")]
    gate.open()
    for job in jobs:
        job.result(PATIENCE)
    assert done == ["b0", "d0", "a1", "c1"]


def test_waiting_work_that_is_overtaken_is_never_done(lane: Lane) -> None:
    done: list[int] = []
    gate = Gate(lane)
    jobs = [lane.submit(lambda n=n: done.append(n), 0, replaces="slice") for n in range(3)]
    other = lane.submit(lambda: "other", 0, replaces="another slice")
    assert [job.result(0) for job in jobs[:2]] == [None, None]
    gate.open()
    assert jobs[2].exception(PATIENCE) is None
    assert other.result(PATIENCE) == "other"
    assert done == [2]
    assert lane.dropped == 2


def test_work_that_has_begun_cannot_be_overtaken(lane: Lane) -> None:
    first = Gate(lane, replaces="slice")
    second = lane.submit(lambda: "second", replaces="slice")
    first.open()
    assert (first.future.result(PATIENCE), second.result(PATIENCE)) == ("held", "second")
    assert lane.dropped == 0


def test_overtaken_work_takes_no_room_in_the_queue(lane: Lane) -> None:
    gate = Gate(lane)
    jobs = [lane.submit(lambda: "read", replaces="slice") for _ in range(50)]
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == [None] * 49 + ["read"]


def test_overtaking_at_the_moment_of_starting_loses_nothing(lane: Lane) -> None:
    for _ in range(300):
        jobs = [lane.submit(lambda: "read", replaces="slice") for _ in range(3)]
        assert jobs[-1].result(PATIENCE) == "read"
        assert {job.result(PATIENCE) for job in jobs[:-1]} <= {None, "read"}


def test_an_exception_reaches_who_waits_and_the_lane_goes_on(lane: Lane) -> None:
    failed = lane.submit(lambda: 1 // 0)
    assert isinstance(failed.exception(PATIENCE), ZeroDivisionError)
    assert lane.submit(lambda: "next").result(PATIENCE) == "next"


def test_more_than_the_limit_is_refused_until_there_is_room(lane: Lane) -> None:
    gate = Gate(lane)
    jobs = [lane.submit(lambda: "done") for _ in range(5)]
    with pytest.raises(BlockError, match="more than 5 jobs are waiting"):
        lane.submit(lambda: "refused")
    gate.open()
    assert [job.result(PATIENCE) for job in jobs] == ["done"] * 5
    assert lane.submit(lambda: "again").result(PATIENCE) == "again"


def test_closing_ends_what_runs_and_cancels_what_waits() -> None:
    lane = Lane("test")
    gate = Gate(lane)
    waiting = lane.submit(lambda: "never")
    closing = threading.Thread(target=lane.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    gate.open()
    closing.join(PATIENCE)
    assert gate.future.result(PATIENCE) == "held"
    assert not lane._thread.is_alive()
    with pytest.raises(BlockError, match="the engine is closed"):
        lane.submit(lambda: "late")


def test_a_lane_is_closed_once_or_twice() -> None:
    lane = Lane("test")
    lane.close()
    lane.close()


def heard(text: str, **measures: float) -> Heard:
    """Words a fifth of a second apart."""
    words = [HeardWord(word, i * 3200, i * 3200 + 3000) for i, word in enumerate(text.split())]
    return Heard(tuple(words), "en", **measures)


class FakeRecogniser:
    """Gives its answers one after the other, and keeps what it was asked; an answer may be an error or a wait."""

    name = "fake"
    languages: tuple[str, ...] | None = None

    def __init__(self, *answers: Heard | Exception | Callable[[], Heard]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, str | None, tuple[str, ...], bool]] = []
        self.prompts: list[str | None] = []

    def read(
        self,
        audio: Samples,
        *,
        prompt: str | None = None,
        language: str | None = None,
        hotwords: Sequence[str] = (),
        partial: bool = False,
        draft: object = None,
    ) -> Heard:
        """The next answer."""
        self.asked.append((len(audio), language, tuple(hotwords), partial))
        self.prompts.append(prompt)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Heard) else answer()


class FakeVoiceModel:
    """Listens to nothing."""

    def stream(self) -> Any:
        """Something new each time."""
        return object()


def find(windows: list[Window]) -> list[LocalVoices]:
    """Nobody, three times over; fails on window 13."""
    assert windows[0].index != 13, "unlucky"
    nobody = np.zeros((293, 3), np.uint8), np.full((3, 2), np.nan, np.float32), np.zeros(3)
    return [LocalVoices(window.index, window.start, *nobody) for window in windows]


@pytest.fixture
def recogniser() -> FakeRecogniser:
    return FakeRecogniser()


@pytest.fixture
def engine(recogniser: FakeRecogniser) -> Iterator[Engine]:
    engine = Engine(recogniser, find, FakeVoiceModel(), Thresholds(0.1, 0.2, 0.3), {"speech": "fake"})  # type: ignore[arg-type]
    yield engine
    engine.close()


def piece(index: int, final: bool, length: int = SAMPLE_RATE) -> Slice:
    """A slice of so many samples."""
    return Slice(index, Span(0, length), np.zeros(length, np.float32), final)


def test_final_slices_are_read_before_growing_ones(engine: Engine, recogniser: FakeRecogniser) -> None:
    gate = Gate(engine.speech)
    recogniser.answers = [heard(f"answer {n}") for n in range(4)]
    futures = [engine.read(piece(n, final), "me") for n, final in enumerate([False, True, False, True])]
    gate.open()
    texts = [(future.result(PATIENCE) or Heard()).text for future in futures]
    assert texts == ["answer 2", "answer 0", "answer 3", "answer 1"]
    assert [partial for *_, partial in recogniser.asked] == [False, False, True, True]


def test_a_growing_slice_is_overtaken_by_its_longer_self_and_by_nobody_else(
    engine: Engine, recogniser: FakeRecogniser
) -> None:
    gate = Gate(engine.speech)
    recogniser.answers = [heard("final"), heard("mine"), heard("yours")]
    short, mine = (engine.read(piece(7, False, length), "me") for length in (8000, 16000))
    yours = engine.read(piece(7, False), "you")
    grown, final = engine.read(piece(8, False), "me"), engine.read(piece(8, True), "me")
    assert short.result(0) is None
    assert grown.result(0) is None
    gate.open()
    texts = [(future.result(PATIENCE) or Heard()).text for future in (final, mine, yours)]
    assert texts == ["final", "mine", "yours"]
    assert engine.speech.dropped == 2


def test_language_and_hotwords_reach_the_recogniser(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [heard("gut")]
    engine.read(piece(0, True, 3200), "me", "de", ("Zebra",)).result(PATIENCE)
    assert recogniser.asked == [(3200, "de", ("Zebra",), False)]


def test_the_last_final_text_is_the_next_prompt_of_the_same_source(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [heard("one"), heard("on"), heard("two"), heard("other")]
    for index, final, owner in ((0, True, "me"), (1, False, "me"), (1, True, "me"), (0, True, "you")):
        engine.read(piece(index, final), owner).result(PATIENCE)
    assert recogniser.prompts == [None, "one", "one", None]


def test_text_that_was_not_believed_is_no_prompt(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [heard("one"), heard("la " * 30), heard("two")]
    for index in range(3):
        engine.read(piece(index, True), "me").result(PATIENCE)
    assert recogniser.prompts == [None, "one", None]


def test_a_language_that_was_surely_detected_is_kept_for_the_source(engine: Engine, recogniser: FakeRecogniser) -> None:
    def spoken(language: str, confidence: float) -> Heard:
        return replace(heard("so"), language=language, language_confidence=confidence)

    recogniser.answers = [spoken("cy", 0.9), spoken("nl", 0.3), spoken("de", 0.8), spoken("fr", 0.9), spoken("fr", 0.9)]
    for index, length in enumerate([16000, 48000, 48000, 48000]):
        engine.read(piece(index, True, length), "me").result(PATIENCE)
    engine.read(piece(4, True), "me", "it").result(PATIENCE)
    assert [language for _, language, _, _ in recogniser.asked] == [None, None, None, "de", "it"]


def test_a_reading_that_fails_fails_alone(engine: Engine, recogniser: FakeRecogniser) -> None:
    recogniser.answers = [BlockError("recogniser", "out of memory"), heard("next")]
    assert isinstance(engine.read(piece(0, True), "me").exception(PATIENCE), BlockError)
    assert (engine.read(piece(1, True), "me").result(PATIENCE) or Heard()).text == "next"


def test_windows_are_found_while_speech_is_read(engine: Engine) -> None:
    gate = Gate(engine.speech)
    found = engine.find(Window(3, STEP, np.zeros(WINDOW, np.float32))).result(PATIENCE)
    assert found is not None
    assert (found.index, found.start) == (3, STEP)
    assert not gate.future.done()
    gate.open()


def test_a_window_that_fails_fails_alone(engine: Engine) -> None:
    windows = [Window(index, 0, np.zeros(WINDOW, np.float32)) for index in (13, 14)]
    unlucky, lucky = map(engine.find, windows)
    assert isinstance(unlucky.exception(PATIENCE), AssertionError)
    assert lucky.result(PATIENCE) is not None


def test_each_source_listens_for_itself(engine: Engine) -> None:
    assert engine.listen() is not engine.listen()


def test_a_closed_engine_takes_no_work(engine: Engine) -> None:
    engine.close()
    with pytest.raises(MeetingError):
        engine.read(piece(0, True), "me")
    with pytest.raises(MeetingError):
        engine.find(Window(0, 0, np.zeros(WINDOW, np.float32)))


AUDIO: Samples = np.zeros(2 * SAMPLE_RATE, np.float32)


def test_a_loop_gives_no_words_but_its_language() -> None:
    looping = FakeRecogniser(heard("la la la la la la la la la la"))
    assert read_believably(looping, AUDIO, None, (), False) == Heard(language="en")


def test_a_guess_about_silence_gives_no_words() -> None:
    guessing = FakeRecogniser(heard("thanks for watching", avg_logprob=-1.4, no_speech=0.9))
    assert read_believably(guessing, AUDIO, None, (), False).words == ()


def test_a_believable_reading_is_given_as_it_is() -> None:
    reading = heard("we meet on Thursday")
    assert read_believably(FakeRecogniser(reading), AUDIO, None, (), False) == reading


def test_no_audio_is_not_read() -> None:
    nobody = FakeRecogniser()
    assert read_believably(nobody, np.zeros(0, np.float32), None, (), False) == Heard()
    assert nobody.asked == []
