"""A source that never gives up: it speaks at a pace, reconnects and resumes as the page does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Collection
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from meeting.core.messages import AudioFrame

RATE = 16_000
FRAME = RATE // 10 * 2
"""Bytes of a frame: 0.1 s of 16-bit samples"""


class Source:
    """Streams audio and behaves as the page does: keeps what is not acknowledged, reconnects, resumes."""

    def __init__(
        self,
        port: int,
        meeting: str,
        audio: bytes,
        speed: float = 1.0,
        kinds: Collection[str] | None = None,
        stops: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`kinds` are the types of messages that are remembered, all when None; `stops`: it ends the meeting as soon as
        everything is sent, otherwise once `may_stop` is set; `headers` are what a server asks for."""
        self.port = port
        self.meeting = meeting
        self.speed = speed
        self.frames = [audio[at : at + FRAME] for at in range(0, len(audio), FRAME)]
        self.acked = -1
        self.connections = 0
        self.messages: list[dict[str, Any]] = []
        self._kinds = kinds
        self.may_stop = asyncio.Event()
        if stops:
            self.may_stop.set()
        self._headers = headers
        self.ended = False
        self._resume: dict[str, str] | None = None
        self._began: float | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Messages of a type."""
        return [message for message in self.messages if message["type"] == kind]

    async def run(self) -> None:
        """Send everything and wait for the end, whatever happens in between."""
        attempt = 0
        while not self.ended:
            before = self.connections
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, EOFError, asyncio.TimeoutError):
                address = f"ws://127.0.0.1:{self.port}/ws/meetings/{self.meeting}"
                # The answer to a ping waits behind the audio of a source that is held back.
                async with connect(
                    address,
                    max_size=None,
                    compression=None,
                    open_timeout=5,
                    ping_timeout=None,
                    additional_headers=self._headers,
                ) as connection:
                    await self._converse(connection)
            attempt = 0 if self.connections > before else attempt + 1
            if not self.ended:
                await asyncio.sleep(min(1.0, 0.02 * 2**attempt) * random.uniform(0.5, 1))

    async def _converse(self, connection: ClientConnection) -> None:
        audio = {"encoding": "pcm_s16le", "sample_rate": RATE, "channels": 1}
        start = {"type": "start", "version": 1, "audio": audio, "source": {"name": "torture"}, "resume": self._resume}
        await connection.send(json.dumps(start))
        sending: asyncio.Task[None] | None = None
        try:
            async for text in connection:
                message = json.loads(text)
                if self._kinds is None or message["type"] in self._kinds:
                    self.messages.append(message)
                if message["type"] == "session":
                    self.connections += 1
                    self._resume = {"source_id": message["source_id"], "token": message["resume_token"]}
                    assert message["next_seq"] >= self.acked + 1, "the server lost frames that it had acknowledged"
                    sending = asyncio.create_task(self._send(connection, message["next_seq"]))
                elif message["type"] == "ack":
                    self.acked = max(self.acked, message["seq"])
                elif message["type"] == "ended":
                    self.ended = True
                elif message["type"] == "error":
                    assert not message["fatal"], message
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, connection: ClientConnection, first: int) -> None:
        self._began = time.monotonic() if self._began is None else self._began
        for seq in range(first, len(self.frames)):
            due = self._began + (seq + 1) * 0.1 / self.speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await connection.send(AudioFrame(seq, seq * 100_000, self.frames[seq]).encode())
        await self.may_stop.wait()
        await connection.send('{"type":"stop"}')
