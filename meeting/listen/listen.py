"""The command `listen`: connect, send, show, and stop the meeting properly."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Protocol, TextIO

from meeting.client.client import Client
from meeting.client.events import Disconnected, Event
from meeting.client.members import Source
from meeting.client.transcript import TranscriptState
from meeting.core.messages import AudioInfo, ErrorMessage
from meeting.core.terminal_text import printable
from meeting.listen.inputs import open_input
from meeting.listen.plain import PlainLines
from pipelines.errors import MeetingError, SettingsError

TICK_SECONDS = 0.5
"""Between two looks at what is to be shown, while nothing comes"""
RAW = AudioInfo()
BUFFER_BYTES = 64 << 20
"""Bytes that are held while a server is away: more than half an hour of a microphone"""


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What is heard, and where."""

    audio: str
    """A file's path, "-" for the standard input, or "mic" """
    server: str
    token: str | None = field(default=None, repr=False)
    title: str | None = None
    language: str | None = None
    raw: AudioInfo = RAW
    """What the standard input holds where it is no container"""
    speed: float | None = None
    """Pace of a file in times real time; None is as fast as the server takes it"""


class View(Protocol):
    """Where the transcript is shown."""

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self, text: str) -> None:
        """Say something beside the transcript; empty for nothing."""

    def show(self, state: TranscriptState, over: bool = False) -> None:
        """Show what there is now."""


class PlainView:
    """Lines on one stream, notes on another."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err
        self._lines = PlainLines()

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is to be put away."""

    def note(self, text: str) -> None:
        """Say something on the second stream."""
        if text:
            print(printable(text), file=self._err, flush=True)

    def show(self, state: TranscriptState, over: bool = False) -> None:
        """Print what is new."""
        for line in self._lines.due(state, time.monotonic(), over):
            print(line, file=self._out, flush=True)


def open_view(out: TextIO, err: TextIO, where: str) -> View:
    """A picture where `out` is a terminal, else plain lines."""
    if not out.isatty():
        return PlainView(out, err)
    from rich.console import Console

    from meeting.listen.screen import Screen

    return Screen(Console(file=out), where)


def listen(options: ListenOptions, stdin: BinaryIO | None = None) -> None:
    """Run until the audio is over or is interrupted; raises MeetingError, and KeyboardInterrupt when told twice."""
    asyncio.run(_listen(options, sys.stdin.buffer if stdin is None else stdin))


async def _listen(options: ListenOptions, stdin: BinaryIO) -> None:
    client = Client(options.server, options.token)
    if options.title is not None and client.address.meeting_id is not None:
        raise SettingsError("--title is for a new meeting: the link leads into one that has its own")
    audio = await open_input(options.audio, options.raw, options.speed, stdin)
    meeting_id = client.address.meeting_id or (await client.create_meeting(options.title or audio.name)).id
    where = f"{client.address.base}/m/{meeting_id}"
    source = client.speak(meeting_id, audio.info, name=audio.name, language=options.language, buffer_bytes=BUFFER_BYTES)
    with open_view(sys.stdout, sys.stderr, where) as view:
        view.note(f"meeting {meeting_id}: {where}")
        async with source:
            feeding = asyncio.create_task(source.send_all(audio.pieces))
            with _stopped_by_signal(feeding, view):
                await _show(source, view)
            await _check(feeding, source)


async def _show(source: Source, view: View) -> None:
    state = TranscriptState()
    ticking = asyncio.create_task(_tick(state, view))
    try:
        async for event in source:
            state.apply(event)
            _tell(event, view)
            view.show(state)
    finally:
        ticking.cancel()
        view.show(state, over=True)


async def _tick(state: TranscriptState, view: View) -> None:
    """Show what there is now and then, also while nothing comes: some of it may have waited for that."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        view.show(state)


def _tell(event: Event, view: View) -> None:
    match event:
        case Disconnected(reason):
            view.note(f"the connection is lost, and is made again: {reason}")
        case ErrorMessage(message=message):
            view.note(message)
        case _ if event.type == "session":
            view.note("")


async def _check(feeding: asyncio.Task[None], source: Source) -> None:
    """Raise what broke the audio off, or that the meeting was ended by somebody else."""
    feeding.cancel()
    with suppress(asyncio.CancelledError):
        await feeding
    if source.ended_early:
        raise MeetingError("the meeting was ended by somebody else: not all was sent")


@contextmanager
def _stopped_by_signal(feeding: asyncio.Task[None], view: View) -> Iterator[None]:
    """While it lasts, the first Ctrl-C ends the audio, so that the rest is still heard; the second one ends all."""
    loop, current = asyncio.get_running_loop(), asyncio.current_task()
    told: list[bool] = []

    def stop() -> None:
        if told and current is not None:
            current.cancel()
        told.append(True)
        view.note("stopping: the rest is still being heard, Ctrl-C again leaves at once")
        feeding.cancel()  # which stops the meeting behind what was sent

    with _handler(loop, stop):
        try:
            yield
        except asyncio.CancelledError:
            if len(told) > 1:
                raise KeyboardInterrupt from None
            raise


@contextmanager
def _handler(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    try:
        loop.add_signal_handler(signal.SIGINT, stop)
    except (NotImplementedError, RuntimeError):  # no signals in this thread, or on this system
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
