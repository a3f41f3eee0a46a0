"""Pauses as each protocol tells them, from a real server and a real pipeline whose models hear a tone as speech."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from meeting.sources.backend import Emit, Engine, LocalBackend, OnBacklog, Pipeline, PipelineRequest
from pipelines.asr.recogniser import RecognisedWord, RecognitionResult
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.load_shedding import Shedding
from pipelines.types import SAMPLE_RATE, Samples, Utterance
from tests.fakes.server_fakes import FakeBackend, FakeEngine, Serving, config, rest, serving, wait_ready
from tests.patient_clients import connect

TALK = ((0.5, 0), (4.0, 1), (0.25, 0), (4.0, 1), (0.7, 0), (1.0, 1), (1.5, 0))
"""Seconds of silence (0) and speech (1): a long sentence cut at a breath, a short break, a short sentence"""
RAW = "encoding=linear16&sample_rate=16000"


class ToneEngine(FakeEngine):
    """Hears a word in each second of a tone."""

    thresholds = Thresholds(0.1, 0.2, 0.3)
    takes_context = False
    busy_seconds = load = 0.0
    shedding = Shedding.NONE

    def attach(self, owner: object) -> None:
        """One more pipeline."""

    def detach(self, owner: object) -> None:
        """One fewer."""

    def answering(self) -> bool:
        """The models are here."""
        return True

    def open_vad(self) -> Any:
        """What is not silent is speech."""
        return lambda frame: float(np.abs(frame).max() > 0.1)

    def recognise(self, piece: Utterance, *_: object) -> Future[RecognitionResult]:
        """Words at once."""
        loud = np.flatnonzero(np.abs(piece.audio) > 0.1)
        starts = [int(loud[0]) + second * SAMPLE_RATE for second in range(round(len(loud) / SAMPLE_RATE))]
        words = tuple(RecognisedWord("word", at, min(at + SAMPLE_RATE, len(piece.audio)), 0.9) for at in starts)
        done: Future[RecognitionResult] = Future()
        done.set_result(RecognitionResult(words, "en"))
        return done


class RealPipelines(FakeBackend):
    """Real pipelines on these models."""

    def load_engine(self, models: Any, on_progress: Any) -> Engine:
        """The models."""
        return ToneEngine()

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """As the program opens them."""
        return LocalBackend(self.settings).open_pipeline(engine, request, emit, on_backlog)

    settings: Any = None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server on them."""
    backend = RealPipelines()
    backend.settings = config(tmp_path_factory.mktemp("data"))
    with serving(backend.settings, backend) as served:
        wait_ready(served)
        yield served


def talk(rate: int = SAMPLE_RATE, script: tuple[tuple[float, int], ...] = TALK) -> bytes:
    """The speech as 16-bit samples."""
    parts: list[Samples] = [np.full(round(length * rate), 0.5 * level, np.float32) for length, level in script]
    return (np.concatenate(parts) * 32767).astype("<i2").tobytes()


def told(running: Serving, version: str, query: str, *messages: bytes | str) -> list[dict[str, Any]]:
    """What a client of Deepgram's is told that sends audio and messages."""
    url = f"ws://127.0.0.1:{running.port}/{version}/listen?{RAW}&{query}"
    with connect(url, compression=None) as socket:
        for message in messages:
            for at in range(0, len(message), 1 << 16):
                socket.send(message[at : at + (1 << 16)])
        socket.send('{"type":"CloseStream"}')
        return [json.loads(text) for text in rest(socket)[0]]


@pytest.mark.parametrize(
    ("asked", "speech_final"),
    [
        ("", [False, False, "", True]),
        ("endpointing=true", [False, False, "", True]),
        ("endpointing=10", [True, True, True]),
        ("endpointing=300", [False, False, "", True]),
        ("endpointing=1000", [False, False, False, ""]),
        ("endpointing=false", [False, False, False]),
    ],
)
def test_deepgrams_speech_final_comes_with_the_silence_that_is_asked_for(
    running: Serving, asked: str, speech_final: list[bool | str]
) -> None:
    results = [one for one in told(running, "v1", asked, talk()) if one["type"] == "Results" and one["is_final"]]
    found = [one["speech_final"] if one["channel"]["alternatives"][0]["words"] else "" for one in results]
    assert found == speech_final
    assert all(one["speech_final"] for one in results if not one["channel"]["alternatives"][0]["words"])


def test_a_turn_of_deepgrams_goes_on_behind_a_breath(running: Serving) -> None:
    turns = [one for one in told(running, "v2", "", talk()) if one.get("event") == "EndOfTurn"]
    assert [len(one["words"]) for one in turns] == [8, 1]


@pytest.mark.parametrize("end", ["Finalize", "ForceEndTurn"])
def test_the_silence_behind_finalize_is_a_pause_however_long_that_has_to_be(running: Serving, end: str) -> None:
    version = "v1" if end == "Finalize" else "v2"
    messages = told(running, version, "endpointing=2000", talk(script=TALK[:2]), json.dumps({"type": end}))
    assert any(one.get("speech_final") or one.get("event") == "EndOfTurn" for one in messages)


@pytest.mark.parametrize(("silence", "words"), [(300, [8, 1]), (500, [8, 1]), (1000, [9])])
def test_an_item_of_openais_ends_with_the_silence_that_is_asked_for(
    running: Serving, silence: int, words: list[int]
) -> None:
    detection = {"type": "server_vad", "silence_duration_ms": silence}
    settings = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": detection}}}}
    audio, items = talk(24_000), []
    url = f"ws://127.0.0.1:{running.port}/v1/realtime?intent=transcription"
    with connect(url, compression=None) as socket:
        socket.send(json.dumps(settings))
        for at in range(0, len(audio), 48_000):
            piece = base64.b64encode(audio[at : at + 48_000]).decode()
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": piece}))
        while len(items) < len(words):
            event = json.loads(socket.recv(timeout=30))
            assert event["type"] != "error"
            if event["type"].endswith("transcription.completed"):
                items.append(event["transcript"])
    assert [len(item.split()) for item in items] == words
