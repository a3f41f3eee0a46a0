"""Audio as a program has it, in the form in which it is sent: which container it is, and one piece after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from pathlib import Path
from typing import BinaryIO

from meeting.client.errors import ClientError
from meeting.core.messages import AudioInfo
from pipelines.formats import CONTAINERS, HEADER_BYTES

MAX_PIECE = 32 << 10
"""Bytes of a frame, far below what any server takes"""
SIGNS = ("wav", "webm", "ogg", "m4a", "flac", "mp3")
"""Containers that are told by their first bytes; with an ID3 tag before it, it is taken for MP3"""

AudioInput = Path | bytes | BinaryIO | AsyncIterable[bytes] | Iterable[bytes]
"""A file by its path, all of it in memory, an open binary file, or pieces as they come"""


def container_of(head: bytes) -> str | None:
    """The container that begins with these bytes; None where it is none that is known, such as raw samples.

    >>> container_of(b"OggS" + bytes(8))
    'ogg'
    """
    if len(head) < HEADER_BYTES:
        return None
    if head[:3] == b"ID3":
        return "mp3"
    return next((name for name in SIGNS if CONTAINERS[name][1](head)), None)


def audio_info(head: bytes, what: str = "this") -> AudioInfo:
    """How audio that begins with these bytes is declared; raises ClientError where it is no container."""
    container = container_of(head)
    if container is None:
        raise ClientError(
            f"{what} is no WAV, FLAC, Ogg, WebM, MP3 or M4A by its first bytes: raw samples have to be declared"
        )
    return AudioInfo(container, 0, 0)


async def pieces_of(audio: AudioInput, size: int = MAX_PIECE) -> AsyncIterator[bytes]:
    """Audio piece by piece, each of at most `size` bytes; raises ClientError where a file cannot be read."""
    if isinstance(audio, Path):
        try:
            with await asyncio.to_thread(audio.open, "rb") as file:
                async for piece in pieces_of(file, size):
                    yield piece
        except OSError as error:
            raise ClientError(f"{audio} cannot be read: {error.strerror}") from error
    elif isinstance(audio, bytes):
        for piece in cut(audio, size):
            yield piece
    elif isinstance(audio, AsyncIterable):
        async for part in audio:
            for piece in cut(part, size):
                yield piece
    elif hasattr(audio, "read"):
        # What there is, without waiting until it is as much as that: what comes may be live.
        read = getattr(audio, "read1", audio.read)
        while part := await asyncio.to_thread(read, size):
            yield part
    else:
        for part in audio:
            for piece in cut(part, size):
                yield piece


def cut(data: bytes, size: int) -> Iterable[bytes]:
    """Bytes in parts of at most `size`."""
    return (data[at : at + size] for at in range(0, len(data), size))


async def with_head(pieces: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, enough to tell a container, and all pieces again, these bytes included."""
    head = b""
    while len(head) < HEADER_BYTES:
        piece = await anext(pieces, None)
        if piece is None:
            break
        head += piece

    async def again() -> AsyncIterator[bytes]:
        if head:
            yield head
        async for piece in pieces:
            yield piece

    return head, again()


async def paced(pieces: AsyncIterable[bytes], rate: int, speed: float | None) -> AsyncIterator[bytes]:
    """Raw audio of `rate` bytes per second when a microphone would give it: once a piece's last sample was spoken.

    `speed` is in times real time; None does not wait.
    """
    clock = asyncio.get_running_loop().time
    began, given = clock(), 0
    async for piece in pieces:
        given += len(piece)
        if speed is not None:
            await asyncio.sleep(max(0.0, began + given / rate / speed - clock()))
        yield piece
