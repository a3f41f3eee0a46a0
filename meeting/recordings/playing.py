"""A recording played into the room of a meeting, by the way that the sound of a microphone takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import (
    VERSION,
    Ack,
    AudioFrame,
    ErrorMessage,
    ResumeInfo,
    ServerMessage,
    SessionMessage,
    SourceInfo,
    Start,
)
from meeting.live.room import Room
from meeting.recordings.pcm import AUDIO
from meeting.session.events import FrameReceived, StopReceived
from pipelines.errors import AudioError, MeetingError, StoreError
from pipelines.types import SAMPLE_RATE


class PlayingClient:
    """The client that a recording comes from, as a room sees it."""

    def __init__(self) -> None:
        self.session = asyncio.Event()
        """Set once it may speak, or never will"""
        self.closed = asyncio.Event()
        self.next_seq = 0
        """The first frame that the meeting does not have yet"""
        self._taken = -1
        self._news = asyncio.Event()
        self.problem: ErrorMessage | None = None

    def put(self, message: ServerMessage, text: str) -> None:
        """Take a message."""
        if isinstance(message, SessionMessage):
            self.next_seq = message.next_seq
            self.session.set()
        elif isinstance(message, Ack):
            self._taken = message.seq
            self._news.set()
        elif isinstance(message, ErrorMessage) and message.code not in PASSING:
            self.problem = None if message.code == ErrorCode.STORAGE_OK else message

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """Lines before those of a snapshot are of no use here."""

    def close(self, code: CloseCode, reason: str) -> None:
        """No more will come."""
        self.closed.set()
        self.session.set()
        self._news.set()

    async def taken(self, seq: int) -> None:
        """Wait until a frame is kept and on its way through the models, or no more will come."""
        while self._taken < seq and not self.closed.is_set():
            self._news.clear()
            await self._news.wait()

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.problem is not None:
            kinds: dict[ErrorCode, type[MeetingError]] = {
                ErrorCode.BAD_AUDIO: AudioError,
                ErrorCode.STORAGE: StoreError,
            }
            raise kinds.get(self.problem.code, MeetingError)(self.problem.message)


PASSING = (ErrorCode.LOADING, ErrorCode.RECOVERING)
"""What a client is told that it waits for"""


def source_start(name: str, language: str | None = None, resume: ResumeInfo | None = None) -> Start:
    """How a recording of this name begins, or goes on."""
    return Start(VERSION, AUDIO, SourceInfo(name[:200], "room"), language, resume=resume)


async def play(
    room: Room,
    client: PlayingClient,
    start: Start,
    frames: Callable[[int], AsyncIterator[AudioFrame]],
    resumption: ResumeInfo | None = None,
) -> None:
    """Play a recording to its end, and wait until all of it is stored or the meeting is over.

    `frames` gives the recording from a frame on; `resumption` is how the source is known again after a restart.
    """
    number = room.join(client)
    room.start_source(number, start, resumption)
    await client.session.wait()
    async for frame in frames(client.next_seq):
        if client.closed.is_set():
            return
        await room.ready()
        await room.frame(FrameReceived(number, frame))
        await asyncio.sleep(0)  # a frame that need not wait does not yield, and the room must get its turn
    room.post(StopReceived(number))
    await client.closed.wait()


def to_frames(pieces: Iterator[bytes], size: int) -> Iterator[AudioFrame]:
    """Pieces of `size` samples each as frames."""
    for number, piece in enumerate(pieces):
        yield AudioFrame(number, number * size * 1_000_000 // SAMPLE_RATE, piece)
