"""What a client has sent, and silence behind it where an utterance is to end by hand. Pure."""

from __future__ import annotations

import hashlib
import json

from meeting.compat.deepgram.query import Query
from meeting.compat.exchange import Feed
from meeting.session.gaps import SAMPLE_BYTES

FLUSH_SECONDS = 1.0
"""Silence that ends an utterance when its end is asked for"""


class Clock:
    """Times of the meeting and of the client, who knows nothing of silence that was put between his audio."""

    def __init__(self) -> None:
        self._inserted: list[tuple[float, float]] = []

    def insert(self, at: float, seconds: float) -> None:
        """So much silence was put into the meeting's audio at a time of the meeting."""
        self._inserted.append((at, seconds))

    def __call__(self, time: float) -> float:
        """A time of the meeting as the client counts it."""
        silence = sum(min(seconds, time - at) for at, seconds in self._inserted if at < time)
        return round(time - silence, 3)


class ClientAudio:
    """One client's audio on its way to the meeting."""

    def __init__(self, query: Query) -> None:
        self.clock = Clock()
        self._query = query
        self._digest = hashlib.sha256()
        self._sent = 0
        """Bytes that the meeting was given"""
        self._frame = self._rate = 0
        """Bytes of a sample of all channels, and of a second; 0 where a container says so"""
        if query.encoding:
            self._frame = SAMPLE_BYTES[query.audio.encoding] * query.audio.channels
            self._rate = self._frame * query.audio.sample_rate

    @property
    def digest(self) -> str:
        """SHA-256 of what the client has sent, in hex."""
        return self._digest.hexdigest()

    @property
    def seconds(self) -> float:
        """Length of what the meeting was given; 0 of a container, which says so itself."""
        return self._sent / self._rate if self._rate else 0.0

    def feed(self, data: bytes) -> Feed:
        """Audio of the client, as the meeting is given it."""
        self._digest.update(data)
        return self._give(self._query.decoded(data))

    def silence(self) -> Feed | None:
        """Silence behind a whole sample; None for a container, into which nothing can be put."""
        if not self._rate:
            return None
        padding = -self._sent % self._frame
        self.clock.insert(self.seconds, FLUSH_SECONDS)
        return self._give(bytes(padding + round(FLUSH_SECONDS * self._rate / self._frame) * self._frame))

    def _give(self, audio: bytes) -> Feed:
        self._sent += len(audio)
        return Feed(audio)


def kind_of(text: str) -> str | None:
    """The type of a control message; None where it is none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = body.get("type") if isinstance(body, dict) else None
    return kind if isinstance(kind, str) else None
