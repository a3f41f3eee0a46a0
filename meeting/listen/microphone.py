"""This machine's microphone, by way of PortAudio where it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
PORTAUDIO = "PortAudio is missing: install it, on Debian and Ubuntu with `apt install libportaudio2`"


def open_library() -> Any:
    """The library that records; raises AudioError with what to install."""
    try:
        import sounddevice
    except ImportError as error:
        raise AudioError(f"the microphone needs the package sounddevice: {INSTALL}") from error
    except OSError as error:
        raise AudioError(PORTAUDIO) from error
    return sounddevice


async def microphone() -> AsyncIterator[bytes]:
    """What the default microphone hears, as 16-bit samples; raises AudioError. Ends when it is closed."""
    library = open_library()
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_BLOCKS)

    def take(block: bytes) -> None:
        if blocks.full():
            blocks.get_nowait()
            blocks.put_nowait(None)
        else:
            blocks.put_nowait(block)

    def on_block(data: Any, frames: int, when: Any, status: Any) -> None:
        loop.call_soon_threadsafe(take, bytes(data))

    try:
        stream = library.RawInputStream(
            samplerate=SAMPLE_RATE, blocksize=BLOCK, channels=1, dtype="int16", callback=on_block
        )
    except library.PortAudioError as error:
        raise AudioError(f"there is no microphone that can be used: {error}") from error
    with stream:
        while (block := await blocks.get()) is not None:
            yield block
    raise AudioError("the server has taken too little for a minute: the microphone's sound is lost from here on")
