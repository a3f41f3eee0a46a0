"""A source that plays a recording to a server at the pace of speech, and writes down all that comes back and when."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.latency import Delays, delays, texts_of
from benchmarks.harness.recordings import FRAME, Play
from meeting.core.errors import CloseCode
from meeting.core.messages import AudioFrame
from pipelines.types import SAMPLE_RATE, samples

STEP = FRAME / SAMPLE_RATE
"""Seconds of a frame"""
KEPT = ("segment", "stats", "error", "ended")
"""Messages that are written down"""


@dataclass
class Told:
    """What a server told one source."""

    play: Play
    seconds: float
    log: list[dict[str, Any]] = field(default_factory=list)
    """As `replay --events` writes it: `wall` seconds since the first sample was spoken, and the `event`"""
    began: float = 0.0
    """When that was, on the monotonic clock"""
    late: list[float] = field(default_factory=list)
    """Seconds by which each frame was sent after its last sample was spoken"""
    sent: float = 0.0
    """Seconds since the first sample at which all was sent"""
    ended: float | None = None
    """Seconds since the first sample at which all was stored; None when that never happened"""
    refused: str | None = None
    """What the server said when it took no further meeting"""
    problem: str | None = None
    """Why the connection ended early"""
    first_ack: float | None = None
    """When the first frame was acknowledged, on the monotonic clock"""

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All messages of a type."""
        return [row["event"] for row in self.log if row["event"]["type"] == kind]

    @property
    def live(self) -> bool:
        """Whether the meeting took place."""
        return self.refused is None and self.problem is None

    @property
    def lines(self) -> int:
        """Lines that became final, the pieces of a cut one counted together."""
        return len({event["id"].partition(".")[0] for event in self.events("segment") if event["final"]})

    @property
    def words(self) -> list[str]:
        """All final words, line by line."""
        last = {text.line: text for text in texts_of(self.log) if text.final}
        return [word for text in sorted(last.values(), key=lambda text: text.start) for word in text.words]

    def delays(self) -> Delays:
        """Against the reference."""
        return delays(self.play.words(self.seconds), texts_of(self.log))


class Listener:
    """One source; `speak` plays once."""

    def __init__(
        self,
        port: int,
        meeting: str,
        play: Play,
        seconds: float,
        speed: float | None = 1.0,
        beside: Listener | None = None,
        path: str = "",
    ) -> None:
        """`speed` None: as fast as the server reads; one that is `beside` another hears what that one hears by then;
        `path` is where the server is on that port."""
        self._address = f"ws://127.0.0.1:{port}{path}/ws/meetings/{meeting}"
        self._speed = speed
        self._beside = beside
        self.told = Told(play, seconds)

    async def speak(self) -> Told:
        """Play until the server has stored everything, or refuses."""
        told, sending = self.told, None
        try:
            async with connect(self._address, max_size=None, compression=None) as connection:
                audio = {"encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE, "channels": 1}
                source = {"name": told.play.recording.name[:200], "kind": "room"}
                await connection.send(json.dumps({"type": "start", "version": 1, "audio": audio, "source": source}))
                async for text in connection:
                    if self._take(json.loads(text)) and sending is None:
                        sending = asyncio.create_task(self._send(connection))
        except (OSError, ConnectionClosed) as error:
            code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
            if code == CloseCode.TOO_MANY and told.refused is None:
                told.refused = "too many"
            elif told.ended is None and told.refused is None:
                told.problem = told.problem or f"{type(error).__name__} {code or ''}".strip()
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        if told.ended is None and told.refused is None and told.problem is None:
            told.problem = "closed early"
        return told

    def _take(self, message: dict[str, Any]) -> bool:
        """Write a message down; true once audio may be sent."""
        told, now, kind = self.told, time.monotonic(), message["type"]
        if kind == "session":
            told.began = now
            if self._beside is not None:
                first = self._beside.told
                told.play = Play(first.play.recording, first.play.start + samples(now - first.began))
        elif kind == "ack" and told.first_ack is None:
            told.first_ack = now
        elif kind == "ended":
            told.ended = now - told.began
        elif kind == "error" and message["fatal"]:
            if message["code"] == "too_many":
                told.refused = message["message"]
            else:
                told.problem = message["code"]
        if kind in KEPT:
            told.log.append({"wall": now - told.began, "event": message})
        return bool(kind == "session")

    async def _send(self, connection: ClientConnection) -> None:
        told = self.told
        for seq in range(round(told.seconds / STEP)):
            if self._speed is not None:
                due = told.began + (seq + 1) * STEP / self._speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await connection.send(
                AudioFrame(seq, seq * FRAME * 1_000_000 // SAMPLE_RATE, told.play.frame(seq)).encode()
            )
            if self._speed is not None:
                told.late.append(time.monotonic() - due)
        told.sent = time.monotonic() - told.began
        await connection.send('{"type":"stop"}')
