"""Who is in a meeting, and what all of them have been told."""

from __future__ import annotations

import asyncio

from meeting.core.errors import CloseCode
from meeting.core.messages import ServerMessage, SnapshotMessage, encode
from meeting.core.transcript import Transcript
from meeting.delivery.history import History
from meeting.delivery.outbox import Receiver
from pipelines.types import Segment, SpeakersRevised


class Clients:
    """The clients of one room by their numbers; lives on the event loop."""

    def __init__(self, transcript: Transcript) -> None:
        self._present: dict[int, Receiver] = {}
        self._arriving: dict[int, Receiver] = {}
        self._next = 1
        self._history = History(transcript)
        self.turn = asyncio.Lock()
        """For their outboxes: those with much to send take turns"""

    def number(self) -> int:
        """A number that no other client has or had."""
        number, self._next = self._next, self._next + 1
        return number

    def add(self, client: int, receiver: Receiver) -> None:
        """One more; told nothing before it is admitted."""
        self._arriving[client] = receiver

    def admit(self, client: int) -> None:
        """From now on it is told what all are told, unless it has gone."""
        if client in self._arriving:
            self._present[client] = self._arriving.pop(client)

    def remove(self, client: int) -> None:
        """It has gone."""
        self._arriving.pop(client, None)
        self._present.pop(client, None)

    def send(self, client: int, message: ServerMessage) -> None:
        """Tell one, unless it has gone."""
        if client in self._present:
            self._present[client].put(message, encode(message))

    def broadcast(self, message: ServerMessage, change: Segment | SpeakersRevised | None) -> None:
        """Tell all; `change` is the same as the pipeline said it, where it is about lines."""
        text = encode(message)
        if change is not None:
            self._history.add(change, text)
        for receiver in self._present.values():
            receiver.put(message, text)

    def send_snapshot(self, client: int | None, head: SnapshotMessage, transcript: Transcript) -> None:
        """Tell one, or all where it is None, everything so far; `head` is all of it but the lines."""
        if client is None:  # what was told before may not hold any more
            self._history = History(transcript)
        for number, receiver in self._present.items():
            if client in (None, number):
                text, earlier = self._history.snapshot(head)
                receiver.put(head, text)
                receiver.follow(earlier)

    def disconnect(self, client: int, code: CloseCode, reason: str) -> None:
        """Close the connection of one once it has been told everything."""
        receiver = self._present.pop(client, None)
        if receiver is not None:
            receiver.close(code, reason)

    def disconnect_all(self, code: CloseCode, reason: str) -> None:
        """Close all connections, also of those who have just come."""
        for receiver in (*self._present.values(), *self._arriving.values()):
            receiver.close(code, reason)
        self._present.clear()
        self._arriving.clear()
