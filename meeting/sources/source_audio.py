"""What is made of a source's frames: samples at 16 kHz, silence where frames never arrived, and the same as FLAC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from meeting.core.continuity.gaps import MAX_SILENCE, SAMPLE_BYTES, GapFinder, GapList
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from meeting.sources.earlier_audio import EarlierAudio
from meeting.storage.files import journal_format
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.journal_format import Entry, LostFrames, Mark
from pipelines.audio.decoding import AudioDecoder
from pipelines.errors import AudioError, StoreError
from pipelines.types import SAMPLE_RATE, Samples, Span

log = logging.getLogger(__name__)

PART_SUFFIX = ".part"
"""What the name of a FLAC ends with until it takes the place of an earlier one"""
DAMAGED_REASON = "sound that was received, and damaged on the server's disk"
"""Why there is a gap, for people"""
TOLERANCE = SAMPLE_RATE // 10
"""Samples by which the length may differ when a journal is processed again: ends of filters and blocks"""
SILENCE_BYTES = 1 << 20
"""Bytes of silence that go through the decoder at once"""


class SourceAudio:
    """What one source's frames become; a FLAC that cannot be written is left for `rewrite_flac` at the end."""

    def __init__(
        self,
        source_id: str,
        audio: AudioInfo,
        decoder: AudioDecoder,
        flac: Path | None,
        max_samples: int | None = None,
        processed: int | None = None,
        on_lost: Callable[[Gap], None] = lambda gap: None,
    ) -> None:
        """Replaces the file `flac`; None keeps none. Ends after `max_samples` samples. Raises StoreError.

        `processed`: as many samples as an earlier process is known to have made. Its FLAC is replaced by
        `replace_earlier` only, and what is damaged in the journal is taken from there; `on_lost` is told what is not
        there either, anew as it grows.
        """
        self.samples = 0
        """Samples so far"""
        self.muted = False
        """Whether silence stands for what comes"""
        self.flac_complete = True
        """False once the FLAC lacks something"""
        self._source_id = source_id
        self._audio = audio
        self._decoder = decoder
        self._final_path = flac
        self._max_samples = max_samples
        self._processed = processed
        self._on_lost = on_lost
        self._lost_span: Span | None = None
        self._lost_before_next = False
        self._filled_since_frame = False
        self._earlier_used = False
        """Whether what an earlier process wrote was asked for"""
        self._last_capture: tuple[int, int] | None = None
        self._gap_finder = GapFinder(audio)
        self._gap_list = GapList(source_id)
        self._earlier = None if flac is None or processed is None else EarlierAudio(flac)
        self._flac_path = flac if flac is None or processed is None else flac.with_name(flac.name + PART_SUFFIX)
        self._flac = None if self._flac_path is None else FlacWriter(self._flac_path)

    @property
    def name(self) -> str | None:
        """File name of the FLAC."""
        return None if self._final_path is None else self._final_path.name

    @property
    def raw(self) -> bool:
        """Whether frames are samples, and no parts of a file."""
        return self._audio.encoding in SAMPLE_BYTES

    @property
    def lossy(self) -> bool:
        """Whether something that was received could not be had any more."""
        return self._lost_span is not None

    @property
    def full(self) -> bool:
        """Whether it is as long as it may be: what comes now is not processed."""
        return self._room_left == 0

    def decode(self, entry: Entry) -> tuple[list[Gap], Iterator[Samples]]:
        """The samples that a frame adds, in pieces of bounded size, and what is to be told of gaps before it.

        They are decoded as they are taken, and all of them are taken before the next entry. Raises AudioError, also
        while they are. In the place of frames that are lost stands what an earlier process made of them, or silence.
        """
        match entry:
            case LostFrames():
                return [], self._fill_lost(entry)
            case Mark(kind=journal_format.PROCESSED):
                return [], self.fill_to(entry.value)
            case Mark(kind=journal_format.MUTED):
                self.muted = entry.value > 0
                return [], iter(())
            case Mark():
                return [], iter(())
            case AudioFrame():
                return self._decode_frame(entry)

    def _decode_frame(self, frame: AudioFrame) -> tuple[list[Gap], Iterator[Samples]]:
        pieces: Iterator[Samples] = self._decoder.decode(frame.payload)
        gaps: list[Gap] = []
        missing, lost = self._gap_finder(frame), self._samples_lost_before(frame)
        if missing:
            silence = self._gap_finder.silence(missing)
            if self._room_left is not None:
                silence = min(silence, self._room_left)
            gaps = self._gap_list.add(self.samples, silence, missing)
            pieces = chain([np.zeros(silence, np.float32)], pieces)
        elif lost:
            return gaps, chain(self._fill(lost), self._keep_all(pieces))
        return gaps, self._keep_all(pieces)

    def fill_to(self, samples: int | None = None) -> Iterator[Samples]:
        """What is missing up to a place that is known to have been processed, by default all that is."""
        missing = (self._processed or 0 if samples is None else samples) - self.samples
        if missing < TOLERANCE:
            return iter(())
        self._note_filled(missing / SAMPLE_RATE)
        return self._fill(missing)

    def _note_filled(self, seconds: float) -> None:
        """Something stands for so much of the source."""
        self._filled_since_frame = True
        self._gap_finder.skip(seconds)
        if self._last_capture is not None:
            self._last_capture = (self._last_capture[0] + round(seconds * 1e6), self._last_capture[1])

    def _fill_lost(self, loss: LostFrames) -> Iterator[Samples]:
        """What stands for lost frames: raw ones tell how long they were, of others the next one's clock does."""
        rate = SAMPLE_BYTES.get(self._audio.encoding, 0) * self._audio.sample_rate * self._audio.channels
        if not rate or not loss.payload_bytes:
            self._lost_before_next = True
            return iter(())
        self._note_filled(loss.payload_bytes / rate)
        starts = range(0, loss.payload_bytes, SILENCE_BYTES)
        zeros = (bytes(min(SILENCE_BYTES, loss.payload_bytes - start)) for start in starts)
        return self._from_earlier(piece for part in zeros for piece in self._decoder.decode(part))

    def _samples_lost_before(self, frame: AudioFrame) -> int:
        """Samples that are missing before a frame because others are lost, by the clock: one at least, to be told."""
        before, step = self._last_capture or (frame.capture_us, 0)
        between = max(0, frame.capture_us - before)
        lost, self._lost_before_next = self._lost_before_next, False
        filled, self._filled_since_frame = self._filled_since_frame, False
        self._last_capture = (frame.capture_us, step if lost else between)
        missing = round(min(max(0, between - step) / 1e6, MAX_SILENCE) * SAMPLE_RATE)
        return max(not filled, missing) if lost else 0

    def _fill(self, samples: int) -> Iterator[Samples]:
        starts = range(0, samples, SAMPLE_RATE)
        return self._from_earlier(np.zeros(min(SAMPLE_RATE, samples - start), np.float32) for start in starts)

    def _from_earlier(self, pieces: Iterator[Samples]) -> Iterator[Samples]:
        self._earlier_used = True
        for piece in pieces:
            start = self.samples
            old = np.zeros(0, np.float32) if self._earlier is None else self._earlier.read(start, len(piece))
            if len(old) < len(piece):
                self._report_lost(Span(start + len(old), start + len(piece)))
            yield from self._keep_all(iter([np.concatenate([old, piece[len(old) :]])]))

    def _report_lost(self, span: Span) -> None:
        if self._lost_span is not None and self._lost_span.end == span.start:
            span = self._lost_span | span
        self._lost_span = span
        self._on_lost(Gap(self._source_id, span, DAMAGED_REASON))

    def remaining_gaps(self) -> list[Gap]:
        """What is still to be told of gaps once no frame will come."""
        return self._gap_list.flush()

    def flush(self) -> Iterator[Samples]:
        """The rest, once no frame will come; raises AudioError when nothing was audio."""
        return self._keep_all(iter(()) if self.full else self._decoder.flush())

    def finish(self) -> None:
        """Finish the FLAC; `flac_complete` says whether it could be."""
        if self._flac is None:
            return
        flac, self._flac = self._flac, None
        try:
            flac.close()
            self.replace_earlier()
        except StoreError:
            self.flac_complete = False

    def replace_earlier(self) -> None:
        """Let the FLAC take the place of the one that an earlier process wrote; raises StoreError.

        One that was needed stays until the new one is finished: its last block is on the disk only then.
        """
        if self._final_path is None or self._flac_path in (None, self._final_path) or not self.flac_complete:
            return
        if self._earlier_used and self._flac is not None:
            return
        try:
            self._flac_path.replace(self._final_path)
        except OSError as error:
            raise StoreError(f"{self._final_path} cannot be used: {error.strerror}") from error
        self._flac_path = self._final_path
        if self._flac is not None:
            self._flac.path = self._final_path

    def rewrite_flac(self, entries: Iterable[Entry], open_decoder: Callable[[], AudioDecoder]) -> None:
        """Write the FLAC anew from all of a journal; raises StoreError where the disk still refuses."""
        decoder = open_decoder()
        try:
            again = SourceAudio(
                self._source_id, self._audio, decoder, self._final_path, self._max_samples, self._processed
            )
            with suppress(AudioError):  # what is no audio ended the source the first time, too
                for entry in entries:
                    if again.full:
                        break
                    _drain(again.decode(entry)[1])
                _drain(again.flush())
            _drain(again.fill_to())
            again.finish()
            again.replace_earlier()
        finally:
            decoder.close()
        if not again.flac_complete:
            raise StoreError(f"{self._final_path} cannot be used: the disk does not take what is written")
        self.flac_complete = True
        self._flac_path = self._final_path

    def close(self, held: bool = True) -> None:
        """Free what it holds; without `held` another server may have made a file of the same name."""
        self._decoder.close()
        self._abandon_flac()
        if held and self._flac_path is not None and self._flac_path != self._final_path:
            with suppress(OSError):
                self._flac_path.unlink()

    @property
    def _room_left(self) -> int | None:
        return None if self._max_samples is None else max(0, self._max_samples - self.samples)

    def _keep_all(self, pieces: Iterator[Samples]) -> Iterator[Samples]:
        for piece in pieces:
            audio = self._keep(piece[: self._room_left])
            if len(audio):
                yield audio
            if self.full:
                return

    def _keep(self, audio: Samples) -> Samples:
        if self.muted:
            audio = np.zeros_like(audio)
        self.samples += len(audio)
        if self._flac is not None and len(audio):
            try:
                self._flac.write(audio)
            except StoreError as error:
                log.warning("source %s: its sound is written again at the end: %s", self._source_id, error)
                self._abandon_flac()
        return audio

    def _abandon_flac(self) -> None:
        flac, self._flac = self._flac, None
        if flac is not None:
            self.flac_complete = False
            with suppress(StoreError):
                flac.close()


def _drain(pieces: Iterator[Samples]) -> None:
    for _ in pieces:
        pass
