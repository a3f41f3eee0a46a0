"""The websocket protocol of our server: a client counts as dead only when it is silent while it is listened to."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_EVERY = 20.0
"""Seconds between two pings"""
PING_TIMEOUT = 20.0
"""Seconds of silence after an unanswered ping that end a connection"""


class PatientProtocol(WebSocketsSansIOProtocol):
    """Waits for the answer to a ping for as long as the client's bytes keep coming, or are left unread.

    While audio comes faster than it can be taken the socket is not read, and the answer waits behind the audio.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """As the class above."""
        super().__init__(*args, **options)
        self._heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    async def receive(self) -> Any:
        """Give the app the next message; the time in which nothing was read is not the client's."""
        paused = self.read_paused
        message = await super().receive()
        if paused and not self.read_paused:
            self._heard_at = self.loop.time()
        return message

    def keepalive_timeout(self) -> None:
        """End the connection, unless the answer may still be on its way."""
        assert self.ping_timeout is not None
        patience = self.ping_timeout
        if not self.read_paused:
            patience += self._heard_at - self.loop.time()
        if patience > 0:
            self.pong_timer = self.loop.call_later(patience, self.keepalive_timeout)
        else:
            super().keepalive_timeout()
