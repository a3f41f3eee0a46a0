"""One recording through each endpoint, at the pace of speech, and all that comes back."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import urllib.request
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.doors import told
from benchmarks.doors.told import Told
from benchmarks.harness.listener import Listener
from benchmarks.harness.recordings import FRAME, Play, Recording
from benchmarks.harness.server import Server
from meeting.evaluation.scores import Row
from pipelines.types import SAMPLE_RATE

LISTEN = "encoding=linear16&sample_rate=16000&diarize=true&punctuate=true"
SLICE = SAMPLE_RATE // 2
"""Samples of a WAV file that a recording page sends at once"""
REALTIME_RATE = 24_000
PATIENCE = 120.0
"""Seconds after which nothing more will come"""

Door = Callable[[Server, Recording, float], Awaitable[Told]]
"""Plays a recording to a server, so many times as fast as it was spoken"""


async def through_page(server: Server, recording: Recording, speed: float) -> Told:
    """The page's own socket; the meeting stays."""
    meeting = server.new_meeting(recording.name)
    listener = Listener(server.port, meeting, Play(recording), recording.seconds, speed)
    heard = await asyncio.wait_for(listener.speak(), recording.seconds / speed + PATIENCE)
    if not heard.live:
        raise RuntimeError(f"the page's socket: {heard.refused or heard.problem}")
    exported = await asyncio.to_thread(server.get, f"/api/meetings/{meeting}/export?format=seglst")
    return told.page([(one["wall"], one["event"]) for one in heard.log], exported)


async def through_listen(server: Server, recording: Recording, speed: float) -> Told:
    """`/v1/listen`."""
    talk = Talk(f"ws://127.0.0.1:{server.port}/v1/listen?{LISTEN}", speed)
    pieces = ((piece.tobytes(), len(piece) / SAMPLE_RATE) for piece in _cut(recording.audio, FRAME))
    return told.deepgram(await talk.hold(pieces, '{"type":"CloseStream"}'))


async def through_transcribe(server: Server, recording: Recording, speed: float) -> Told:
    """`/transcribe`."""
    talk = Talk(f"ws://127.0.0.1:{server.port}/transcribe", speed, is_json=False)
    pieces = ((wav(piece.tobytes()), len(piece) / SAMPLE_RATE) for piece in _cut(recording.audio, SLICE))
    return told.captions(await talk.hold(pieces, '{"type":"stop"}'))


async def through_realtime(server: Server, recording: Recording, speed: float) -> Told:
    """`/v1/realtime`, whose last item is ended by hand."""
    talk = Talk(f"ws://127.0.0.1:{server.port}/v1/realtime?intent=transcription&diarize=true", speed)
    audio = soxr.resample(recording.audio, SAMPLE_RATE, REALTIME_RATE)
    pieces = ((_append(piece.tobytes()), len(piece) / REALTIME_RATE) for piece in _cut(audio, REALTIME_RATE // 10))
    return told.realtime(await talk.hold(pieces, '{"type":"input_audio_buffer.commit"}', _all_complete))


def _all_complete(log: list[tuple[float, Any]], sent: float) -> bool:
    """Whether the item that was ended by hand is there, and every item is complete."""
    kinds = [event["type"] for _, event in log]
    last = any(wall >= sent and event["type"] in ("input_audio_buffer.committed", "error") for wall, event in log)
    completed = kinds.count("conversation.item.input_audio_transcription.completed")
    return last and completed == kinds.count("input_audio_buffer.committed")


def of_file(server: Server, path: str, recording: Recording) -> tuple[float, list[Row]]:
    """A recording as a file: the seconds that its answer takes, and its lines."""
    content = wav(recording.audio.tobytes())
    headers = {"Content-Type": "audio/wav"}
    if path.startswith("/v1/audio"):
        fields = b'--x\r\nContent-Disposition: form-data; name="response_format"\r\n\r\ndiarized_json\r\n'
        file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        content = fields + file + content + b"\r\n--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
    began = time.monotonic()
    asked = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", content, headers)
    with urllib.request.urlopen(asked, timeout=recording.seconds + PATIENCE) as answer:
        body = json.load(answer)
    return time.monotonic() - began, told.recording(body)


class Talk:
    """One connection."""

    def __init__(self, url: str, speed: float, is_json: bool = True) -> None:
        self._url = url
        self._speed = speed
        self._decode: Callable[[str], Any] = json.loads if is_json else str
        self._began = 0.0
        self._sent = float("inf")

    async def hold(
        self,
        pieces: Iterator[tuple[str | bytes, float]],
        last: str,
        over: Callable[[list[tuple[float, Any]], float], bool] = lambda log, sent: False,
    ) -> list[tuple[float, Any]]:
        """Send pieces, each with its seconds, as they are spoken, and then a last message.

        Gives what comes until the server closes the connection, or `over` says so of that and of when all was sent.
        """
        log: list[tuple[float, Any]] = []
        async with connect(self._url, max_size=None, compression=None) as connection:
            self._began = time.monotonic()
            sending = asyncio.create_task(self._send(connection, pieces, last))
            try:
                async for message in self._received(connection):
                    log.append((time.monotonic() - self._began, self._decode(message)))
                    if over(log, self._sent):
                        break
                await sending
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        return log

    async def _received(self, connection: ClientConnection) -> AsyncIterator[str]:
        while True:
            try:
                yield str(await asyncio.wait_for(connection.recv(), PATIENCE))
            except ConnectionClosed:
                return

    async def _send(self, connection: ClientConnection, pieces: Iterator[tuple[str | bytes, float]], last: str) -> None:
        spoken = 0.0
        for piece, seconds in pieces:
            spoken += seconds
            await asyncio.sleep(max(0.0, self._began + spoken / self._speed - time.monotonic()))
            await connection.send(piece)
        self._sent = time.monotonic() - self._began
        await connection.send(last)


def wav(audio: bytes) -> bytes:
    """16-bit samples at 16 kHz as a WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio)
    return held.getvalue()


def _append(audio: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()})


def _cut(audio: Any, length: int) -> Iterator[Any]:
    return (audio[start : start + length] for start in range(0, len(audio), length))


DOORS: dict[str, Door] = {
    "/ws/meetings (the page)": through_page,
    "/v1/listen": through_listen,
    "/v1/realtime": through_realtime,
    "/transcribe": through_transcribe,
}
FILES = ("/v1/listen?diarize=true&punctuate=true", "/v1/audio/transcriptions")
