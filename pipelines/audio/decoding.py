"""Decoding: bytes of any format in, 16 kHz mono float32 out.

Everything is resampled once, here; nothing after it knows of other rates or channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from pipelines.audio.decoder_process import DecoderDied, DecoderProcess, start_decoder
from pipelines.audio.decoder_worker import MAX_INPUT
from pipelines.audio.resampling import MonoResampler, Resampler, to_mono
from pipelines.errors import AudioError
from pipelines.formats import CONTAINERS, HEADER_BYTES, MAX_CHANNELS, MAX_RATE, MIN_PROBE_BYTES, MIN_RATE, PCM
from pipelines.types import SAMPLE_RATE, Samples

CHUNK_SAMPLES = 10 * SAMPLE_RATE
"""Samples that a decoder gives at a time, or a little more: a few bytes may decode to hours"""


class AudioDecoder(Protocol):
    """Turns one source's bytes into samples; holds what is not yet a whole sample or packet."""

    def decode(self, data: bytes) -> Iterator[Samples]:
        """Decode more bytes; gives 16 kHz mono, shape (samples,), in chunks of bounded size, decoded as they are taken.

        The caller takes all of them before it sends more bytes. Raises AudioError, also from the iterator, and
        StoreError where no decoder can be started.
        """

    def flush(self) -> Iterator[Samples]:
        """The rest, once the source has sent everything. Raises AudioError when none of it was audio."""

    def close(self) -> None:
        """Free threads and buffers; safe to call twice."""


def open_decoder(encoding: str, sample_rate: int, channels: int) -> AudioDecoder:
    """The decoder for a declared format; raises AudioError when the declaration is impossible."""
    if encoding in CONTAINERS:
        return ContainerDecoder(encoding)
    if encoding not in PCM:
        raise AudioError(f"unknown audio encoding {encoding[:40]!r}; use one of {', '.join([*PCM, *CONTAINERS])}")
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise AudioError(f"a sample rate of {sample_rate} Hz is not possible; use {MIN_RATE} to {MAX_RATE}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"{channels} channels are not possible; use 1 to {MAX_CHANNELS}")
    return PcmDecoder(np.dtype(PCM[encoding]), sample_rate, channels)


class PcmDecoder:
    """Raw interleaved samples, cut anywhere: what is not yet a sample of every channel waits for the rest of it."""

    def __init__(self, dtype: np.dtype[Any], sample_rate: int, channels: int) -> None:
        self._dtype = dtype
        self._channels = channels
        self._incomplete = b""
        self._resample = Resampler(sample_rate)

    def decode(self, data: bytes) -> Iterator[Samples]:
        """The samples that are whole by now."""
        data = self._incomplete + data
        whole = len(data) - len(data) % (self._dtype.itemsize * self._channels)
        data, self._incomplete = data[:whole], data[whole:]
        frames = np.frombuffer(data, self._dtype).reshape(-1, self._channels).astype(np.float32)
        if self._dtype.kind == "i":
            frames /= 32768.0
        return iter((self._resample(to_mono(frames)),))

    def flush(self) -> Iterator[Samples]:
        """The resampler's tail; a sample that was never finished is left out."""
        return iter((self._resample(np.zeros(0, np.float32), last=True),))

    def close(self) -> None:
        """Nothing to free."""


class ContainerDecoder:
    """WebM, Ogg, WAV, FLAC, MP3 or M4A, decoded as a stream by a process of its own."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._matches = CONTAINERS[encoding][1]
        self._process: DecoderProcess | None = None
        self._pending = memoryview(b"")
        """Bytes that the process has not asked for yet"""
        self._input_ended = False
        self._any_audio = False
        self._to_mono = MonoResampler()
        self._error: AudioError | None = None

    def decode(self, data: bytes) -> Iterator[Samples]:
        """Decode what can be decoded so far; raises StoreError where no process can be started."""
        self._pending = memoryview(bytes(self._pending) + data)
        if self._process is None:
            if len(self._pending) >= HEADER_BYTES and not self._matches(bytes(self._pending[:HEADER_BYTES])):
                raise AudioError(f"this is not {self._encoding} audio: its first bytes are of another format")
            if len(self._pending) < MIN_PROBE_BYTES:
                return iter(())
            self._process = start_decoder(self._encoding)
        return self._chunks(self._process)

    def flush(self) -> Iterator[Samples]:
        """Decode to the end; raises AudioError when the container held no audio."""
        if self._process is None:
            if len(self._pending) < HEADER_BYTES:
                raise AudioError(f"no {self._encoding} audio arrived: only {len(self._pending)} bytes")
            self._process = start_decoder(self._encoding)
        self._input_ended = True
        return self._drain(self._process)

    def close(self) -> None:
        """End the process."""
        self._pending = memoryview(b"")
        if self._process is not None:
            self._process.close()

    def _chunks(self, process: DecoderProcess) -> Iterator[Samples]:
        """What the bytes so far decode to, in chunks of `CHUNK_SAMPLES` or a little more."""
        any_audio, parts, size = False, list[Samples](), 0
        for audio in self._decode_pending(process):
            parts.append(audio)
            size += len(audio)
            if size >= CHUNK_SAMPLES:
                any_audio = self._any_audio = True
                yield np.concatenate(parts)
                parts, size = [], 0
        if size:
            any_audio = self._any_audio = True
            yield np.concatenate(parts)
        if self._error is not None and not any_audio:
            raise self._error

    def _drain(self, process: DecoderProcess) -> Iterator[Samples]:
        try:
            yield from self._chunks(process)
        except DecoderDied:
            raise
        except AudioError:
            # What breaks off is cut short, not refused: all before the break has been decoded.
            if not self._any_audio:
                raise
        if isinstance(self._error, DecoderDied):
            raise self._error
        if not self._any_audio:
            raise AudioError(f"the {self._encoding} stream held no audio")

    def _decode_pending(self, process: DecoderProcess) -> Iterator[Samples]:
        """Give the process what waits, as it asks for it, until it asks for more; an error is kept for later."""
        while not process.ended:
            if process.wants_input and not self._pending and not self._input_ended:
                return
            try:
                if process.wants_input:
                    data, self._pending = self._pending[:MAX_INPUT], self._pending[MAX_INPUT:]
                    process.send(bytes(data))
                part = process.receive()
            except AudioError as error:
                self._error, self._to_mono = error, MonoResampler()
                return
            if part is not None:
                yield from self._to_mono(part.rate, part.channels, part.data)
        self._pending = memoryview(b"")
        yield from self._to_mono.flush()
