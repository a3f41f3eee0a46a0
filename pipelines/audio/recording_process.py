"""A recorded file that came from elsewhere, read in a process of its own, where it can end no meeting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipelines.audio.containers import DecodedAudio
from pipelines.audio.decoder_process import DecoderProcess, start_worker
from pipelines.types import Samples

WORKER = "pipelines.audio.recording_worker"
"""The module that runs there"""


class IsolatedRecording:
    """A file that is being read; its first audio has been."""

    def __init__(self, process: DecoderProcess, first: DecodedAudio | None) -> None:
        self._process = process
        self._next = first

    @property
    def seconds(self) -> float | None:
        """Length as the file declares it; None where it does not."""
        return self._process.length

    def __iter__(self) -> Iterator[Samples]:
        """Its audio, 16 kHz mono, in chunks of a second or less; raises AudioError."""
        while self._next is not None:
            yield np.frombuffer(self._next.data, "<f4")
            self._next = self._process.receive()


@contextmanager
def isolated_recording(path: Path) -> Iterator[IsolatedRecording]:
    """A file while the block is inside; raises AudioError where it is none of audio, StoreError without room for it."""
    process = DecoderProcess(start_worker(WORKER, str(path.absolute())), "recorded")
    try:
        yield IsolatedRecording(process, process.receive())
    finally:
        process.close()
