"""The engine of a server whose models compute on other machines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH, Calls, Send, open_channel
from meeting.cluster.shared_models.descriptions import SpeakersDescription, SpeechDescription
from meeting.cluster.shared_models.errors import NoAnswer
from meeting.cluster.shared_models.remote import RemoteRecogniser, RemoteSpeakerFinder
from meeting.cluster.shared_models.wire import Head, pack
from meeting.config.settings import Models
from pipelines.audio.vad import VadModel
from pipelines.engine.capacity import Throughput
from pipelines.engine.engine import Engine
from pipelines.engine.loader import check_language
from pipelines.errors import ModelError
from pipelines.timing import available_cores
from pipelines.types import ModelInfo

ASKING_SECONDS = 30.0
"""Seconds after which it is said again that the shared models are waited for"""


class SharedEngine(Engine):
    """An engine that closes its connection with itself, so that no call outlives it."""

    def __init__(self, calls: Calls, disconnect: Callable[[], None], *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._calls = calls
        self._disconnect = disconnect

    def close(self) -> None:
        """Stop all threads; what waits is dropped."""
        self._calls.close()
        super().close()
        self._disconnect()


def connect_engine(
    settings: Models,
    on_progress: Callable[[str], None],
    language: str | None = None,
    connect: Callable[[str], tuple[Send, Callable[[], None]]] = open_channel,
) -> Engine:
    """An engine that is started, on the shared models of `models.ray_address`; waits for them as long as it takes.

    Raises ModelError where the extra `ray` is not installed, and SettingsError where the recogniser does not know
    `language`.
    """
    try:
        send, disconnect = connect(settings.ray_address)
    except ImportError as error:
        raise ModelError(
            'models.engine is ray, which needs the package grpcio: .venv/bin/pip install -c constraints.txt -e ".[ray]"'
        ) from error
    asking = Calls(send, ASKING_SECONDS)
    speech = SpeechDescription.read(_describe(asking, SPEECH, settings.ray_address, on_progress))
    speakers = SpeakersDescription.read(_describe(asking, SPEAKERS, settings.ray_address, on_progress))
    check_language(language, speech.info.name, speech.info.languages)
    calls = Calls(send, settings.ray_patience)
    calls.expected = {SPEECH: speech.fingerprint, SPEAKERS: speakers.fingerprint}
    info: ModelInfo = {**speech.models, "segmentation": speakers.segmentation, "embedding": speakers.embedding}
    engine = SharedEngine(
        calls,
        disconnect,
        RemoteRecogniser(calls, speech.info, speech.rtf),
        RemoteSpeakerFinder(calls, speakers.shape),
        VadModel(),
        speakers.thresholds,
        info,
        speech_workers=settings.ray_calls,
        speaker_workers=settings.ray_calls,
        stalled_seconds=calls.stalled_seconds,
        answering=calls.answering,
    )
    # how many meetings the models carry is for their autoscaling: counted here is what this machine does itself
    engine.throughput = Throughput(
        0.0, speakers.single, 0.0, available_cores(), windows_on_gpu=True, speech_on_gpu=True
    )
    engine.start()
    on_progress("the shared models answer")
    return engine


def _describe(calls: Calls, application: str, address: str, on_progress: Callable[[str], None]) -> Head:
    """What the models of an application say of themselves."""
    on_progress(f"asking the shared models for {application} at {address}")
    began = time.monotonic()
    while True:
        try:
            head, _ = calls(application, "Describe", pack({}))
            return dict(head.get("description", {}))
        except NoAnswer:
            waited = time.monotonic() - began
            on_progress(f"waiting for the shared models for {application} at {address}, for {waited:.0f} seconds now")
