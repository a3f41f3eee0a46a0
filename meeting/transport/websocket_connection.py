"""WebSocket connections: backpressure in both directions, and a keepalive that allows for it."""

from __future__ import annotations

import asyncio
from typing import Any

from meeting.core.errors import CloseCode
from meeting.core.messages import MAX_TEXT
from meeting.core.rate_limit import RateLimiter
from meeting.transport.connections import (
    ADMISSION_SECONDS,
    CLOSING_SECONDS,
    SLOW_SECONDS,
    STUCK_SECONDS,
    Connection,
    WriteProgress,
    abort_with_reset,
)
from meeting.transport.uvicorn_parts import WebSocketsSansIOProtocol

PING_INTERVAL = 20.0
"""Seconds between two pings"""
PING_TIMEOUT = 20.0
"""Seconds of silence after an unanswered ping that end a connection"""
READ_BYTES = 1 << 10
"""Bytes read at once from a client that is no source: as many of them may be messages that wait in memory"""
MAX_UNFINISHED = MAX_TEXT + 4096
"""Bytes of such a client's incomplete message; more than `MAX_TEXT`, so that we and not the library refuse it"""
HIGH_WATER = 1 << 16
"""Bytes that wait for the client before the app is held back, and reading stops"""
CONTROL_RATE = 100.0
"""Pings, pongs and parts of messages that are read in a second; a burst of four seconds' worth is not delayed"""


class WebSocketConnection(WebSocketsSansIOProtocol, asyncio.BufferedProtocol):
    """A client counts as dead only when it is silent while it is being read; it is read only as far as it reads.

    While audio comes faster than it can be taken the socket is not read, and the answer to a ping waits behind the
    audio. Nor is it read while what is written to it is not taken: each ping would add to that.
    """

    def __init__(self, *args: Any, connection: Connection, **options: Any) -> None:
        """As the class above."""
        super().__init__(*args, **options)
        self._connection = connection
        self._last_received = 0.0
        self._paused = False
        """Whether reading is paused, for whatever reason"""
        self._progress = WriteProgress(self.loop.time())
        self._control_rate = RateLimiter(CONTROL_RATE)
        self._delay = 0.0
        self._rate_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take over the connection from HTTP."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._connection.handler = self

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        if self._rate_timer is not None:
            self._rate_timer.cancel()
        self._connection.closed()

    # Reading

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer to read into."""
        return self._connection.buffer if self._connection.sends_audio else self._connection.buffer[:READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Handle what was read."""
        self.data_received(bytes(self._connection.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Handle bytes of the client."""
        self._last_received = self.loop.time()
        super().data_received(data)
        unfinished = len(self.conn.reader.buffer) + sum(map(len, self.frames))
        if unfinished > MAX_UNFINISHED and not self._connection.sends_audio and not self.close_sent:
            self.conn.fail(
                CloseCode.MESSAGE_TOO_BIG, f"a message has at most {MAX_UNFINISHED} bytes, but for audio after start"
            )
            self.handle_parser_exception()
        if self._delay > 0 and self._rate_timer is None:
            self._rate_timer = self.loop.call_later(self._delay, self._rate_allows)
        self._update_reading()

    def handle_parser_exception(self) -> None:
        """Close a connection whose client breaks the protocol, and tell why, once the handshake is answered."""
        if self.conn.close_sent is None:  # before that nothing can be told, and uvicorn takes it for granted
            self.transport.abort()
            return
        super().handle_parser_exception()

    def handle_ping(self) -> None:
        """Answer a ping."""
        self._count_control_frame()
        super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        """Note the answer to a ping."""
        self._count_control_frame()
        super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        """Append a part of a message; joined at once, since thousands of tiny parts would cost far more memory."""
        self._count_control_frame()
        parts: list[Any] = self.frames
        whole = parts[0] if isinstance(parts[0], bytearray) else bytearray(parts[0])
        whole += event.data
        parts[:] = [bytes(whole)] if event.fin else [whole]
        if event.fin:
            self.send_receive_event_to_app()

    async def receive(self) -> Any:
        """Give the app the next message."""
        message = await super().receive()
        self._update_reading()
        return message

    def _count_control_frame(self) -> None:
        self._delay = self._control_rate.delay(1, self.loop.time())

    def _rate_allows(self) -> None:
        self._rate_timer, self._delay = None, 0.0
        self._update_reading()

    def _update_reading(self) -> None:
        """Pause or resume reading; time in which reading was paused does not count as silence of the client."""
        paused = self.read_paused or not self.writable.is_set() or self._rate_timer is not None
        if paused:
            self.transport.pause_reading()
        else:
            if self._paused:
                self._last_received = self.loop.time()
            self.transport.resume_reading()
        self._paused = paused

    # Writing

    def pause_writing(self) -> None:
        """The client does not read what is written."""
        super().pause_writing()
        self._update_reading()

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._progress.note_taken(self.loop.time())
        self._update_reading()

    async def send(self, message: Any) -> None:
        """Send a message of the app; a client that was not let in counts as waiting after the last one."""
        if message["type"] == "websocket.close":
            self.writable.set()  # a few bytes, and the last: a client that reads again must find out why it is let go
        try:
            await super().send(message)
        finally:
            self._update_reading()
            if self.close_sent:
                # uvicorn forgets it behind a refusal with a body, and then logs an error as if nothing had been said
                self.handshake_complete = True
                if not self._connection.admitted:
                    self._connection.mark_waiting()

    # Ending

    def keepalive_timeout(self) -> None:
        """Close the connection, unless the answer may still be on its way."""
        assert self.ping_timeout is not None
        patience = self.ping_timeout
        if not self._paused:
            patience += self._last_received - self.loop.time()
        if patience > 0:
            self.pong_timer = self.loop.call_later(patience, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def drop(self) -> None:
        """Close at once."""
        abort_with_reset(self.transport)

    def overdue_reason(self, now: float) -> str | None:
        """Why it must be closed, or None."""
        if self.transport.is_closing():
            return "the rest of it is not taken" if self._progress.seconds_closing(now) > CLOSING_SECONDS else None
        stuck = self._progress.seconds_stuck(self.transport.get_write_buffer_size(), now)
        if stuck > STUCK_SECONDS:
            return "what was sent is not taken"
        if not self._connection.admitted:
            return "nobody was let in" if now - self._connection.opened > ADMISSION_SECONDS else None
        # Who was let in has the time of the closing handshake for the last of what was sent, though many end at once.
        if stuck > SLOW_SECONDS:
            self._connection.mark_waiting()
        else:
            self._connection.mark_busy()
        return None
