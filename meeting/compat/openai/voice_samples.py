"""Samples of voices in front of a recording: all of it as raw audio, decoded as it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from meeting.compat.containers import container_of
from meeting.compat.openai.form import Form
from meeting.compat.openai.known_speakers import PAUSE_SECONDS, KnownSpeakers
from meeting.compat.parameters import refused
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo
from meeting.live.rooms import Rooms
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE, Samples

AUDIO = AudioInfo("pcm_s16le", SAMPLE_RATE, 1)
"""What comes out"""
SAMPLE_BYTES = 2
LEAST_SECONDS, MOST_SECONDS = 2.0, 10.0
"""Length of a sample"""


async def read_samples(rooms: Rooms, form: Form) -> tuple[KnownSpeakers, bytes]:
    """The voices that a form names, and their samples one after the other; raises ProtocolError for what is none."""
    pause = bytes(SAMPLE_BYTES * round(PAUSE_SECONDS * SAMPLE_RATE))
    audio, lengths = b"", []
    for data in form.known_samples:
        sample = await _sample(rooms, data)
        length = len(sample) / SAMPLE_BYTES / SAMPLE_RATE
        if not LEAST_SECONDS <= length <= MOST_SECONDS:
            raise refused(f"known_speaker_references must last from {LEAST_SECONDS:g} to {MOST_SECONDS:g} seconds each")
        lengths.append(length)
        audio += sample + pause
    return KnownSpeakers(form.known_names, lengths), audio


async def _sample(rooms: Rooms, data: bytes) -> bytes:
    try:
        container = container_of(data)
        if container is None:
            raise ProtocolError("nothing is in it")
        # a little more than it may have: what is longer is found to be
        return b"".join([part async for part in decoded(rooms, container, _whole(data), MOST_SECONDS + 1.0)])
    except ProtocolError as error:
        raise refused(f"known_speaker_references holds what is no audio: {error}") from error


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def decoded(
    rooms: Rooms, container: str, pieces: AsyncIterator[bytes], most_seconds: float
) -> AsyncIterator[bytes]:
    """What a recording decodes to, as `AUDIO` says and as it is taken; what lies beyond so many seconds is left out.

    Raises ProtocolError where it is no audio, StoreError where no decoder can be started.
    """
    decoder = rooms.services.backend.open_decoder(container, 0, 0)
    # one thread, so that the decoder is closed behind its last step, whenever this is given up
    thread, left = ThreadPoolExecutor(1, "decoder"), round(most_seconds * SAMPLE_RATE)
    run: Callable[..., Any] = partial(asyncio.get_running_loop().run_in_executor, thread)
    try:
        async for step in _steps(decoder, pieces):
            chunks: Iterator[Samples] = await run(step)
            while left > 0 and (chunk := await run(next, chunks, None)) is not None:
                yield _raw(chunk[:left])
                left -= len(chunk)
            if left <= 0:
                return
    except AudioError as error:
        raise ProtocolError(str(error), ErrorCode.BAD_AUDIO) from error
    finally:
        thread.submit(decoder.close)
        thread.shutdown(wait=False)


async def _steps(decoder: Any, pieces: AsyncIterator[bytes]) -> AsyncIterator[Callable[[], Iterator[Samples]]]:
    async for piece in pieces:
        yield partial(decoder.decode, piece)
    yield decoder.flush


def _raw(audio: Samples) -> bytes:
    return (np.clip(audio, -1.0, 1.0) * 32767).astype("<i2").tobytes()


async def in_front(samples: bytes, recording: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The samples, and then the recording."""
    yield samples
    async for piece in recording:
        yield piece
