"""Stand-ins for models and pipelines, and a real server around them; for tests only."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from websockets.sync.client import ClientConnection

from meeting.config.settings import Config, Limits, Models, Storage
from meeting.core.messages import AudioFrame
from meeting.server.app import create_app
from meeting.server.listening import listen
from meeting.server.meeting_server import MeetingServer, server_config
from meeting.sources.backend import Emit, Engine, OnBacklog, Pipeline, PipelineRequest
from pipelines.audio.decoding import AudioDecoder, PcmDecoder, open_decoder
from pipelines.errors import AudioError
from pipelines.formats import PCM
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    ModelInfo,
    PipelineStats,
    Samples,
    Segment,
    Span,
    Speaker,
    SpeakerCount,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Window,
    Word,
)
from tests.patient_clients import connect

FAKE_MODELS: ModelInfo = {"speech": "fake", "why": "a test"}

NO_AUDIO = b"\x00no audio\xff"
"""A frame that no decoder takes, raw audio or not"""


class PickyDecoder(PcmDecoder):
    """Raw samples; as no bytes are wrong in raw audio, `NO_AUDIO` stands for what is."""

    def decode(self, data: bytes) -> Iterator[Samples]:
        """Decode, but for `NO_AUDIO`."""
        if data == NO_AUDIO:
            raise AudioError("this is not audio")
        return super().decode(data)


class FakeEngine:
    """Models that are there at once."""

    models = FAKE_MODELS
    capacity: int | None = None
    queues: tuple[Any, ...] = ()
    stalled_seconds = 0.0
    closed = False

    def assign(self) -> Any:
        """Nothing that the fake pipelines need: this one."""
        return self

    def find_speakers(self, window: Window) -> Future[None]:
        """Nobody is heard."""
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class FakePipeline:
    """Hears the word "one" in every whole second of sound, from spk1; nothing in silence."""

    live = False
    hotwords: tuple[str, ...] = ()
    speakers: SpeakerCount | None = None
    translate = False
    prefix = "s"
    solo = False
    pause: float | None = None

    def __init__(self, emit: Emit, source_id: str) -> None:
        self._emit = emit
        self._source_id = source_id
        self._audio = np.zeros(0, np.float32)
        self._done = 0
        self.closed = False
        self.on_backlog: OnBacklog = lambda seconds: None

    def feed(self, audio: Samples) -> None:
        """Say something for each second that is complete."""
        self._audio = np.concatenate([self._audio, audio])
        while len(self._audio) - self._done >= SAMPLE_RATE:
            self._second(self._done, self._done + SAMPLE_RATE)

    def finish(self) -> None:
        """Say the rest."""
        if len(self._audio) > self._done:
            self._second(self._done, len(self._audio))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _second(self, start: int, end: int) -> None:
        number, span = start // SAMPLE_RATE, Span(start, end)
        self._done = end
        if not self._sound(start, end).any():
            return
        words = (Word("one", span, 0.5),)
        segment = Segment(f"{self.prefix}{number}", 1, False, self._source_id, span, None, words)
        self._emit(segment)
        self._emit(replace(segment, rev=2, final=True, pause=True))
        if not self.solo:
            self._emit(Speaker("spk1"))
            self._emit(TurnsRevised(span, (Turn(span, "spk1"),)))
            self._emit(SpeakersRevised((LabelChange(segment.id, 3, None, "spk1"),), "live"))
        self._emit(PipelineStats(0.1, 0.2, 0.3, 0))

    def _sound(self, start: int, end: int) -> Samples:
        return self._audio[start:end]


class LeanPipeline(FakePipeline):
    """The same for hours: it holds a second of audio at most, and can take its time."""

    slow = 0.0
    """Seconds that it takes for a second of audio"""

    def feed(self, audio: Samples) -> None:
        """Say something for each second that is complete, and forget it."""
        time.sleep(self.slow * len(audio) / SAMPLE_RATE)
        self._audio = np.concatenate([self._audio, audio])
        while len(self._audio) >= SAMPLE_RATE:
            self._second(self._done, self._done + SAMPLE_RATE)
            self._audio = self._audio[SAMPLE_RATE:]

    def finish(self) -> None:
        """Say the rest."""
        if len(self._audio):
            self._second(self._done, self._done + len(self._audio))

    def _sound(self, start: int, end: int) -> Samples:
        return self._audio[: end - start]


@dataclass
class FakeBackend:
    """Real decoders, fake models and pipelines."""

    gate: threading.Event | None = None
    """Loading waits for it"""
    error: Exception | None = None
    """Loading raises it"""
    pipeline: Callable[[Emit, str], FakePipeline] = FakePipeline
    pipelines: list[FakePipeline] = field(default_factory=list)
    translates: bool = False
    released: int = 0

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """The fake engine, once it may be had."""
        on_progress("fakes")
        if self.gate is not None:
            self.gate.wait(30)
        if self.error is not None:
            raise self.error
        engine = FakeEngine()
        if self.translates:
            engine.models = {**FAKE_MODELS, "translates": True}
        return engine

    def open_decoder(self, encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
        """The real decoder, but for `NO_AUDIO`."""
        decoder = open_decoder(encoding, sample_rate, channels)
        return (
            PickyDecoder(np.dtype(PCM[encoding]), sample_rate, channels) if isinstance(decoder, PcmDecoder) else decoder
        )

    def open_pipeline(self, engine: Engine, request: PipelineRequest, emit: Emit, on_backlog: OnBacklog) -> Pipeline:
        """A fake pipeline, remembered."""
        made = self.pipeline(emit, request.source_id)
        made.on_backlog = on_backlog
        made.hotwords, made.speakers, made.translate = request.hotwords, request.speakers, request.translate
        made.prefix, made.solo, made.pause = request.prefix, request.solo, request.pause
        self.pipelines.append(made)
        return made

    def release_memory(self) -> None:
        """Count how often it was asked for."""
        self.released += 1


def config(folder: Path, **limits: Any) -> Config:
    """Settings with a data folder of the test's own."""
    return Config(storage=Storage(data_dir=folder), limits=Limits(**limits))


@dataclass
class Serving:
    """A running server, and how to talk to it."""

    server: MeetingServer
    port: int
    http: httpx.Client
    app: Any

    def create(self, title: str = "Monday") -> str:
        """A new meeting's id."""
        answer = self.http.post("/api/meetings", json={"title": title})
        assert answer.status_code == 201
        return str(answer.json()["id"])

    def held(self, title: str = "Monday, 9:00", seconds: float = 1.0) -> str:
        """A meeting that has been held."""
        meeting_id = self.create(title)
        with self.connect(meeting_id) as host:
            host.start()
            host.frame(0, tone(seconds))
            host.send("stop")
            host.close_code()
        return meeting_id

    @contextmanager
    def connect(self, meeting_id: str, **options: Any) -> Iterator[Client]:
        """A socket on a meeting."""
        url = f"ws://127.0.0.1:{self.port}/ws/meetings/{meeting_id}"
        with connect(url, max_size=None, compression=None, **options) as socket:
            yield Client(socket)


class Client:
    """A client of the wire protocol, one call per message."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    def send(self, kind: str, **fields: Any) -> None:
        """Send a JSON message."""
        self.socket.send(json.dumps({"type": kind, **fields}))

    def start(self, encoding: str = "pcm_s16le", sample_rate: int = 16000, **fields: Any) -> dict[str, Any]:
        """Become the source; the answer to it."""
        audio = {"encoding": encoding, "sample_rate": sample_rate, "channels": 1}
        self.send("start", **{"version": 1, "audio": audio, "source": {"name": "Ann", "kind": "room"}, **fields})
        return self.until("session", "error")

    def frame(self, seq: int, payload: bytes) -> None:
        """Send a frame of audio."""
        self.socket.send(AudioFrame(seq, 0, payload).encode())

    def receive(self) -> dict[str, Any]:
        """The next message that says something; raises ConnectionClosed at the end."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=60))
            if message["type"] != "alive":
                self.seen.append(message)
                return message

    def until(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of the kinds."""
        while (message := self.receive())["type"] not in kinds:
            pass
        return message

    def close_code(self) -> int:
        """Read to the end; the code that the server closed with."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def tone(seconds: float = 1.0) -> bytes:
    """Sound as 16-bit PCM at 16 kHz."""
    wave = 8000 * np.sin(np.arange(round(seconds * SAMPLE_RATE)) / 5)
    return wave.astype("<i2").tobytes()


@contextmanager
def serving(settings: Config, backend: FakeBackend | None = None, **options: Any) -> Iterator[Serving]:
    """A real server in a thread."""
    app = create_app(settings, backend or FakeBackend(), **options)
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    started = threading.Event()
    server = MeetingServer(server_config(app, settings), app.state.rooms, started.set, settings.limits)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            yield Serving(server, port, http, app)
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()
        assert not thread.is_alive()


def wait_ready(served: Serving) -> None:
    """Until the models are loaded."""
    while served.http.get("/readyz").status_code != 200:
        threading.Event().wait(0.01)


def rest(client: ClientConnection) -> tuple[list[str], int]:
    """All texts up to the end, and the code of the close."""
    from websockets.exceptions import ConnectionClosed

    texts: list[str] = []
    try:
        while True:
            texts.append(str(client.recv(timeout=30)))
    except ConnectionClosed as closed:
        return texts, closed.rcvd.code if closed.rcvd else 1006


def kill(client: ClientConnection) -> None:
    """End a client's connection as the end of its process does."""
    client.socket.shutdown(socket.SHUT_RDWR)
    client.socket.close()


def left(running: Serving) -> list[str]:
    """What is left of meetings that are not kept, once they have had time to go."""
    rooms = running.app.state.rooms
    for _ in range(200):
        found = rooms.store.unkept()
        if not found and not rooms.live:
            break
        time.sleep(0.02)
    return [*found, *(path.name for path in rooms.store.files.all())]
