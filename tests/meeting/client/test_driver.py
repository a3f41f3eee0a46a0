"""Connections made, lost and made again, against a server that says what the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from meeting.client import driver
from meeting.client.addresses import ServerAddress
from meeting.client.driver import Driver, Endpoint
from meeting.client.errors import ClientError, RequestRefused, ServerUnreachable
from meeting.client.events import Event
from meeting.client.protocols import SourceProtocol, ViewerProtocol
from meeting.core.messages import FRAME_HEADER, AudioInfo, Start
from tests.meeting.client.sockets import SNAPSHOT, error, say, scripted, segment, session

ENDED = {"type": "ended", "segments": 0}


def to(url: str, token: str | None = None) -> Endpoint:
    return Endpoint(ServerAddress.parse(url, token), "m")


async def followed(url: str, token: str | None = None, give_up_after: float | None = 20.0) -> list[Event]:
    """All events of a viewer."""
    driven, events = Driver(to(url, token), ViewerProtocol(), give_up_after), []
    driven.start()
    try:
        while (event := await asyncio.wait_for(driven.events.get(), 20)) is not None:
            events.append(event)
    finally:
        await driven.close()
    return events


async def leave(socket: ServerConnection) -> None:
    await say(socket, SNAPSHOT, segment())
    socket.transport.abort()


async def end(socket: ServerConnection) -> None:
    await say(socket, SNAPSHOT, segment(), ENDED)
    await socket.close(1000, "ended")


def test_a_viewer_comes_back_until_the_meeting_has_ended() -> None:
    async def run() -> list[str]:
        async with scripted(leave, leave, end) as url:
            return [event.type for event in await followed(url)]

    cut_off = ["snapshot", "segment", "disconnected"]
    assert asyncio.run(run()) == [*cut_off, *cut_off, "snapshot", "segment", "ended"]


def test_what_ends_it_comes_behind_what_was_told_before() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await say(socket, error("too_many", "this meeting is full"))
        await socket.close(4429, "too_many")

    async def run() -> None:
        async with scripted(leave, refuse) as url:
            driven = Driver(to(url), ViewerProtocol(), 5.0)
            driven.start()
            seen = [await driven.events.get() for _ in range(4)]
            assert [event.type for event in seen if event is not None][-1] == "error"
            await driven.close()
        async with scripted(refuse) as url:
            with pytest.raises(RequestRefused, match="this meeting is full"):
                await followed(url)

    # Who was let in before comes back to a full meeting, since it passes; a new one is told.
    asyncio.run(run())


def test_a_server_that_does_not_speak_the_protocol_ends_it() -> None:
    async def chat(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    async def run() -> None:
        async with scripted(chat) as url:
            with pytest.raises(ClientError, match="does not speak this protocol"):
                await followed(url)

    asyncio.run(run())


def test_a_server_that_stays_away_is_given_up() -> None:
    async def run() -> None:
        async with scripted(leave) as url:
            driven = Driver(to(url), ViewerProtocol(), 0.5)
            driven.start()
            while (event := await driven.events.get()) is not None and event.type != "disconnected":
                pass
        await asyncio.wait_for(driven.finished(), 20)
        assert isinstance(driven.error, ServerUnreachable)
        assert "has not answered for 0.5 seconds" in str(driven.error)

    asyncio.run(run())


def test_the_token_goes_to_the_server_and_to_no_other() -> None:
    seen: list[str | None] = []

    def note(request: Request) -> Response | None:
        seen.append(request.headers.get("Authorization"))
        return None

    async def run() -> None:
        async with scripted(end, respond=note) as url:
            await followed(url, "the-token")
            away = f"{url.replace('http', 'ws')}/ws/meetings/m"
            moved = Response(302, "Found", Headers({"Location": away, "Content-Length": "0"}))
            async with scripted(end, respond=lambda _: moved) as elsewhere:
                with pytest.raises(ClientError):
                    await followed(elsewhere, "another-token")

    asyncio.run(run())
    assert seen == ["Bearer the-token"]


def test_frames_without_an_answer_are_sent_again_over_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SILENCE", 0.3)
    got: list[list[int]] = [[], []]

    async def start(socket: ServerConnection) -> None:
        await say(socket, SNAPSHOT)
        assert json.loads(await socket.recv())["type"] == "start"
        await say(socket, session())

    async def dead(socket: ServerConnection) -> None:
        await start(socket)
        async for data in socket:
            if isinstance(data, bytes):
                got[0].append(FRAME_HEADER.unpack_from(data)[0])
            if len(got[0]) == 3:
                break
        with suppress(ConnectionClosed):
            while True:  # that the connection works is no answer
                await say(socket, {"type": "alive", "every": 0.1})
                await asyncio.sleep(0.1)

    async def alive(socket: ServerConnection) -> None:
        await start(socket)
        async for data in socket:
            if not isinstance(data, bytes):
                await say(socket, ENDED)
                return
            got[1].append(FRAME_HEADER.unpack_from(data)[0])
            await say(socket, {"type": "ack", "seq": got[1][-1], "audio": 0.1})

    async def run() -> None:
        async with scripted(dead, alive) as url:
            protocol = SourceProtocol(Start(1, AudioInfo()), 1 << 20)
            for _ in range(3):
                protocol.append(bytes(100))
            protocol.stop()
            driven = Driver(to(url), protocol, 20.0)
            driven.start()
            await asyncio.wait_for(driven.finished(), 20)
            assert driven.error is None

    asyncio.run(run())
    assert got == [[0, 1, 2], [0, 1, 2]]


@asynccontextmanager
async def cable(url: str, frozen: asyncio.Event) -> AsyncIterator[str]:
    """A way to a server that carries nothing back once it is frozen, for the connections that it has then."""
    port = int(url.rpartition(":")[2])
    open_now: list[asyncio.StreamWriter] = []

    async def carry(here: asyncio.StreamReader, there: asyncio.StreamWriter, back: bool) -> None:
        with suppress(OSError):
            while data := await here.read(65_536):
                if not (back and frozen.is_set()):
                    there.write(data)
        there.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        open_now.extend((writer, far_writer))
        await asyncio.gather(carry(reader, far_writer, False), carry(far_reader, writer, True))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in open_now:
            writer.close()
        for writer in open_now:
            with suppress(OSError):
                await writer.wait_closed()


def test_a_viewer_notices_a_server_that_is_silently_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "QUIET", 0.3)
    monkeypatch.setattr(driver, "SILENCE", 0.3)
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.05)

    async def quiet(socket: ServerConnection) -> None:
        await say(socket, SNAPSHOT)
        await socket.wait_closed()

    async def run() -> list[str]:
        frozen, kinds = asyncio.Event(), []
        async with scripted(quiet, end) as url, cable(url, frozen) as way:
            driven = Driver(to(way), ViewerProtocol(), 20.0)
            driven.start()
            await driven.events.get()
            await asyncio.sleep(1.0)  # a server that answers pings is no dead one
            assert not driven.done
            frozen.set()
            while (event := await asyncio.wait_for(driven.events.get(), 20)) is not None:
                kinds.append(event.type)
                frozen.clear()
                if event.type == "ended":
                    break
            await driven.close()
        return kinds

    assert asyncio.run(run()) == ["disconnected", "snapshot", "segment", "ended"]


def test_a_fault_of_our_own_reaches_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with scripted(end) as url:
            monkeypatch.setattr(driver, "parse_event", lambda text: 1 / 0)
            driven = Driver(to(url), ViewerProtocol(), 1.0)
            driven.start()
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(driven.events.get(), 20)
            assert driven._task is not None
            assert isinstance(driven._task.exception(), ZeroDivisionError)

    asyncio.run(run())


def test_who_is_sent_to_another_server_goes_there_at_once_and_comes_back_when_that_one_is_gone() -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.path)

    async def run() -> list[str]:
        async def send_on(socket: ServerConnection) -> None:
            await say(socket, {"type": "moved", "address": f"{address}/servers/b", "wait": 0.0})
            await socket.close(1013, "elsewhere")

        async with scripted(send_on, leave, end, respond=note) as address:
            return [event.type for event in await followed(address, token="secret")]

    assert asyncio.run(run()) == ["disconnected", "snapshot", "segment", "disconnected", "snapshot", "segment", "ended"]
    assert asked == ["/ws/meetings/m", "/servers/b/ws/meetings/m", "/ws/meetings/m"]


def test_who_is_asked_to_come_back_in_a_moment_waits_for_it_and_is_sent_on_no_further_than_once() -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.path)

    async def run() -> list[Event]:
        async def send_on(socket: ServerConnection) -> None:
            await say(socket, {"type": "moved", "address": f"{address}/servers/b", "wait": 0.0})
            await socket.close(1013, "elsewhere")

        async def in_a_moment(socket: ServerConnection) -> None:
            await say(socket, {"type": "moved", "address": None, "wait": 0.05})
            await socket.close(1013, "moving")

        async with scripted(send_on, send_on, in_a_moment, end, respond=note) as address:
            return [event for event in await followed(address) if event.type == "disconnected"]

    waits = [event.retry_in for event in asyncio.run(run())]  # type: ignore[union-attr]
    assert asked == ["/ws/meetings/m", "/servers/b/ws/meetings/m", "/ws/meetings/m", "/ws/meetings/m"]
    assert waits[0] == 0.0
    assert all(0.0 < wait <= driver.MOVING_WAIT for wait in waits[1:])


def test_nobody_shows_its_token_to_another_host_that_a_server_names() -> None:
    async def run() -> None:
        async def send_on(socket: ServerConnection) -> None:
            await say(socket, {"type": "moved", "address": "http://example.invalid", "wait": 0.0})
            await socket.close(1013, "elsewhere")

        async with scripted(send_on, end) as url:
            assert [event.type for event in await followed(url, token="secret")][-1] == "ended"

    asyncio.run(run())
