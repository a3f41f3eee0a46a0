"""Calls are made again until one is answered, for as long as they may, and it is known how long nobody answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from meeting.cluster.shared_models.calls import (
    ATTEMPT_SECONDS,
    LONGEST_PAUSE,
    MAX_BREAKS,
    SPEAKERS,
    SPEECH,
    Calls,
)
from meeting.cluster.shared_models.errors import NoAnswer, OtherModels, Unanswered
from meeting.cluster.shared_models.stalls import STALL_AFTER
from meeting.cluster.shared_models.wire import pack
from pipelines.errors import BlockError, ModelError


class Replicas:
    """Answers in order, each bytes or an error; and the time, which only waiting and answering moves on."""

    def __init__(self, *answers: bytes | Exception, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.now = 1000.0
        self.sent: list[tuple[str, str, bytes, float]] = []
        self.pauses: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def send(self, application: str, method: str, message: bytes, seconds: float) -> bytes:
        """The next answer; the last one again where there is no other."""
        self.sent.append((application, method, message, seconds))
        self.now += self.seconds
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait(self, closed: threading.Event, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += seconds
        self.on_wait()

    def calls(self, patience: float = 60.0) -> Calls:
        """Calls to them."""
        return Calls(self.send, patience, lambda: self.now, self.wait)


def answer(application: str = SPEECH, **head: object) -> bytes:
    """What a replica answers."""
    return pack({"application": application, **head})


GOOD = answer(results=[], fingerprint="f")
DIED = Unanswered("INTERNAL")


def test_a_call_whose_replica_died_is_made_again() -> None:
    replicas = Replicas(DIED, DIED, GOOD)
    head, arrays = replicas.calls()(SPEECH, "Recognise", b"message")
    assert (head["results"], arrays) == ([], [])
    assert [sent[:3] for sent in replicas.sent] == 3 * [(SPEECH, "Recognise", b"message")]


def test_pauses_grow_up_to_a_limit() -> None:
    replicas = Replicas(*9 * [DIED], GOOD)
    replicas.calls()(SPEECH, "Recognise", b"")
    assert replicas.pauses == sorted(replicas.pauses)
    assert (replicas.pauses[0], replicas.pauses[-1]) == (0.1, LONGEST_PAUSE)


def test_a_call_is_given_up_in_time() -> None:
    replicas = Replicas(DIED)
    with pytest.raises(NoAnswer, match="60 seconds"):
        replicas.calls(60)(SPEECH, "Recognise", b"")
    assert 1060 - LONGEST_PAUSE <= replicas.now <= 1060


def test_no_attempt_goes_on_for_longer_than_the_call_may() -> None:
    replicas = Replicas(DIED, seconds=ATTEMPT_SECONDS)
    with pytest.raises(NoAnswer):
        replicas.calls(70)(SPEECH, "Recognise", b"")
    assert [round(sent[3]) for sent in replicas.sent] == [30, 30, 10]


def test_what_a_model_cannot_read_is_not_tried_again() -> None:
    replicas = Replicas(answer(failed="too long"))
    with pytest.raises(BlockError, match="too long"):
        replicas.calls()(SPEECH, "Recognise", b"")
    assert len(replicas.sent) == 1


def test_what_breaks_one_replica_after_the_other_is_given_up() -> None:
    replicas = Replicas(answer(broken="ZeroDivisionError"))
    with pytest.raises(BlockError, match="ZeroDivisionError"):
        replicas.calls()(SPEECH, "Recognise", b"")
    assert len(replicas.sent) == MAX_BREAKS


def test_one_broken_replica_is_passed_over() -> None:
    replicas = Replicas(answer(broken="RuntimeError"), GOOD)
    assert replicas.calls()(SPEECH, "Recognise", b"")[0]["fingerprint"] == "f"


def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    replicas = Replicas(b"half an ans", GOOD)
    assert replicas.calls()(SPEECH, "Recognise", b"")[0]["fingerprint"] == "f"


def test_an_application_that_answers_for_another_is_not_believed() -> None:
    replicas = Replicas(answer(SPEAKERS), GOOD)
    assert replicas.calls()(SPEECH, "Describe", b"")[0]["fingerprint"] == "f"


def test_other_models_than_at_the_start_are_not_believed() -> None:
    replicas = Replicas(answer(fingerprint="other"), GOOD)
    calls = replicas.calls()
    calls.expected[SPEECH] = "f"
    assert calls(SPEECH, "Recognise", b"")[0]["fingerprint"] == "f"
    replicas.answers = [answer(fingerprint="other")]
    with pytest.raises(OtherModels, match="restart"):
        calls(SPEECH, "Recognise", b"")


def test_time_without_an_answer_counts_as_stalled_while_it_lasts() -> None:
    replicas = Replicas(DIED)
    calls, seen = replicas.calls(20), []
    replicas.on_wait = lambda: seen.append(calls.stalled_seconds())
    with pytest.raises(NoAnswer):
        calls(SPEECH, "Recognise", b"")
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(replicas.now - 1000 - STALL_AFTER)


def test_whether_the_models_answer_is_known_while_a_call_waits_and_after_it() -> None:
    replicas = Replicas(*8 * [DIED], GOOD)
    calls, seen = replicas.calls(), []
    replicas.on_wait = lambda: seen.append(calls.answering())
    assert calls.answering()
    calls(SPEECH, "Recognise", b"")
    assert (seen[0], seen[-1]) == (True, False)
    assert calls.answering()


def test_it_is_said_once_that_no_model_answers_and_once_that_they_do(caplog: pytest.LogCaptureFixture) -> None:
    replicas = Replicas(*8 * [DIED], GOOD)
    with caplog.at_level(logging.INFO):
        calls = replicas.calls()
        calls(SPEECH, "Recognise", b"what was said")
        calls(SPEECH, "Recognise", b"what was said")
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "no shared model has answered for 3 seconds",
        "the shared models answer again",
    ]


def test_what_waits_is_given_up_when_the_server_stops() -> None:
    replicas = Replicas(DIED)
    calls = replicas.calls(1e9)
    replicas.on_wait = calls.close
    with pytest.raises(ModelError, match="closed"):
        calls(SPEECH, "Recognise", b"")
    assert len(replicas.sent) == 1
