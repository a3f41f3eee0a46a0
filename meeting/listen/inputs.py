"""Where the audio comes from: a file, the standard input, or the microphone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from meeting.client.audio import MAX_PIECE, container_of, paced, with_head
from meeting.client.protocols import bytes_per_second
from meeting.core.messages import AudioInfo
from meeting.listen import microphone
from meeting.recordings import pcm
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE

STDIN, MICROPHONE = "-", "mic"
WAITING = 4
"""Pieces of the standard input that wait to be sent"""


@dataclass(frozen=True, slots=True)
class Input:
    """Audio that is sent."""

    name: str
    info: AudioInfo
    pieces: AsyncIterator[bytes]


async def open_input(what: str, raw: AudioInfo, speed: float | None, stdin: BinaryIO) -> Input:
    """Open a file, "-" or "mic"; raises AudioError.

    `raw` is what the standard input holds where it is no container, `speed` the pace at which a file is read, in
    times real time; None is as fast as it is taken.
    """
    if what == MICROPHONE:
        return Input("microphone", microphone.AUDIO, microphone.microphone())
    if what == STDIN:
        if stdin.isatty():
            raise AudioError("the standard input is a terminal: pipe audio into it, or name a file or mic")
        head, pieces = await with_head(read_in_thread(stdin))
        if not head:
            raise AudioError("nothing came from the standard input")
        container = container_of(head)
        return Input("standard input", raw if container is None else AudioInfo(container, 0, 0), pieces)
    path = Path(what)
    audio = await asyncio.to_thread(pcm.open_recording, path)
    pieces = pcm.decoded_in_thread(pcm.to_pieces(audio, SAMPLE_RATE // 10 if speed else SAMPLE_RATE // 2))
    return Input(path.stem[:200], pcm.AUDIO, paced(pieces, bytes_per_second(pcm.AUDIO) or 1, speed))


async def read_in_thread(stdin: BinaryIO) -> AsyncIterator[bytes]:
    """What comes from a pipe, as it comes, read no faster than it is taken.

    In a thread of its own that nobody waits for at the end: a read from a pipe cannot be broken off.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()
    room, over = threading.Semaphore(WAITING), threading.Event()
    read = getattr(stdin, "read1", stdin.read)

    def run() -> None:
        data = b"-"
        while data and not over.is_set():
            try:
                data = read(MAX_PIECE)
            except (OSError, ValueError):  # the pipe is broken: what came before counts
                data = b""
            with suppress(RuntimeError):  # the loop is closed: nobody is interested any more
                loop.call_soon_threadsafe(waiting.put_nowait, data)
            room.acquire()

    threading.Thread(target=run, name="stdin", daemon=True).start()
    try:
        while data := await waiting.get():
            room.release()
            yield data
    finally:
        over.set()
        room.release()
