"""What is made of a source's frames: samples at 16 kHz, silence where frames never arrived, and the same as FLAC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from meeting.gaps import GapFinder, GapList
from meeting.journal import FlacWriter
from meeting.machinery import Door
from meeting.messages import AudioFrame, AudioInfo
from meeting.records import Gap
from pipelines.errors import AudioError, StoreError
from pipelines.types import Samples

log = logging.getLogger(__name__)


class Sound:
    """One source's sound, frame by frame; a FLAC that cannot be written is left for `mend`, and the sound goes on."""

    def __init__(
        self, source_id: str, audio: AudioInfo, door: Door, flac: Path | None, longest: int | None = None
    ) -> None:
        """Replaces the file `flac`; None keeps none. Ends after `longest` samples. Raises StoreError."""
        self.samples = 0
        """Samples so far"""
        self.whole = True
        """False once the FLAC lacks something"""
        self._source_id = source_id
        self._audio = audio
        self._door = door
        self._path = flac
        self._longest = longest
        self._gaps = GapFinder(audio)
        self._told = GapList(source_id)
        self._flac = None if flac is None else FlacWriter(flac)

    @property
    def name(self) -> str | None:
        """File name of the FLAC."""
        return None if self._path is None else self._path.name

    @property
    def full(self) -> bool:
        """Whether it is as long as it may be: what comes now is not heard."""
        return self._left == 0

    def take(self, frame: AudioFrame) -> tuple[list[Gap], Iterator[Samples]]:
        """The samples that a frame adds, in pieces of bounded size, and what is to be told of gaps before it.

        They are decoded as they are taken, and all of them are taken before the next frame. Raises AudioError, also
        while they are.
        """
        pieces: Iterator[Samples] = self._door.accept(frame.payload)
        gaps: list[Gap] = []
        missing = self._gaps(frame)
        if missing:
            silence = self._gaps.silence(missing)
            if self._left is not None:
                silence = min(silence, self._left)
            gaps = self._told.add(self.samples, silence, missing)
            pieces = chain([np.zeros(silence, np.float32)], pieces)
        return gaps, self._added(pieces)

    def untold(self) -> list[Gap]:
        """What is still to be told of gaps once no frame will come."""
        return self._told.rest()

    def flush(self) -> Iterator[Samples]:
        """The rest, once no frame will come; raises AudioError when nothing was audio."""
        return self._added(iter(()) if self.full else self._door.flush())

    def finish(self) -> None:
        """Finish the FLAC; `whole` says whether it could be."""
        if self._flac is None:
            return
        flac, self._flac = self._flac, None
        try:
            flac.close()
        except StoreError:
            self.whole = False

    def mend(self, frames: Iterable[AudioFrame], open_door: Callable[[], Door]) -> None:
        """Write the FLAC anew from all frames; raises StoreError where the disk still refuses."""
        door = open_door()
        try:
            again = Sound(self._source_id, self._audio, door, self._path, self._longest)
            with suppress(AudioError):  # what is no audio ended the source the first time, too
                for frame in frames:
                    if again.full:
                        break
                    _drain(again.take(frame)[1])
                _drain(again.flush())
            again.finish()
        finally:
            door.close()
        if not again.whole:
            raise StoreError(f"{self._path} cannot be used: the disk does not take what is written")
        self.whole = True

    def close(self) -> None:
        """Free what it holds."""
        self._door.close()
        self._give_up()

    @property
    def _left(self) -> int | None:
        return None if self._longest is None else max(0, self._longest - self.samples)

    def _added(self, pieces: Iterator[Samples]) -> Iterator[Samples]:
        for piece in pieces:
            audio = self._add(piece[: self._left])
            if len(audio):
                yield audio
            if self.full:
                return

    def _add(self, audio: Samples) -> Samples:
        self.samples += len(audio)
        if self._flac is not None and len(audio):
            try:
                self._flac.write(audio)
            except StoreError as error:
                log.warning("source %s: its sound is written again at the end: %s", self._source_id, error)
                self._give_up()
        return audio

    def _give_up(self) -> None:
        flac, self._flac = self._flac, None
        if flac is not None:
            self.whole = False
            with suppress(StoreError):
                flac.close()


def _drain(pieces: Iterator[Samples]) -> None:
    for _ in pieces:
        pass
