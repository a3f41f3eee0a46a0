"""The engine of a server whose models are elsewhere: what it knows of them, waiting for them, being without them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from meeting.cluster.shared_models import connecting, wire
from meeting.cluster.shared_models.answering import SpeakerModels, SpeechModels
from meeting.cluster.shared_models.calls import SPEECH, Send
from meeting.cluster.shared_models.connecting import connect_engine
from meeting.cluster.shared_models.descriptions import SpeakersDescription, SpeechDescription
from meeting.cluster.shared_models.errors import Unanswered
from meeting.config.settings import Models
from pipelines.asr.recogniser import RecogniserInfo
from pipelines.diarization.clustering import Thresholds
from pipelines.errors import BlockError, ModelError, SettingsError
from pipelines.types import WINDOW, LocalSpeakers, Window
from tests.fakes.recogniser_fakes import FakeRecogniser, heard, utterance

PATIENCE = 60
SETTINGS = Models(engine="ray", ray_address="models.internal:9000", ray_calls=3)


def find(windows: list[Window]) -> list[LocalSpeakers]:
    """One voice in each."""
    shape = np.full((5, 2), 200, np.uint8), np.full((2, 3), 0.5, np.float32), np.ones(2)
    return [LocalSpeakers(window.index, window.start, *shape) for window in windows]


class Cluster:
    """Both applications in this process, reached as over a network; answers nothing while it is `away`."""

    def __init__(self) -> None:
        self.recogniser = FakeRecogniser()
        info = RecogniserInfo("small", languages=("en",))
        models: Any = {"speech": "small", "segmentation": "?", "embedding": "?", "why": "It does.", "device": "cuda"}
        self.speech = SpeechModels(self.recogniser, SpeechDescription(info, models, 0.1))
        described = SpeakersDescription("seg", "ge2e", Thresholds(0.1, 0.2, 0.3), (5, 2), 0.01, 0.01)
        self.speakers = SpeakerModels(find, described)
        self.away = False
        self.connected: list[str] = []
        self.closed = threading.Event()
        self.missed = threading.Event()

    def connect(self, address: str) -> tuple[Send, Callable[[], None]]:
        """Note the address."""
        self.connected.append(address)
        return self.send, self.closed.set

    def send(self, application: str, method: str, message: bytes, seconds: float) -> bytes:
        """What the application answers."""
        if self.away:
            self.missed.set()
            raise Unanswered("UNAVAILABLE")
        models: Any = self.speech if application == SPEECH else self.speakers
        answer: bytes = models.describe() if method == "Describe" else models.answer([message])[0]
        return answer


def ignore(message: str) -> None:
    """Progress that nobody follows."""


def test_an_engine_hears_with_the_models_of_others_and_knows_of_them_what_they_say() -> None:
    cluster, told = Cluster(), list[str]()
    cluster.recogniser.answers = [heard("hello there")]
    engine = connect_engine(SETTINGS, told.append, "en", cluster.connect)
    try:
        assert cluster.connected == ["models.internal:9000"]
        expected = {"speech": "small", "segmentation": "seg", "embedding": "ge2e", "why": "It does.", "device": "cuda"}
        assert engine.models == expected
        assert engine.thresholds == Thresholds(0.1, 0.2, 0.3)
        assert [queue.workers for queue in engine.queues] == [3, 3]
        found = engine.recognise(utterance(0, True), "a").result(PATIENCE)
        assert found is not None
        assert found.text == "hello there"
        speakers = engine.find_speakers(Window(4, 9, np.ones(WINDOW, np.float32))).result(PATIENCE)
        assert speakers is not None
        assert (speakers.index, int(speakers.activity[0, 0])) == (4, 200)
        assert "models.internal:9000" in told[0]
    finally:
        engine.close()
    assert cluster.closed.is_set()


def test_how_many_meetings_it_carries_is_what_this_machine_does_itself() -> None:
    engine = connect_engine(SETTINGS, ignore, None, Cluster().connect)
    engine.close()
    assert engine.capacity is not None
    assert engine.capacity > 10


def test_a_language_that_the_shared_recogniser_does_not_read_is_refused() -> None:
    with pytest.raises(SettingsError, match="small reads en only"):
        connect_engine(SETTINGS, ignore, "de", Cluster().connect)


def test_models_that_are_not_there_yet_are_waited_for_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ASKING_SECONDS", 0.05)
    cluster, told = Cluster(), list[str]()
    cluster.away = True
    waits = itertools.count()

    def progress(message: str) -> None:
        told.append(message)
        if message.startswith("waiting") and next(waits) == 2:
            cluster.away = False

    engine = connect_engine(SETTINGS, progress, None, cluster.connect)
    engine.close()
    assert len([message for message in told if message.startswith("waiting for the shared models for speech")]) == 3
    assert told[-1] == "the shared models answer"


def test_without_the_package_it_is_said_how_to_install_it() -> None:
    def connect(address: str) -> tuple[Send, Callable[[], None]]:
        raise ImportError("grpc")

    with pytest.raises(ModelError, match=r"\[ray\]"):
        connect_engine(SETTINGS, ignore, None, connect)


def test_what_waits_for_models_that_are_gone_ends_with_the_engine() -> None:
    cluster = Cluster()
    engine = connect_engine(SETTINGS, ignore, None, cluster.connect)
    cluster.away = True
    waiting = engine.recognise(utterance(0, True), "a")
    assert cluster.missed.wait(PATIENCE)
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        waiting.result(PATIENCE)


def test_other_models_behind_the_same_address_are_not_mixed_with_the_first() -> None:
    cluster = Cluster()
    engine = connect_engine(Models(engine="ray", ray_patience=1), ignore, None, cluster.connect)
    described = SpeakersDescription("seg", "another", Thresholds(0.1, 0.2, 0.3), (5, 2), 0.01, 0.01)
    cluster.speakers = SpeakerModels(find, described)
    try:
        with pytest.raises(BlockError, match="are others than when this server started"):
            engine.find_speakers(Window(0, 0, np.ones(WINDOW, np.float32))).result(PATIENCE)
    finally:
        engine.close()


def test_damaged_descriptions_are_an_error() -> None:
    def send(application: str, method: str, message: bytes, seconds: float) -> bytes:
        return wire.pack({"description": {}, "application": application})

    with pytest.raises(ModelError, match="cannot be read"):
        connect_engine(SETTINGS, ignore, None, lambda address: (send, lambda: None))
