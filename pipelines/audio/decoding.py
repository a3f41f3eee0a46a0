"""Decoding: bytes of any format in, 16 kHz mono float32 out, in exact steps.

Everything is resampled once, here; nothing behind it knows of other rates or channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from pipelines.audio.decoder_process import DecoderDied, DecoderProcess
from pipelines.audio.decoder_worker import MOST_GIVEN
from pipelines.audio.resampling import Resampler, Unifier, to_mono
from pipelines.errors import AudioError
from pipelines.formats import BLOCK, CONTAINERS, HEAD, MAX_CHANNELS, MAX_RATE, MIN_RATE, PCM
from pipelines.types import SAMPLE_RATE, STEP, Samples, Step

PIECE = 10 * SAMPLE_RATE
"""Samples that a decoder gives at a time, or a little more: a few bytes may hold hours"""


class AudioDecoder(Protocol):
    """Turns one source's bytes into samples; holds what is not yet a whole sample or packet."""

    def accept(self, data: bytes) -> Iterator[Samples]:
        """Decode more bytes; gives 16 kHz mono, shape (samples,), in pieces, as fast as they are taken.

        All of them are taken before more bytes come. Raises AudioError, also from the iterator.
        """

    def flush(self) -> Iterator[Samples]:
        """The rest, once the source has sent everything. Raises AudioError when nothing was audio."""

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
        self._begun = b""
        self._resample = Resampler(sample_rate)

    def accept(self, data: bytes) -> Iterator[Samples]:
        """The samples that are whole by now."""
        data = self._begun + data
        whole = len(data) - len(data) % (self._dtype.itemsize * self._channels)
        data, self._begun = data[:whole], data[whole:]
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
        self._looks_right = CONTAINERS[encoding][1]
        self._process: DecoderProcess | None = None
        self._waiting = memoryview(b"")
        """Bytes that the process has not asked for yet"""
        self._ended = False
        self._heard = False
        self._unify = Unifier()
        self._error: AudioError | None = None

    def accept(self, data: bytes) -> Iterator[Samples]:
        """Decode what can be decoded so far; raises StoreError where no process can be started."""
        self._waiting = memoryview(bytes(self._waiting) + data)
        if self._process is None:
            if len(self._waiting) >= HEAD and not self._looks_right(bytes(self._waiting[:HEAD])):
                raise AudioError(f"this is not {self._encoding} audio: its first bytes are of another format")
            if len(self._waiting) < BLOCK:
                return iter(())
            self._process = DecoderProcess(self._encoding)
        return self._pieces(self._process)

    def flush(self) -> Iterator[Samples]:
        """Decode to the end; raises AudioError when the container held no audio."""
        if self._process is None:
            if len(self._waiting) < HEAD:
                raise AudioError(f"no {self._encoding} audio arrived: only {len(self._waiting)} bytes")
            self._process = DecoderProcess(self._encoding)
        self._ended = True
        return self._rest(self._process)

    def close(self) -> None:
        """End the process."""
        self._waiting = memoryview(b"")
        if self._process is not None:
            self._process.close()

    def _pieces(self, process: DecoderProcess) -> Iterator[Samples]:
        """What comes of the bytes so far, in pieces of `PIECE` or a little more."""
        heard, parts, size = False, list[Samples](), 0
        for audio in self._decoded(process):
            parts.append(audio)
            size += len(audio)
            if size >= PIECE:
                heard = self._heard = True
                yield np.concatenate(parts)
                parts, size = [], 0
        if size:
            heard = self._heard = True
            yield np.concatenate(parts)
        if self._error is not None and not heard:
            raise self._error

    def _rest(self, process: DecoderProcess) -> Iterator[Samples]:
        try:
            yield from self._pieces(process)
        except DecoderDied:
            raise
        except AudioError:
            # What breaks off is cut short, not refused: all before the break has been heard.
            if not self._heard:
                raise
        if isinstance(self._error, DecoderDied):
            raise self._error
        if not self._heard:
            raise AudioError(f"the {self._encoding} stream held no audio")

    def _decoded(self, process: DecoderProcess) -> Iterator[Samples]:
        """Give the process what waits, as it asks for it, until it asks for more; an error is kept for later."""
        while not process.over:
            if process.hungry and not self._waiting and not self._ended:
                return
            try:
                if process.hungry:
                    data, self._waiting = self._waiting[:MOST_GIVEN], self._waiting[MOST_GIVEN:]
                    process.give(bytes(data))
                sound = process.hear()
            except AudioError as error:
                self._error, self._unify = error, Unifier()
                return
            if sound is not None:
                yield from self._unify(sound.rate, sound.channels, sound.data)
        self._waiting = memoryview(b"")
        yield from self._unify.flush()


class Stepper:
    """Cuts audio of any chunk size into exact steps of `STEP` samples; `flush` gives the shorter last one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is number 0."""
        self._index = 0
        self._kept: list[Samples] = []
        self._size = 0

    @property
    def samples(self) -> int:
        """Samples taken in so far."""
        return self._index * STEP + self._size

    def __call__(self, audio: Samples) -> list[Step]:
        """Audio in, shape (samples,); the whole steps that it completes out."""
        self._kept.append(audio)
        self._size += len(audio)
        if self._size < STEP:
            return []
        joined = np.concatenate(self._kept)
        whole = len(joined) // STEP
        steps = []
        for i in range(whole):
            steps.append(Step(self._index, self._index * STEP, joined[i * STEP : (i + 1) * STEP]))
            self._index += 1
        rest = joined[whole * STEP :].copy()
        self._kept, self._size = [rest], len(rest)
        return steps

    def flush(self) -> list[Step]:
        """The last, shorter step, if anything is left."""
        if not self._size:
            return []
        return [Step(self._index, self._index * STEP, np.concatenate(self._kept))]
