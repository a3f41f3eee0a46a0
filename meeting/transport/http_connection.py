"""The HTTP protocol of our server: reads little at a time, and says whose turn it is."""

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
    Peer,
    Progress,
    reset,
)
from meeting.transport.uvicorn_parts import Config, H11Protocol, LocalProtocolError, ServerState

CHUNK = 1 << 14
"""Bytes read at once: what follows a request that is being answered waits in memory"""
HIGH_WATER = 1 << 14
"""Bytes of an answer that wait for the client before the rest of it is not made yet"""
PROMPT = 1.0
"""Seconds that a body may take before it counts as slow"""
PROMPT_RATE = 16_000.0
"""Bytes of it for which it may take one second more"""


class HttpConnection(H11Protocol, asyncio.BufferedProtocol):
    """One HTTP connection, which may become a websocket."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], peer: Peer) -> None:
        """As the class above; the app finds `peer` in the state of each scope."""
        super().__init__(config, server_state, {**app_state, "peer": peer})
        made: Any = config.ws_protocol_class
        self.ws_protocol_class = partial(made, peer=peer)  # type: ignore[assignment]
        self._peer = peer
        self._progress = Progress(self.loop.time())
        self._asked_by: object = None
        """The request whose body is counted"""
        self._asked_at = 0.0
        self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._peer.connection = self

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._peer.closed()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._peer.buffer[:CHUNK]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._body += nbytes
        self.data_received(bytes(self._peer.buffer[:nbytes]))

    def handle_events(self) -> None:
        """Take what is whole by now; a request of it makes it the server's turn."""
        super().handle_events()
        if self._answering and self.cycle is not self._asked_by:
            self._asked_by, self._asked_at, self._body = self.cycle, self.loop.time(), 0
        if self._peer.connection is self:
            self._tell_turn(self.loop.time())

    def on_response_complete(self) -> None:
        """Go on after an answer: with the next request, if it is there already."""
        self._peer.wait()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; in the middle of another answer there is no way to say so."""
        if self._answering:
            self.cycle.disconnected = True  # what the app still has to say comes after the end
            self.cycle.message_event.set()
        try:
            super().send_400_response(msg)
        except LocalProtocolError:
            self.drop()

    def drop(self) -> None:
        """End at once; what the system holds of an answer that is out of our hands still reaches who takes it."""
        if self._answering or self.transport.get_write_buffer_size():
            reset(self.transport)
        else:
            self.transport.abort()

    def overdue(self, now: float) -> str | None:
        """Why it must end, if it must."""
        if self.transport.is_closing():
            return "the rest of it is not taken" if self._progress.closing(now) > CLOSING_SECONDS else None
        if self._stuck(now) > STUCK_SECONDS:
            return "an answer is not taken"
        if self._body_waits and now - self._asked_at > BODY_SECONDS + self._body / BODY_RATE:
            return "a body comes too slowly"
        if not self._answering and now - self._peer.since > HEADER_SECONDS:
            return "no whole request came"
        self._tell_turn(now)
        return None

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _body_waits(self) -> bool:
        """Whether the rest of a body is waited for."""
        return self._answering and self.cycle.more_body and not self.flow.read_paused

    def resume_writing(self) -> None:
        """What was written is taken."""
        super().resume_writing()
        self._progress.taken(self.loop.time())

    def _stuck(self, now: float) -> float:
        return self._progress.stuck(self.transport.get_write_buffer_size(), now)

    def _tell_turn(self, now: float) -> None:
        slow = self._body_waits and now - self._asked_at > PROMPT + self._body / PROMPT_RATE
        if not self._answering or slow or self._stuck(now) > SLOW_SECONDS:
            self._peer.wait()
        else:
            self._peer.serve()
