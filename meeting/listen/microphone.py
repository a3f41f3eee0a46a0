"""This machine's microphone, by way of PortAudio where it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

from meeting.core.messages import AudioInfo
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE

AUDIO = AudioInfo("pcm_s16le", SAMPLE_RATE, 1)
BLOCK = SAMPLE_RATE // 10
"""Samples that come at a time"""
MAX_BLOCKS = 600
"""Blocks that wait to be sent, a minute: a microphone cannot be made to wait, so that what is beyond is lost"""

INSTALL = "python -m pip install sounddevice"
TOO_SLOW = "the server has taken too little for a minute: the microphone's sound is lost from here on"
GONE = "the microphone is gone: nothing more comes from it"
PORTAUDIO = "PortAudio is missing: install it, on Debian and Ubuntu with `apt install libportaudio2`"
NO_SOUND = "look whether the system's sound works, and whether this user may use it"


def open_library() -> Any:
    """The library that records; raises AudioError with what to install."""
    try:
        import sounddevice
    except ImportError as error:
        raise AudioError(f"the microphone needs the package sounddevice: {INSTALL}") from error
    except OSError as error:
        raise AudioError(f"{PORTAUDIO} ({error})") from error
    except Exception as error:  # it starts PortAudio while it is imported, and its own class of errors is not there yet
        raise AudioError(f"PortAudio does not start: {error}; {NO_SOUND}") from error
    return sounddevice


def microphone() -> AsyncIterator[bytes]:
    """What the default microphone hears, as 16-bit samples; to be called in a running loop.

    It is opened at once, so that one that cannot be used is known before anything is made for it, and hears from the
    first block that is asked for until the iterator is closed. Raises AudioError, here and later.
    """
    library = open_library()
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[bytes | str] = asyncio.Queue(MAX_BLOCKS)

    def take(block: bytes | str) -> None:
        if blocks.full():
            blocks.get_nowait()
            block = TOO_SLOW
        blocks.put_nowait(block)

    def on_block(data: Any, frames: int, when: Any, status: Any) -> None:
        loop.call_soon_threadsafe(take, bytes(data))

    def on_end() -> None:
        loop.call_soon_threadsafe(take, GONE)

    try:
        stream = library.RawInputStream(
            samplerate=SAMPLE_RATE,
            blocksize=BLOCK,
            channels=1,
            dtype="int16",
            callback=on_block,
            finished_callback=on_end,
        )
    except library.PortAudioError as error:
        raise _unusable(error) from error
    return _heard(stream, library.PortAudioError, blocks)


async def _heard(stream: Any, failure: type[Exception], blocks: asyncio.Queue[bytes | str]) -> AsyncIterator[bytes]:
    """The blocks of a stream; a text among them is why no more come. `failure` is what the stream raises."""
    with closing(stream):
        try:
            stream.start()
        except failure as error:
            raise _unusable(error) from error
        while isinstance(block := await blocks.get(), bytes):
            yield block
    raise AudioError(block)


def _unusable(error: Exception) -> AudioError:
    return AudioError(
        f"there is no microphone that can be used: {error}; connect one, or close the program that holds it"
    )
