"""A whole recording through a meeting of its own: what a request brings is heard, and its lines are handed back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from meeting.compat.lines import Lines
from meeting.compat.live_stream import LiveStream, StreamMessage
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, ErrorMessage

SERIOUS = (ErrorCode.BAD_AUDIO, ErrorCode.MODELS, ErrorCode.STORAGE, ErrorCode.INTERNAL, ErrorCode.TOO_LONG)
"""Errors that are told although the stream goes on"""

Tell = Callable[[StreamMessage], Awaitable[None]]
Through = Callable[[StreamMessage], Iterable[StreamMessage]]
"""Gives what counts in the place of a message"""


@dataclass(slots=True)
class Transcribed:
    """What came of a recording."""

    lines: Lines = field(default_factory=Lines)
    duration: float = 0.0
    """Seconds"""


async def transcribe(
    request: Request,
    stream: LiveStream,
    feeding: Coroutine[Any, Any, None],
    tell: Tell | None = None,
    body_taken: bool = False,
    through: Through = lambda message: (message,),
) -> Transcribed:
    """The lines of a recording; raises ProtocolError, and ClientDisconnect if the client goes.

    `feeding` sends the audio and stops the stream; where it reads the request's body (not `body_taken`), it is the one
    to see that the client goes. `tell` is given each message as it comes, and holds up nothing but the next one.
    """
    collecting = asyncio.create_task(_collect(stream, tell, through))
    feeding_task = asyncio.create_task(feeding)
    gone: asyncio.Future[Message] | None = asyncio.ensure_future(request.receive()) if body_taken else None
    try:
        await _first({collecting, feeding_task}, gone)
        if not collecting.done() and feeding_task.done():
            feeding_task.result()
            gone = gone or asyncio.ensure_future(request.receive())
            await _first({collecting}, gone)
        if not collecting.done():
            raise ClientDisconnect
        return collecting.result()
    finally:
        tasks = [task for task in (collecting, feeding_task, gone) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(tasks: set[asyncio.Task[Any]], gone: asyncio.Future[Message] | None) -> None:
    await asyncio.wait(tasks if gone is None else {*tasks, gone}, return_when=asyncio.FIRST_COMPLETED)


async def _collect(stream: LiveStream, tell: Tell | None, through: Through) -> Transcribed:
    heard = Transcribed()
    trouble: ErrorMessage | None = None
    async for message in stream.messages():
        if isinstance(message, ErrorMessage) and message.fatal:
            raise ProtocolError(message.message, message.code, stream.close_code)
        if isinstance(message, ErrorMessage) and message.code in SERIOUS:
            trouble = message
        for told in through(message):
            if isinstance(told, Ack):
                heard.duration = told.audio
            heard.lines.apply(told)
            if tell is not None:
                await tell(told)
    if trouble is not None and not any(heard.lines):
        # What is wrong at the end of a recording does not take back the rest.
        raise ProtocolError(trouble.message, trouble.code)
    return heard
