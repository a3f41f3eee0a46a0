"""Between a socket and a meeting: everything in order, each end seen, one close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from meeting.compat.exchange import Action, Close, Feed, Finish, Tell, exchange, take_place
from meeting.compat.live_stream import StreamMessage
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended
from meeting.transport.connections import ConnectionLimits, ConnectionRegistry


class FakeSocket:
    """A socket whose client sends what it is given, and goes at None."""

    moments = 0
    """Turns of the loop that pass before it is seen that the client has gone"""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        data = await self.inbox.get()
        if data is None:
            for _ in range(self.moments):
                await asyncio.sleep(0)
            return {"type": "websocket.disconnect"}
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    async def send_text(self, text: str) -> None:
        await asyncio.sleep(0)
        self.sent.append(text)

    async def close(self, code: int, reason: str = "") -> None:
        self.sent.append((int(code), reason))


class FakeStream:
    """A meeting that tells what it is given."""

    close_code = CloseCode.NORMAL

    def __init__(self) -> None:
        self.told: asyncio.Queue[StreamMessage] = asyncio.Queue()
        self.fed = b""
        self.stopped = False

    async def send(self, data: bytes) -> None:
        self.fed += data

    def stop(self) -> None:
        self.stopped = True
        self.told.put_nowait(Ended(0))

    async def messages(self) -> AsyncGenerator[StreamMessage, None]:
        while True:
            message = await self.told.get()
            yield message
            if isinstance(message, Ended):
                return


class Parrot:
    """A protocol that tells what it gets."""

    def __init__(self) -> None:
        self.wake_at: float | None = None
        self.ticks = 0

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        if data == "wrong":
            raise ProtocolError("that is wrong", ErrorCode.BAD_MESSAGE)
        if data == "close":
            return [Tell("bye"), Close(4000, "so"), Tell("never")]
        if data == "later":
            self.wake_at = now + 0.05
            return []
        return [Feed(data)] if isinstance(data, bytes) else [Tell(data), Finish()]

    def fed(self, now: float) -> None:
        self.taken = now

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        return [Tell(message.type)]

    def tick(self, now: float) -> list[Action]:
        assert self.wake_at is not None
        assert now >= self.wake_at
        self.wake_at, self.ticks = None, self.ticks + 1
        return [Tell("tick")]

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        return [Tell(str(error)), Close(error.close, error.code)]


def held(*sent: str | bytes | None, first: tuple[Action, ...] = ()) -> tuple[FakeSocket, FakeStream]:
    """A socket and a meeting after all of that was sent."""

    async def run() -> tuple[FakeSocket, FakeStream]:
        socket, stream = FakeSocket(), FakeStream()
        for data in sent:
            socket.inbox.put_nowait(data)
        given: Any = (socket, stream)
        await asyncio.wait_for(exchange(*given, Parrot(), list(first)), 10)
        return socket, stream

    return asyncio.run(run())


def test_what_comes_is_fed_and_told_until_the_end_of_the_meeting() -> None:
    socket, stream = held(b"ab", b"cd", "stop", first=(Feed(b"first "),))
    assert stream.fed == b"first abcd"
    assert socket.sent == ["stop", "ended", (1000, "")]


def test_a_client_that_goes_ends_it() -> None:
    socket, stream = held(b"ab", None)
    assert (stream.fed, stream.stopped, socket.sent) == (b"ab", False, [])


def test_one_that_goes_at_the_moment_of_a_message_ends_it_whatever_is_due_later() -> None:
    async def run() -> None:
        for moments in range(12):
            translator, given = Parrot(), (FakeSocket(), FakeStream())
            translator.wake_at = time.monotonic() + 100
            given[0].moments = moments
            serving = asyncio.create_task(exchange(*given, translator, []))  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
            given[0].inbox.put_nowait(b"ab")
            given[0].inbox.put_nowait(None)
            await asyncio.wait_for(serving, 5)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_what_is_wrong_is_told_and_closes_once() -> None:
    socket, _ = held("wrong", "stop")
    assert socket.sent == ["that is wrong", (4400, "bad_message")]


def test_nothing_is_told_after_the_close() -> None:
    assert held("close")[0].sent == ["bye", (4000, "so")]


def test_what_is_due_is_done_at_its_time() -> None:
    async def run() -> None:
        socket, stream, translator = FakeSocket(), FakeStream(), Parrot()
        given: Any = (socket, stream)
        serving = asyncio.create_task(exchange(*given, translator, []))
        stream.told.put_nowait(Ack(0, 1.0))
        await asyncio.sleep(0.01)
        began = time.monotonic()
        socket.inbox.put_nowait("later")
        while "tick" not in socket.sent:
            await asyncio.sleep(0.005)
        assert time.monotonic() - began >= 0.045
        socket.inbox.put_nowait(None)
        await asyncio.wait_for(serving, 10)
        assert translator.ticks == 1
        assert socket.sent == ["ack", "tick"]

    asyncio.run(asyncio.wait_for(run(), 20))


def test_an_error_of_the_socket_comes_out() -> None:
    class Broken(FakeSocket):
        async def send_text(self, text: str) -> None:
            raise OSError("gone")

    async def run() -> None:
        given: Any = (Broken(), FakeStream())
        given[0].inbox.put_nowait("stop")
        with pytest.raises(OSError, match="gone"):
            await asyncio.wait_for(exchange(*given, Parrot(), []), 10)

    asyncio.run(run())


def test_a_client_that_was_let_in_may_send_audio_unless_there_is_no_place() -> None:
    registry = ConnectionRegistry(ConnectionLimits(1, 1, 3), lambda: 0.0)
    connection = registry.open("203.0.113.5")
    assert connection is not None
    socket: Any = SimpleNamespace(scope={"state": {"connection": connection}})
    authenticator: Any = SimpleNamespace(required=False)
    take_place(socket, authenticator)
    assert connection.sends_audio
    registry.total = 0
    other: Any = SimpleNamespace(scope={"state": {"connection": connection}})
    with pytest.raises(ProtocolError) as refused:
        take_place(other, authenticator)
    assert refused.value.close == CloseCode.TOO_MANY
    take_place(SimpleNamespace(scope={}), authenticator)  # type: ignore[arg-type]
