"""A client of a meeting inside this process: what endpoints for other services' protocols are built on.

    request = StreamRequest(AudioInfo("pcm_s16le", 16000, 1), title="A call", language="en", diarize=True, keep=False)
    async with open_stream(rooms, request) as stream:   # raises ProtocolError or StoreError: nothing was left behind
        feeding = asyncio.create_task(feed(stream))     # `await stream.send(data)` for each piece, then `stream.stop()`
        async for message in stream.messages():         # read at the same time, or sending comes to a halt
            match message:
                case SegmentMessage(): ...              # a line, new or changed; final ones keep their words
                case SpeakerRevisionMessage(): ...      # lines that turned out to be somebody else's
                case ErrorMessage(fatal=True): ...      # the stream failed: this is the last message
                case Ended(): ...                       # all was heard and told: this is the last message

It takes the same way as the socket of the page: the same session decides, the same flow control makes a sender wait,
the same limits refuse. `Lines` in `lines.py` adds messages up to the transcript so far. Leaving the block ends the
meeting: one that is not kept goes at once with its row, sound and journal; one that is kept is finished with what was
sent, and looks like any other. Whoever calls has checked that the client may do this (`access.py`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from meeting.core.access import Role
from meeting.core.continuity.gaps import SAMPLE_BYTES
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.ids import new_id
from meeting.core.messages import (
    VERSION,
    Ack,
    AudioFrame,
    AudioInfo,
    Ended,
    ErrorMessage,
    GapMessage,
    SegmentMessage,
    ServerMessage,
    SessionMessage,
    SourceInfo,
    SpeakerMessage,
    SpeakerRevisionMessage,
    Start,
    checked_start,
)
from meeting.core.records import Meeting, State
from meeting.delivery.outbox import MAX_BYTES, MAX_MESSAGES, Closing
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.session.events import FrameReceived, StopReceived
from pipelines.errors import StoreError
from pipelines.types import ModelInfo, SpeakerCount, seconds

FRAME_BYTES = 1 << 16
"""Bytes of audio that go to the meeting at once, where its limit allows so many"""

StreamMessage = (
    SegmentMessage | SpeakerRevisionMessage | SpeakerMessage | GapMessage | Ack | ErrorMessage | SessionMessage | Ended
)
"""What a stream is told; `Ack.audio` says how many seconds of audio have been received, the last one before `Ended` how
many there were. A `SessionMessage` comes never."""

_TOLD = (SegmentMessage, SpeakerRevisionMessage, SpeakerMessage, GapMessage, Ack, ErrorMessage, SessionMessage, Ended)
_OF_SPEAKERS = (SpeakerMessage, SpeakerRevisionMessage)


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The meeting that a stream is to be."""

    audio: AudioInfo
    """What the bytes are: raw with rate and channels, or a container, for which 0 may stand for both"""
    title: str = ""
    """What the meeting is called; a name with its time where it is empty"""
    language: str | None = None
    """A code that Whisper knows, or several with commas, of which one is spoken; None lets the recogniser detect it"""
    hotwords: tuple[str, ...] = ()
    """Names and terms that are likely to be said"""
    diarize: bool = True
    """Whether lines say who speaks"""
    speakers: SpeakerCount | None = None
    """How many people speak, where that is known"""
    keep: bool = False
    """Whether the meeting stays once it is over"""
    translate: bool = False
    """Whether what is said is written down in English, where the models can translate"""
    pause: float | None = None
    """Seconds of silence behind which a line says that nobody goes on; None for what the settings say"""


class LiveStream:
    """One meeting, fed and read by code of this process; lives on the event loop. Made by `open_stream`."""

    def __init__(self, room: Room, client: int, inbox: _Inbox, request: StreamRequest, frame_bytes: int) -> None:
        self.meeting_id = room.id
        self.models: ModelInfo = {}
        """What transcribes it; empty while the models are being loaded"""
        self.stopped = False
        """Whether all has been sent"""
        self.close_code = CloseCode.NORMAL
        """How a connection is closed to which all `messages` have been told; known with the last of them"""
        self._room = room
        self._client = client
        self._inbox = inbox
        self._diarize = request.diarize
        self._frame_bytes = min(FRAME_BYTES, frame_bytes)
        self._audio = request.audio
        self._began = time.monotonic()
        self._seq = 0
        self._sent = 0

    @property
    def backlog(self) -> float:
        """Seconds of audio that have been received (`Ack.audio`) and are not through the models."""
        return self._room.backlog()

    async def send(self, data: bytes) -> None:
        """Feed audio, cut anywhere; waits while the meeting cannot take more. After the end it goes nowhere."""
        for start in range(0, len(data), self._frame_bytes):
            if self.stopped:
                return
            await self._room.ready()
            piece = data[start : start + self._frame_bytes]
            frame, self._seq = AudioFrame(self._seq, self._capture_us(), piece), self._seq + 1
            self._sent += len(piece)
            await self._room.frame(FrameReceived(self._client, frame))

    async def send_all(self, pieces: AsyncIterator[bytes]) -> None:
        """Feed all audio there is, as fast as it is taken, and stop."""
        async for piece in pieces:
            await self.send(piece)
        self.stop()

    def _capture_us(self) -> int:
        """Raw audio is its own clock, so that a client that pauses leaves no gap; of a container it is the time."""
        rate = SAMPLE_BYTES.get(self._audio.encoding, 0) * self._audio.sample_rate * self._audio.channels
        return self._sent * 1_000_000 // rate if rate else round((time.monotonic() - self._began) * 1e6)

    def stop(self) -> None:
        """All has been sent: what is still to be heard is told, then `Ended`."""
        if not self.stopped:
            self.stopped = True
            self._room.post(StopReceived(self._client))

    async def messages(self) -> AsyncGenerator[StreamMessage, None]:
        """All that is told, up to and with `Ended` or an `ErrorMessage` that is fatal."""
        while True:
            message = await self._inbox.get()
            if isinstance(message, Closing):
                self.close_code = message.code
                yield _failure(message)
                return
            if isinstance(message, Ended):  # what a decoder held back has been added since the last one
                yield Ack(self._seq - 1, seconds(self._room.session.samples))
            if isinstance(message, ErrorMessage) and message.fatal:
                self.close_code = await self._inbox.closed()
            if isinstance(message, SegmentMessage) and not self._diarize:
                message = replace(message, speaker=None)
            if self._diarize or not isinstance(message, _OF_SPEAKERS):
                yield message
            if isinstance(message, Ended) or (isinstance(message, ErrorMessage) and message.fatal):
                return

    async def opened(self) -> None:
        """Wait until the meeting listens; raises ProtocolError where it does not."""
        later: list[StreamMessage] = []
        while not isinstance(message := await self._inbox.get(), SessionMessage):
            if isinstance(message, Closing) or (isinstance(message, ErrorMessage) and message.fatal):
                error = _failure(message) if isinstance(message, Closing) else message
                raise ProtocolError(error.message, error.code, await self._inbox.closed())
            later.append(message)
        self.models = message.models
        self._inbox.put_back(later)


def require_place(rooms: Rooms) -> None:
    """Raise ProtocolError where no further meeting may be held."""
    refusal = rooms.refusal()
    if refusal is not None:
        raise ProtocolError(refusal, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)


@asynccontextmanager
async def open_stream(rooms: Rooms, request: StreamRequest) -> AsyncIterator[LiveStream]:
    """Hold a new meeting while the block is inside; raises ProtocolError where it may not be, and StoreError."""
    source = SourceInfo("", "room" if request.diarize else "solo")
    start = checked_start(
        Start(
            VERSION,
            request.audio,
            source,
            request.language,
            request.hotwords,
            translate=request.translate,
            pause=request.pause,
        )
    )
    problem = rooms.disk.full_reason()
    if problem is not None:
        raise StoreError(problem)
    require_place(rooms)  # before anything is made that would have to be deleted
    now = datetime.now(timezone.utc)
    title = request.title or f"Meeting, {now.astimezone():%Y-%m-%d %H:%M}"
    meeting = Meeting(new_id(), title, State.OPEN, now, speakers=request.speakers, kept=request.keep)
    room: Room | None = None
    client, stream = 0, None
    try:
        await asyncio.wrap_future(rooms.store.create_meeting(meeting))
        room = await rooms.enter(meeting.id)
        if room is None:
            raise StoreError("the meeting was deleted before it began")
        inbox = _Inbox()
        client = room.join(inbox, Role.SPEAK)
        room.start_source(client, start)
        stream = LiveStream(room, client, inbox, request, rooms.limits.frame_bytes)
        await stream.opened()
        yield stream
    finally:
        # Without waiting for anything: whoever is here may have been cancelled.
        if room is not None:
            if stream is not None:
                stream.stop()
            room.leave(client)
        if not request.keep or room is None or room.session.state is State.OPEN:
            rooms.unkept.delete_soon(meeting.id, room)


def _failure(closing: Closing) -> ErrorMessage:
    """What a stream is told whose meeting closed without a word."""
    codes = {CloseCode.NOT_FOUND: ErrorCode.NOT_FOUND, CloseCode.TRY_AGAIN_LATER: ErrorCode.OVERLOADED}
    return ErrorMessage(codes.get(closing.code, ErrorCode.INTERNAL), closing.reason, True)


@dataclass(frozen=True, slots=True)
class _Queued:
    message: StreamMessage
    size: int


class _Inbox:
    """What a stream has not read yet: of partial lines and acknowledgements the newest only, and bounded.

    A reader that does not keep up is closed, as the socket of a client is that does not read.
    """

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._limits = (max_messages, max_bytes)
        self._queue: OrderedDict[str, _Queued] = OrderedDict()
        self._size = 0
        self._ever = 0
        self._closing: Closing | None = None
        self._changed = asyncio.Event()

    def put(self, message: ServerMessage, text: str) -> None:
        """Queue a message, unless it is of no use here or nothing is to come any more."""
        if self._closing is not None or not isinstance(message, _TOLD):
            return
        self._ever += 1
        key = f"#{self._ever}"
        if isinstance(message, (SegmentMessage, Ack)):
            replaced = message.id if isinstance(message, SegmentMessage) else message.type
            self._take(replaced)
            partial = isinstance(message, Ack) or not message.final
            key = replaced if partial else key
        self._queue[key] = _Queued(message, sys.getsizeof(text))
        self._size += sys.getsizeof(text)
        most, most_bytes = self._limits
        if len(self._queue) > most or self._size > most_bytes:
            self._queue.clear()
            self._size = 0
            self._closing = Closing(CloseCode.TRY_AGAIN_LATER, "what is told is not read as fast as it comes")
        self._changed.set()

    def put_back(self, messages: list[StreamMessage]) -> None:
        """Have messages that were read come again, before the others."""
        for message in reversed(messages):
            self._ever += 1
            self._queue[f"#{self._ever}"] = _Queued(message, 0)
            self._queue.move_to_end(f"#{self._ever}", last=False)

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """There is nothing earlier in a meeting that has only just been made."""

    def close(self, code: CloseCode, reason: str) -> None:
        """No more will come."""
        self._closing = self._closing or Closing(code, reason)
        self._changed.set()

    async def get(self) -> StreamMessage | Closing:
        """The next message; the same end again and again once all have been read."""
        while not self._queue:
            if self._closing is not None:
                return self._closing
            self._changed.clear()
            await self._changed.wait()
        _, queued = self._queue.popitem(last=False)
        self._size -= queued.size
        return queued.message

    async def closed(self) -> CloseCode:
        """How it is closed, once it is, whatever comes before that."""
        while not isinstance(item := await self.get(), Closing):
            pass
        return item.code

    def _take(self, key: str) -> None:
        queued = self._queue.pop(key, None)
        self._size -= 0 if queued is None else queued.size
