"""Connections to one meeting, one after the other, and what goes over them: asks the protocol and does as it says."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from meeting.client.addresses import ServerAddress
from meeting.client.backoff import Backoff
from meeting.client.errors import ClientError, ServerUnreachable, explained
from meeting.client.event_queue import EventQueue
from meeting.client.events import Disconnected, parse_event
from meeting.client.protocols import ClientProtocol, Loss
from meeting.core.messages import Ack, AliveMessage, AudioFrame, MovedMessage, encode

OPEN_TIMEOUT = 20.0
"""Seconds that a connection may take to be made"""
CLOSE_TIMEOUT = 1.0
"""Seconds that a server has to say goodbye"""
SILENCE = 15.0
"""Seconds without an answer to frames, or to a ping, after which a connection counts as dead"""
QUIET = 30.0
"""Seconds without a message, while nothing is sent either, after which a ping asks whether the server is there"""
MOVING_WAIT = 2.0
"""Seconds that a client waits at most which was asked to come back in a moment"""
LOOK_SECONDS = 0.5
"""Between two looks at how long nothing came"""
MAX_MESSAGE = 64 << 20
"""Bytes of a message from the server; more ends the connection"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which meeting of which server, and how it is reached."""

    address: ServerAddress
    meeting_id: str
    ssl: ssl.SSLContext | None = None


class _ConnectHereOnly(connect):
    """Follows no redirect: the token is for the server that it was given for."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Driver:
    """Keeps one client of a meeting connected; what comes goes to its queue of events."""

    def __init__(self, endpoint: Endpoint, protocol: ClientProtocol, give_up_after: float | None) -> None:
        """`give_up_after`: seconds without a connection after which the client's meeting is given up; None: never."""
        self.events = EventQueue()
        self._endpoint = endpoint
        self._protocol = protocol
        self._give_up_after = give_up_after
        self._backoff = Backoff(give_up_after)
        self._moved: MovedMessage | None = None
        """Where the meeting is, as the server of the last connection has said"""
        self._at: ServerAddress | None = None
        """The server that it was sent to, for one connection"""
        self._work = asyncio.Event()
        self._changed = asyncio.Event()
        self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self.error: ClientError | None = None
        """Why it has ended, unless the meeting has"""

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run())

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return self._over

    def wake(self) -> None:
        """There is something to send."""
        self._work.set()

    async def changed(self) -> None:
        """Wait until something has come, or all is over."""
        if not self.done:
            self._changed.clear()
            await self._changed.wait()

    async def finished(self) -> None:
        """Wait until all is over."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """End the connection, whatever is still to be done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while (loss := await self._connection()) and not self._protocol.over:
                error = self._protocol.lost(loss)
                if error is not None:
                    raise error
                await self._wait_for_next_try(loss)
            self.events.close()
        except ClientError as error:
            self.error = error
            self.events.close(error)
        except Exception as error:
            self.events.close(error)
            raise
        finally:
            self._over = True
            self.events.close()
            self._changed.set()

    async def _wait_for_next_try(self, loss: Loss) -> None:
        wait = self._backoff.next_wait(asyncio.get_running_loop().time())
        moved, self._moved, sent_on = self._moved, None, self._at
        self._at = None if moved is None or sent_on is not None else self._endpoint.address.moved_to(moved.address)
        if wait is not None and moved is not None:
            # Sent on once at once; whoever is sent away from there as well waits as after any other loss.
            wait = 0.0 if self._at is not None else max(moved.wait, min(wait, MOVING_WAIT))
        why = loss.reason or f"closed ({loss.close or loss.status})"
        if wait is None:
            raise ServerUnreachable(f"the server has not answered for {self._give_up_after:g} seconds: {why}")
        self.events.put(Disconnected(why, round(wait, 3)))
        self._changed.set()
        await asyncio.sleep(wait)

    async def _connection(self) -> Loss:
        endpoint, address = self._endpoint, self._at or self._endpoint.address
        url = address.socket_url(endpoint.meeting_id)
        try:
            # Pings at a fixed pace would wait behind the audio, and a late answer is no sign of a dead server.
            async with _ConnectHereOnly(
                url,
                additional_headers=address.headers,
                max_size=MAX_MESSAGE,
                compression=None,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=None,
                ssl=(endpoint.ssl or True) if url.startswith("wss:") else None,
            ) as socket:
                return await self._converse(socket)
        except InvalidStatus as error:
            return Loss(status=error.response.status_code)
        except (InvalidHandshake, InvalidURI, WebSocketException) as error:
            return Loss(reason=f"no meeting server answers at {address.base}: {type(error).__name__}")
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            return Loss(reason=f"{address.base} cannot be reached: {explained(error)}")

    async def _converse(self, socket: ClientConnection) -> Loss:
        self._heard_at = asyncio.get_running_loop().time()
        for message in self._protocol.opened():
            try:
                await socket.send(encode(message))
            except ConnectionClosed:
                break  # reading tells why
        reading = asyncio.create_task(self._read(socket))
        tasks = {reading, asyncio.create_task(self._send(socket)), asyncio.create_task(self._watch(socket))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return Loss(1006, reason="the server fell silent") if reading.cancelled() else reading.result()

    async def _read(self, socket: ClientConnection) -> Loss:
        try:
            async for text in socket:
                event = parse_event(text)
                if isinstance(event, AliveMessage):
                    continue  # it is no answer to what was sent, and without that a ping tells the same
                self._heard_at = asyncio.get_running_loop().time()
                if event is None:
                    continue
                if isinstance(event, MovedMessage):
                    self._moved = event
                    continue
                self._protocol.take(event)
                if event.type in ("session", "snapshot"):
                    self._backoff.connected(self._heard_at)
                if not isinstance(event, Ack):
                    self.events.put(event)
                self._work.set()
                self._changed.set()
                if self._protocol.over:
                    break
        except ConnectionClosed:
            pass
        return Loss(socket.close_code or 1006, reason=socket.close_reason or "")

    async def _send(self, socket: ClientConnection) -> None:
        try:
            while True:
                item = self._protocol.next_to_send()
                if item is None:
                    self._work.clear()
                    await self._work.wait()
                else:
                    await socket.send(item.encode() if isinstance(item, AudioFrame) else encode(item))
        except ConnectionClosed:
            await asyncio.Event().wait()  # reading tells why

    async def _watch(self, socket: ClientConnection) -> None:
        """Returns once the server owes an answer and has said nothing for too long, or does not even answer a ping."""
        clock = asyncio.get_running_loop().time
        waiting_since = clock()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._protocol.expects_answer:
                if clock() - max(waiting_since, self._heard_at) >= SILENCE:
                    return
                continue
            waiting_since = clock()
            if clock() - self._heard_at >= QUIET and not await self._answers_ping(socket):
                return

    async def _answers_ping(self, socket: ClientConnection) -> bool:
        # Nothing is on its way, so that the answer has no audio to wait behind.
        try:
            await asyncio.wait_for(await socket.ping(), SILENCE)
        except asyncio.TimeoutError:
            return self._protocol.expects_answer  # what was sent meanwhile may be before it
        except ConnectionClosed:
            await asyncio.Event().wait()  # reading tells why
        self._heard_at = asyncio.get_running_loop().time()
        return True
