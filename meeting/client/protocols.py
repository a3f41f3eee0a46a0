"""What a client of a meeting does next, as values: no socket, no clock. A driver carries it out.

The same driver serves a source and a viewer: it asks what to send, hands over what comes, and tells when a connection
is lost, which is answered by None, to connect again, or by the error with which all ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from meeting.client.errors import (
    ClientError,
    RequestRefused,
    ServerUnreachable,
    SourceLost,
    error_for_close,
)
from meeting.client.frame_buffer import FrameBuffer
from meeting.core.errors import ErrorCode
from meeting.core.messages import (
    Ack,
    AudioFrame,
    AudioInfo,
    Ended,
    ErrorMessage,
    ResumeInfo,
    ServerMessage,
    SessionMessage,
    SnapshotMessage,
    SourceMessage,
    Start,
    Stop,
)
from pipelines.formats import PCM

PASSING_CLOSE_CODES = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4429})
"""Closed with one of these, a client that was let in before comes back a little later"""
PASSING_STATUSES = frozenset({429, 500, 502, 503, 504})
"""The same for HTTP answers in the place of a connection: a proxy gives them while its server starts again"""
BREAKING = frozenset({ErrorCode.BAD_AUDIO, ErrorCode.MODELS, ErrorCode.LOST, ErrorCode.INTERNAL})
"""Errors after which a source is heard no further: what came before is kept, and the meeting ends"""
BREAKING_CLOSE_CODE = 4400
"""With which such a source's connection is closed"""
AUDIO_TOLERANCE = 0.01
"""Seconds by which what a server says it has received may differ from what was sent"""


@dataclass(frozen=True, slots=True)
class Loss:
    """How a connection ended, or why there was none."""

    close: int | None = None
    """Close code, where there was a connection that was closed"""
    status: int | None = None
    """HTTP status, where the server did not let the client in"""
    reason: str = ""
    """A few words for people"""


class ClientProtocol(Protocol):
    """One client of one meeting, over as many connections as it takes."""

    over: bool
    """Whether nothing more is to be done"""

    @property
    def expects_answer(self) -> bool:
        """Whether a server that says nothing for long must be taken for dead."""

    def opened(self) -> list[Start]:
        """A connection is there: what is sent first."""

    def next_to_send(self) -> AudioFrame | Stop | None:
        """What is sent next, and then counts as sent; None while there is nothing."""

    def take(self, event: ServerMessage) -> None:
        """The server sent something; raises ClientError when that ends all."""

    def lost(self, loss: Loss) -> ClientError | None:
        """The connection is gone: None to try again, else why not."""


class ViewerProtocol:
    """Somebody who reads along."""

    expects_answer = False

    def __init__(self) -> None:
        self.over = False
        self._admitted = False
        self._refusal: ErrorMessage | None = None

    def opened(self) -> list[Start]:
        """Nothing: whoever connects is a viewer."""
        self._refusal = None
        return []

    def next_to_send(self) -> AudioFrame | Stop | None:
        """Nothing, ever."""
        return None

    def take(self, event: ServerMessage) -> None:
        """Remember what decides how to go on."""
        if isinstance(event, SnapshotMessage):
            self._admitted = True
        elif isinstance(event, Ended):
            self.over = True
        elif isinstance(event, ErrorMessage) and event.fatal:
            self._refusal = event

    def lost(self, loss: Loss) -> ClientError | None:
        """Whether to come back: a snapshot then holds all that was missed."""
        return _verdict(loss, self._refusal, self._admitted)


class SourceProtocol:
    """Somebody who speaks: numbers what is sent, keeps it until the server has it, goes on where it was cut off."""

    def __init__(self, start: Start, max_bytes: int) -> None:
        """`max_bytes` of audio are held at most while they are not confirmed."""
        self.over = False
        self._start = start
        self._buffer = FrameBuffer(max_bytes)
        self._session: SessionMessage | None = None
        self._ready = False
        self._admitted = False
        self._stopping = False
        self._stop_sent = False
        self._refusal: ErrorMessage | None = None
        self._sent_bytes = 0
        self._received = 0.0
        self.ended_early = False
        """Whether the meeting was ended by somebody else, before all that there is had arrived there"""

    @property
    def session(self) -> SessionMessage | None:
        """What the server answered to `start`, last; None before it has."""
        return self._session

    @property
    def seconds(self) -> float | None:
        """Seconds of audio given so far; None for a container, whose bytes do not tell."""
        rate = bytes_per_second(self._start.audio)
        return None if rate is None else self._sent_bytes / rate

    @property
    def unacknowledged(self) -> int:
        """Frames that are held because the server has not confirmed them."""
        return self._buffer.unacknowledged

    @property
    def expects_answer(self) -> bool:
        """Whether the server owes an answer: it reminds every five seconds while frames wait."""
        return self._ready and self._buffer.in_flight > 0

    # From the program

    def fits(self, size: int) -> bool:
        """Whether so many bytes more may be held now."""
        return self._buffer.fits(size)

    def append(self, payload: bytes) -> None:
        """The next piece of audio."""
        self._buffer.append(payload, round((self.seconds or 0.0) * 1e6))
        self._sent_bytes += len(payload)

    def stop(self) -> None:
        """No more will be appended."""
        self._stopping = True

    # From the connection

    def opened(self) -> list[Start]:
        """`start`, which goes on with the source that there was."""
        self._ready, self._stop_sent, self._refusal, self._received = False, False, None, 0.0
        known = self._session
        return [replace(self._start, resume=None if known is None else ResumeInfo(known.source_id, known.resume_token))]

    def next_to_send(self) -> AudioFrame | Stop | None:
        """The next frame; behind the last one `stop`, once; None before the server has answered."""
        if not self._ready:
            return None
        frame = self._buffer.next_unsent()
        if frame is not None or not self._stopping or self._stop_sent:
            return frame
        self._stop_sent = True
        return Stop()

    def take(self, event: ServerMessage) -> None:
        """Take an answer; raises ClientError when the meeting ended, and not as this source wanted it.

        SourceLost where audio that is still here may be missing, RequestRefused where it was over before.
        """
        match event:
            case SessionMessage():
                self._session, self._ready = event, True
                self._buffer.resume_at(event.next_seq)
            case Ack(seq, audio):
                self._buffer.acknowledge(seq)
                self._received = audio
            case SnapshotMessage():
                self._admitted = True
                if len(event.sources) < 2:  # else it is another one's that is as long
                    self._received = max(self._received, event.audio)
            case SourceMessage(id_, state="ended") if self._session is not None and id_ == self._session.source_id:
                self._end()  # and the meeting goes on with others
            case ErrorMessage() if event.fatal or event.code in BREAKING:
                self._refusal = event
            case Ended():
                self._end()

    def _end(self) -> None:
        self.over = True
        if self._session is None:
            raise RequestRefused("the meeting is over: a source starts in one that is open")
        # Whoever has given all has not sent all, and what is sent may still wait where nobody reads it any more. A
        # server confirms all frames that it has taken before it says that it has ended.
        self.ended_early = not self._stopping or not self._all_received()
        if self._refusal is not None:
            raise error_for_close(BREAKING_CLOSE_CODE, self._refusal.code.value, self._refusal.message)
        # Where it ended while this source was there, somebody has ended it, and all that came was kept.
        if not self._ready and not self._all_received():
            raise SourceLost(
                "the meeting was ended before all audio of this source had arrived: "
                f"{self._buffer.unacknowledged} frames of it are not known to be kept"
            )

    def _all_received(self) -> bool:
        if not self._buffer.unacknowledged:
            return True
        given = self.seconds
        return given is not None and self._received >= given - AUDIO_TOLERANCE

    def lost(self, loss: Loss) -> ClientError | None:
        """Whether to come back: a source that was heard does, unless the server has said that it may not."""
        refusal = self._refusal
        if self._session is None:
            # Let in and cut off without a word: the server may hold the meeting for whoever comes back at once.
            return _verdict(loss, refusal, self._admitted and refusal is None)
        if loss.close == 4401 and (refusal is None or refusal.code == "unauthorized"):
            return SourceLost("the meeting does not wait for this source any more: it was away for too long")
        if loss.close == 4409 and refusal is not None:
            return SourceLost(refusal.message)
        if loss.close == 4409:
            return SourceLost("somebody else went on with this source")
        return _verdict(loss, refusal, True)


def bytes_per_second(audio: AudioInfo) -> int | None:
    """Bytes of a second of raw audio; None for a container.

    >>> bytes_per_second(AudioInfo("pcm_s16le", 16000, 1))
    32000
    """
    width = {"<i2": 2, "<f4": 4}.get(PCM.get(audio.encoding, ""))
    return None if width is None else audio.sample_rate * audio.channels * width


def _verdict(loss: Loss, refusal: ErrorMessage | None, admitted: bool) -> ClientError | None:
    code, message = (refusal.code.value, refusal.message) if refusal is not None else ("", loss.reason)
    if loss.status is not None:
        if admitted and loss.status in PASSING_STATUSES:
            return None
        why = f"no meeting is entered there (HTTP status {loss.status}): are the address and its path right?"
        return RequestRefused(why) if loss.status < 500 else ServerUnreachable(why)
    if loss.close is None:
        return None if admitted else ServerUnreachable(loss.reason)
    passing = loss.close in PASSING_CLOSE_CODES or code == "too_many"
    if passing and (admitted or loss.close == 1013):
        return None
    if refusal is None and loss.close in PASSING_CLOSE_CODES:
        return ServerUnreachable(f"the connection was closed ({loss.close}) before the meeting could be entered")
    return error_for_close(loss.close, code, message)
