"""A recording as raw samples, piece by piece: what is sent to a server in the place of a microphone's sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from meeting.core.messages import AudioInfo
from pipelines.audio.recording import read_recording
from pipelines.types import SAMPLE_RATE, Samples

Piece = TypeVar("Piece")

AUDIO = AudioInfo("pcm_f32le", SAMPLE_RATE, 1)
SAMPLE_BYTES = 4
"""Bytes of one sample in it"""


def open_recording(recording: Path) -> Iterator[Samples]:
    """The recording's audio, its first part already decoded; raises AudioError."""
    audio = read_recording(recording)
    return chain([next(audio)], audio)


def to_pieces(audio: Iterator[Samples], size: int) -> Iterator[bytes]:
    """Audio of any chunks as the bytes of `size` samples each, the last one shorter."""
    kept = np.zeros(0, np.float32)
    for chunk in audio:
        kept = np.concatenate([kept, chunk])
        while len(kept) >= size:
            yield kept[:size].astype("<f4").tobytes()
            kept = kept[size:]
    if len(kept):
        yield kept.astype("<f4").tobytes()


async def decoded_in_thread(pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """The same pieces, made without keeping an event loop waiting; raises AudioError. None is being made at its end."""
    while True:
        making = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
        try:
            piece = await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait([making])
            raise
        if piece is None:
            return
        yield piece
