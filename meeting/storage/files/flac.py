"""Audio on disk as it sounds: 16 kHz mono samples as a FLAC file, written as they come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from meeting.storage.files.private_files import store_errors
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE, Samples


class FlacWriter:
    """Writes mono audio at 16 kHz to a 16-bit FLAC file as it comes; replaces a file that is there."""

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path = path
        self.samples = 0
        """Samples written so far"""
        self._library: Any = soundfile
        self._errors: tuple[type[Exception], ...] = (OSError, soundfile.SoundFileError, AssertionError)
        with store_errors(path, self._errors):
            # Made here, not by the library, so that nobody else can read it from the first byte on.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file: Any = soundfile.SoundFile(
                descriptor, "w", SAMPLE_RATE, channels=1, format="FLAC", subtype="PCM_16", closefd=True
            )

    def write(self, samples: Samples) -> None:
        """Add samples, shape (samples,), values beyond [-1, 1] clipped; raises StoreError where the disk refuses."""
        if self._file.closed:
            raise StoreError(f"{self.path} is closed")
        scaled = np.rint(np.clip(np.nan_to_num(samples), -1, 1) * 32768)
        whole = np.minimum(scaled, 32767).astype(np.int16)
        with store_errors(self.path, self._errors):
            self._file.write(whole)
        self.samples += len(whole)

    def close(self) -> None:
        """Finish the file; calling it again does nothing. Raises StoreError where the disk refuses."""
        if self._file.closed:
            return
        if not self.samples:
            self.write(np.zeros(1, np.float32))  # a FLAC without any sample is no file that players open
        with store_errors(self.path, self._errors):
            self._file.close()
            # The library keeps silent when the last block does not fit on the disk, but its header shows it.
            with self._library.SoundFile(self.path) as written:
                whole = written.frames == self.samples
        if not whole:
            raise StoreError(f"{self.path} cannot be used: the disk does not take what is written")

    def __enter__(self) -> FlacWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
