"""What is made of a source's frames: samples at 16 kHz, silence where frames never arrived, and the same as FLAC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from meeting.session.gaps import MAX_SILENCE, SAMPLE_BYTES, GapFinder, GapList
from meeting.sources.earlier_audio import EarlierAudio
from meeting.storage.files import journal_format
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.journal_format import Entry, LostFrames, Mark
from pipelines.audio.decoding import AudioDecoder
from pipelines.errors import AudioError, StoreError
from pipelines.types import SAMPLE_RATE, Samples, Span

log = logging.getLogger(__name__)

PART = ".part"
"""What the name of a FLAC ends with until it takes the place of an earlier one"""
DAMAGED = "sound that was received, and damaged on the server's disk"
"""Why there is a gap, for people"""
SLACK = SAMPLE_RATE // 10
"""Samples by which what was heard may differ from what is heard again: ends of filters and blocks"""
BLOCK = 1 << 20
"""Bytes of silence that go through the decoder at once"""


class SourceAudio:
    """What one source's frames become; a FLAC that cannot be written is left for `rewrite_flac` at the end."""

    def __init__(
        self,
        source_id: str,
        audio: AudioInfo,
        decoder: AudioDecoder,
        flac: Path | None,
        longest: int | None = None,
        heard: int | None = None,
        on_lost: Callable[[Gap], None] = lambda gap: None,
    ) -> None:
        """Replaces the file `flac`; None keeps none. Ends after `longest` samples. Raises StoreError.

        `heard`: what an earlier process heard is heard again, as many samples as that. Its FLAC is replaced by
        `settle` only, and what is damaged in the journal is taken from there; `on_lost` is told what is not there
        either, anew as it grows.
        """
        self.samples = 0
        """Samples so far"""
        self.whole = True
        """False once the FLAC lacks something"""
        self._source_id = source_id
        self._audio = audio
        self._decoder = decoder
        self._path = flac
        self._longest = longest
        self._heard = heard
        self._on_lost = on_lost
        self._lost: Span | None = None
        self._missed = False
        self._stands = False
        self._needed = False
        """Whether what an earlier process wrote was asked for"""
        self._captured: tuple[int, int] | None = None
        self._gaps = GapFinder(audio)
        self._told = GapList(source_id)
        self._earlier = None if flac is None or heard is None else EarlierAudio(flac)
        self._written = flac if flac is None or heard is None else flac.with_name(flac.name + PART)
        self._flac = None if self._written is None else FlacWriter(self._written)

    @property
    def name(self) -> str | None:
        """File name of the FLAC."""
        return None if self._path is None else self._path.name

    @property
    def lossy(self) -> bool:
        """Whether something that was received could not be had any more."""
        return self._lost is not None

    @property
    def full(self) -> bool:
        """Whether it is as long as it may be: what comes now is not heard."""
        return self._left == 0

    def take(self, entry: Entry) -> tuple[list[Gap], Iterator[Samples]]:
        """The samples that a frame adds, in pieces of bounded size, and what is to be told of gaps before it.

        They are decoded as they are taken, and all of them are taken before the next entry. Raises AudioError, also
        while they are. In the place of frames that are lost stands what an earlier process made of them, or silence.
        """
        match entry:
            case LostFrames():
                return [], self._filled(entry)
            case Mark(kind=journal_format.PROCESSED):
                return [], self.reach(entry.value)
            case Mark():
                return [], iter(())
            case AudioFrame():
                return self._taken(entry)

    def _taken(self, frame: AudioFrame) -> tuple[list[Gap], Iterator[Samples]]:
        pieces: Iterator[Samples] = self._decoder.decode(frame.payload)
        gaps: list[Gap] = []
        missing, lost = self._gaps(frame), self._missing(frame)
        if missing:
            silence = self._gaps.silence(missing)
            if self._left is not None:
                silence = min(silence, self._left)
            gaps = self._told.add(self.samples, silence, missing)
            pieces = chain([np.zeros(silence, np.float32)], pieces)
        elif lost:
            return gaps, chain(self._padded(lost), self._added(pieces))
        return gaps, self._added(pieces)

    def reach(self, samples: int | None = None) -> Iterator[Samples]:
        """What is missing up to a place that is known to have been heard, by default all that is."""
        missing = (self._heard or 0 if samples is None else samples) - self.samples
        if missing < SLACK:
            return iter(())
        self._skip(missing / SAMPLE_RATE)
        return self._padded(missing)

    def _skip(self, seconds: float) -> None:
        """Something stands for so much of the source."""
        self._stands = True
        self._gaps.skip(seconds)
        if self._captured is not None:
            self._captured = (self._captured[0] + round(seconds * 1e6), self._captured[1])

    def _filled(self, loss: LostFrames) -> Iterator[Samples]:
        """What stands for lost frames: raw ones tell how long they were, of others the next one's clock does."""
        rate = SAMPLE_BYTES.get(self._audio.encoding, 0) * self._audio.sample_rate * self._audio.channels
        if not rate or not loss.payload_bytes:
            self._missed = True
            return iter(())
        self._skip(loss.payload_bytes / rate)
        starts = range(0, loss.payload_bytes, BLOCK)
        zeros = (bytes(min(BLOCK, loss.payload_bytes - start)) for start in starts)
        return self._restored(piece for part in zeros for piece in self._decoder.decode(part))

    def _missing(self, frame: AudioFrame) -> int:
        """Samples that are missing before a frame because others are lost, by the clock: one at least, to be told."""
        before, step = self._captured or (frame.capture_us, 0)
        between = max(0, frame.capture_us - before)
        missed, self._missed, least, self._stands = self._missed, False, not self._stands, False
        self._captured = (frame.capture_us, step if missed else between)
        missing = round(min(max(0, between - step) / 1e6, MAX_SILENCE) * SAMPLE_RATE)
        return max(least, missing) if missed else 0

    def _padded(self, samples: int) -> Iterator[Samples]:
        starts = range(0, samples, SAMPLE_RATE)
        return self._restored(np.zeros(min(SAMPLE_RATE, samples - start), np.float32) for start in starts)

    def _restored(self, pieces: Iterator[Samples]) -> Iterator[Samples]:
        self._needed = True
        for piece in pieces:
            start = self.samples
            old = np.zeros(0, np.float32) if self._earlier is None else self._earlier.read(start, len(piece))
            if len(old) < len(piece):
                self._tell_lost(Span(start + len(old), start + len(piece)))
            yield from self._added(iter([np.concatenate([old, piece[len(old) :]])]))

    def _tell_lost(self, span: Span) -> None:
        if self._lost is not None and self._lost.end == span.start:
            span = self._lost | span
        self._lost = span
        self._on_lost(Gap(self._source_id, span, DAMAGED))

    def untold(self) -> list[Gap]:
        """What is still to be told of gaps once no frame will come."""
        return self._told.flush()

    def flush(self) -> Iterator[Samples]:
        """The rest, once no frame will come; raises AudioError when nothing was audio."""
        return self._added(iter(()) if self.full else self._decoder.flush())

    def finish(self) -> None:
        """Finish the FLAC; `whole` says whether it could be."""
        if self._flac is None:
            return
        flac, self._flac = self._flac, None
        try:
            flac.close()
            self.settle()
        except StoreError:
            self.whole = False

    def settle(self) -> None:
        """Let the FLAC take the place of the one that an earlier process wrote; raises StoreError.

        One that was needed stays until the new one is finished: its last block is on the disk only then.
        """
        if self._path is None or self._written is None or self._written == self._path or not self.whole:
            return
        if self._needed and self._flac is not None:
            return
        try:
            self._written.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be used: {error.strerror}") from error
        self._written = self._path
        if self._flac is not None:
            self._flac.path = self._path

    def rewrite_flac(self, entries: Iterable[Entry], open_decoder: Callable[[], AudioDecoder]) -> None:
        """Write the FLAC anew from all of a journal; raises StoreError where the disk still refuses."""
        decoder = open_decoder()
        try:
            again = SourceAudio(self._source_id, self._audio, decoder, self._path, self._longest, self._heard)
            with suppress(AudioError):  # what is no audio ended the source the first time, too
                for entry in entries:
                    if again.full:
                        break
                    _drain(again.take(entry)[1])
                _drain(again.flush())
            _drain(again.reach())
            again.finish()
            again.settle()
        finally:
            decoder.close()
        if not again.whole:
            raise StoreError(f"{self._path} cannot be used: the disk does not take what is written")
        self.whole = True
        self._written = self._path

    def close(self) -> None:
        """Free what it holds."""
        self._decoder.close()
        self._give_up()
        if self._written is not None and self._written != self._path:
            with suppress(OSError):
                self._written.unlink()

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
