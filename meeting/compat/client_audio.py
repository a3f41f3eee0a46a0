"""What a client has sent, and silence behind it where an utterance is to end by hand. Pure."""

from __future__ import annotations

from collections.abc import Callable

from meeting.compat.exchange import Feed
from meeting.core.continuity.gaps import SAMPLE_BYTES
from meeting.core.messages import AudioInfo

FLUSH_SECONDS = 1.0
"""Silence that ends an utterance when its end is asked for, at least"""
FLUSH_MARGIN = 0.6
"""Seconds by which it is longer than the silence that ends an utterance: voice activity fades, and sees whole frames"""


def flush_seconds(endpoint_silence: float) -> float:
    """Silence that ends an utterance where `endpoint_silence` (seconds) is what any takes to end."""
    return max(FLUSH_SECONDS, endpoint_silence + FLUSH_MARGIN)


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

    def __init__(self, raw: AudioInfo | None, decoded: Callable[[bytes], bytes], flush: float = FLUSH_SECONDS) -> None:
        """`raw`: what the meeting is given; None of a container. `decoded` makes it of what the client sends.

        `flush` is how many seconds of silence end an utterance.
        """
        self.clock = Clock()
        self.flush = flush
        self._decoded = decoded
        self._sent = 0
        """Bytes that the meeting was given: of raw audio whole samples of all channels"""
        self._rest = b""
        """What there is of the next sample"""
        self._frame = 0 if raw is None else SAMPLE_BYTES[raw.encoding] * raw.channels
        """Bytes of a sample of all channels"""
        self._rate = 0 if raw is None else self._frame * raw.sample_rate
        """Bytes of a second"""

    @property
    def seconds(self) -> float:
        """Length of what the meeting was given; 0 of a container, which says so itself."""
        return self._sent / self._rate if self._rate else 0.0

    def feed(self, data: bytes) -> Feed:
        """Audio of the client, as the meeting is given it; a sample that is not whole waits for its rest."""
        audio = self._rest + self._decoded(data)
        whole = len(audio) // self._frame * self._frame if self._frame else len(audio)
        self._rest = audio[whole:]
        return self._give(audio[:whole])

    def drop_rest(self) -> None:
        """What comes next begins with a sample of its own: the rest of one that is not whole never comes."""
        self._rest = b""

    def silence(self) -> Feed | None:
        """Silence behind the last whole sample; None for a container, into which nothing can be put."""
        if not self._rate:
            return None
        self.clock.insert(self.seconds, self.flush)
        return self._give(bytes(round(self.flush * self._rate / self._frame) * self._frame))

    def _give(self, audio: bytes) -> Feed:
        self._sent += len(audio)
        return Feed(audio)
