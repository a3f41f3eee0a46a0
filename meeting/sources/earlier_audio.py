"""The sound that an earlier process made of a source: what its journal has lost may still be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.audio.recording import read_recording
from pipelines.errors import AudioError
from pipelines.types import Samples


class EarlierAudio:
    """A FLAC of one source, read from its beginning towards its end; one that was never finished will do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: Iterator[Samples] | None = None
        self._position = 0
        self._rest: Samples = np.zeros(0, np.float32)

    def read(self, start: int, count: int) -> Samples:
        """At most `count` samples from `start` on, shape (samples,); fewer where it ends."""
        if self._parts is None or start < self._position:
            self._parts, self._position, self._rest = _decoded(self._path), 0, np.zeros(0, np.float32)
        found: list[Samples] = []
        end = start + count
        while self._position < end:
            if not len(self._rest):
                self._rest = next(self._parts, np.zeros(0, np.float32))
                if not len(self._rest):
                    break
            taken = self._rest[: end - self._position]
            found.append(taken[max(0, start - self._position) :])
            self._position, self._rest = self._position + len(taken), self._rest[len(taken) :]
        return np.concatenate(found) if found else np.zeros(0, np.float32)


def _decoded(path: Path) -> Iterator[Samples]:
    try:
        yield from read_recording(path)
    except AudioError:  # what can be read of it has been
        return
