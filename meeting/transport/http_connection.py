"""HTTP connections: read a little at a time, with limits on headers, bodies and answers that are not read."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from meeting.transport.connections import (
    BODY_RATE,
    BODY_SECONDS,
    CLOSING_SECONDS,
    HEADER_SECONDS,
    SLOW_SECONDS,
    STUCK_SECONDS,
    Connection,
    WriteProgress,
    abort_with_reset,
)
from meeting.transport.uvicorn_parts import Config, H11Protocol, LocalProtocolError, ServerState

READ_BYTES = 1 << 14
"""Bytes read at once: what a client pipelines behind a request waits in memory"""
HIGH_WATER = 1 << 14
"""Bytes of an answer that wait for the client before the app is held back"""
PROMPT_BODY_SECONDS = 1.0
"""Seconds that a body may take before it counts as slow"""
PROMPT_BODY_RATE = 16_000.0
"""Bytes of it for which it may take one second more"""


class HttpConnection(H11Protocol, asyncio.BufferedProtocol):
    """One HTTP connection, which may become a websocket."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], connection: Connection
    ) -> None:
        """As the class above; the app finds `connection` in the state of each scope."""
        super().__init__(config, server_state, {**app_state, "connection": connection})
        made: Any = config.ws_protocol_class
        self.ws_protocol_class = partial(made, connection=connection)  # type: ignore[assignment]
        self._connection = connection
        self._progress = WriteProgress(self.loop.time())
        self._request: object = None
        """The request whose body is counted"""
        self._request_began = 0.0
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to serve the connection."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._connection.handler = self

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        self._connection.closed()

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer to read into."""
        return self._connection.buffer[:READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Handle what was read."""
        self._body_bytes += nbytes
        self.data_received(bytes(self._connection.buffer[:nbytes]))

    def handle_events(self) -> None:
        """Handle what is complete by now; a complete request makes the connection busy."""
        super().handle_events()
        if self._responding and self.cycle is not self._request:
            self._request, self._request_began, self._body_bytes = self.cycle, self.loop.time(), 0
        if self._connection.handler is self:
            self._update_turn(self.loop.time())

    def on_response_complete(self) -> None:
        """Go on after an answer, with the next request if it is there already."""
        self._connection.mark_waiting()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with 400; in the middle of another answer, close."""
        if self._responding:
            self.cycle.disconnected = True  # what the app still has to say comes after the end
            self.cycle.message_event.set()
        try:
            super().send_400_response(msg)
        except LocalProtocolError:
            self.drop()

    def drop(self) -> None:
        """Close at once; an answer that is wholly written still reaches a client that reads it."""
        if self._responding or self.transport.get_write_buffer_size():
            abort_with_reset(self.transport)
        else:
            self.transport.abort()

    def overdue_reason(self, now: float) -> str | None:
        """Why it must be closed, or None."""
        if self.transport.is_closing():
            return "the rest of it is not taken" if self._progress.seconds_closing(now) > CLOSING_SECONDS else None
        if self._seconds_stuck(now) > STUCK_SECONDS:
            return "an answer is not taken"
        if self._awaits_body and now - self._request_began > BODY_SECONDS + self._body_bytes / BODY_RATE:
            return "a body comes too slowly"
        if not self._responding and now - self._connection.waiting_since > HEADER_SECONDS:
            return "no whole request came"
        self._update_turn(now)
        return None

    @property
    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _awaits_body(self) -> bool:
        """Whether the rest of a request's body has yet to come."""
        return self._responding and self.cycle.more_body and not self.flow.read_paused

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._progress.note_taken(self.loop.time())

    def _seconds_stuck(self, now: float) -> float:
        return self._progress.seconds_stuck(self.transport.get_write_buffer_size(), now)

    def _update_turn(self, now: float) -> None:
        slow = (
            self._awaits_body and now - self._request_began > PROMPT_BODY_SECONDS + self._body_bytes / PROMPT_BODY_RATE
        )
        if not self._responding or slow or self._seconds_stuck(now) > SLOW_SECONDS:
            self._connection.mark_waiting()
        else:
            self._connection.mark_busy()
