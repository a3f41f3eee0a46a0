"""Between a socket and a meeting: a translator says what is to be done, and this does it, one thing after another.

The translators are plain objects without socket or clock, one for each protocol. This part is dull: it waits for the
client, for the meeting and for the translator's own time, hands over what came, and carries out what comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from starlette.websockets import WebSocket

from meeting.compat.live_stream import LiveStream, StreamMessage
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.server.security.auth import Authenticator
from meeting.transport.connections import connection_of

NO_ROOM = "the server has as many connections as it can take: try again later"

FEEDING_SECONDS = 0.05
"""Seconds between two looks at what is due while the meeting cannot take more audio"""


@dataclass(frozen=True, slots=True)
class Feed:
    """Audio for the meeting."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finish:
    """No audio will come: end the meeting with what there is."""


@dataclass(frozen=True, slots=True)
class Tell:
    """A text frame for the client."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the connection; what comes after it is not done."""

    code: int = CloseCode.NORMAL
    reason: str = ""


Action = Feed | Finish | Tell | Close


class Translator(Protocol):
    """One client's protocol; times are seconds on any steady clock."""

    @property
    def wake_at(self) -> float | None:
        """When `tick` is due; None when nothing is waited for."""

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        """What a message of the client asks for; raises ProtocolError where it makes no sense."""

    def fed(self, now: float) -> None:
        """Audio was taken, for which the client may have had to wait."""

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        """What the client is told of a message; after the last one the connection is closed."""

    def tick(self, now: float) -> list[Action]:
        """What is due by now."""

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        """What the client is told of an error of its own."""


def take_place(socket: WebSocket, authenticator: Authenticator) -> None:
    """Count a client that was let in among those that send audio; raises ProtocolError where there is no place."""
    connection = connection_of(socket.scope)
    if connection is None:
        return
    # Without tokens nobody can be told apart, and nobody has a place kept: as on the meetings' own socket.
    if not connection.admit(authenticator.required):
        raise ProtocolError(NO_ROOM, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
    connection.sends_audio = True


async def received(socket: WebSocket) -> AsyncGenerator[str | bytes, None]:
    """What a client sends, until it goes."""
    while (message := await socket.receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        yield text if text is not None else data or b""


async def tell(socket: WebSocket, actions: list[Action]) -> None:
    """Carry out what can be done without a meeting."""
    for action in actions:
        if isinstance(action, Tell):
            await socket.send_text(action.text)
        elif isinstance(action, Close):
            await socket.close(action.code, action.reason)


async def exchange(socket: WebSocket, stream: LiveStream, translator: Translator, first: list[Action]) -> None:
    """Serve a client until the meeting's end is told, or it goes; `first` is what there is to do already."""
    driver = _Driver(socket, stream, translator)
    tasks = [
        asyncio.create_task(work) for work in (driver.read(first), driver.write(), driver.keep_time(), driver.over())
    ]
    try:
        # A client that has gone ends it, and so does the end of the meeting; the clock alone never does.
        await asyncio.wait({tasks[0], tasks[1], tasks[3]}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


class _Driver:
    """Carries out what a translator says."""

    def __init__(self, socket: WebSocket, stream: LiveStream, translator: Translator) -> None:
        self._socket = socket
        self._stream = stream
        self._translator = translator
        self._sending = asyncio.Lock()
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed = asyncio.Event()
        self._feeding = False
        """Whether the client waits, and not we for the client"""

    async def over(self) -> None:
        """Wait until the connection has been closed from here."""
        await self._closed.wait()

    async def read(self, first: list[Action]) -> None:
        """Take what the client sends, until it goes."""
        await self._do(first)
        async for data in received(self._socket):
            now = time.monotonic()
            try:
                actions = self._translator.from_client(data, now)
            except ProtocolError as error:
                actions = self._translator.failed(error, now)
            await self._do(actions)

    async def write(self) -> None:
        """Tell what the meeting tells, until its end."""
        async with contextlib.aclosing(self._stream.messages()) as messages:
            async for message in messages:
                await self._do(self._translator.from_meeting(message, time.monotonic()))
        await self._do([Close(self._stream.close_code)])

    async def keep_time(self) -> None:
        """Have done what is due."""
        while True:
            due, self._moved = self._translator.wake_at, asyncio.get_running_loop().create_future()
            timeout = None if due is None else max(FEEDING_SECONDS if self._feeding else 0.0, due - time.monotonic())
            # Not `wait_for`, which before Python 3.12 may lose that this was cancelled.
            moved, _ = await asyncio.wait([self._moved], timeout=timeout)
            if moved:
                continue
            if self._feeding:
                self._translator.fed(time.monotonic())
            await self._do(self._translator.tick(time.monotonic()))

    async def _do(self, actions: list[Action]) -> None:
        if not self._moved.done():
            self._moved.set_result(None)
        for action in actions:
            if self._closed.is_set():
                return
            match action:
                case Feed(data):
                    self._feeding = True
                    await self._stream.send(data)
                    self._feeding = False
                    self._translator.fed(time.monotonic())
                case Finish():
                    self._stream.stop()
                case Tell(text):
                    async with self._sending:
                        await self._socket.send_text(text)
                case Close(code, reason):
                    async with self._sending:
                        if not self._closed.is_set():
                            self._closed.set()
                            await self._socket.close(code, reason)
