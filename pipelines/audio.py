"""The audio door: bytes of any format in, 16 kHz mono float32 out, in exact steps.

Everything is resampled once, here; nothing behind this door knows of other rates or channels.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .errors import AudioError
from .handover import Handover
from .types import MAX_CHANNELS, MAX_RATE, MIN_RATE, SAMPLE_RATE, STEP, Samples, Step

PCM: dict[str, np.dtype[Any]] = {"pcm_s16le": np.dtype("<i2"), "pcm_f32le": np.dtype("<f4")}
"""Raw encodings and the type of one sample"""

_WEBM, _OGG, _MP4 = b"\x1a\x45\xdf\xa3", b"OggS", b"ftyp"
CONTAINERS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "webm_opus": ("matroska", lambda head: head.startswith(_WEBM)),
    "webm": ("matroska", lambda head: head.startswith(_WEBM)),
    "ogg": ("ogg", lambda head: head.startswith(_OGG)),
    "ogg_opus": ("ogg", lambda head: head.startswith(_OGG)),
    "wav": ("wav", lambda head: head[:4] in (b"RIFF", b"RF64")),
    "flac": ("flac", lambda head: head[:4] == b"fLaC" or head[:3] == b"ID3"),
    "mp3": ("mp3", lambda head: head[:3] == b"ID3" or (head[0] == 0xFF and head[1] & 0xE0 == 0xE0)),
    "m4a": ("mov", lambda head: head[4:8] in (_MP4, b"styp", b"moof", b"moov")),
}
"""Containers, the demuxer that reads each, and what its first bytes look like"""

MAX_FRAME = 1 << 18
"""Samples of each channel that a packet may be decoded to; FLAC, whose packets are the longest in use, has 65535"""
LONGEST_NAME = 128
"""Characters of a channel layout's name from which on PyAV cuts it off"""
MOST_ALLOCATED = 64 << 20
"""Bytes that FFmpeg may allocate at once. It makes the index of an M4A as long as its header says, however little of it
there is; this is enough for that of 15 hours"""
HEAD = 12
"""Bytes needed before a container's first bytes are looked at"""
BLOCK = 1024
"""Bytes that a demuxer gets at first: with fewer, some of them misread their header"""
PROBE = {"probesize": "16384", "analyzeduration": "100000", "max_streams": "4"}
"""How much a demuxer may look at before it gives audio, by default seconds of it; and how many streams it may find"""
CHUNK = SAMPLE_RATE
"""Samples that `read_recording` gives at a time (1 s)"""


class Door(Protocol):
    """Turns one source's bytes into samples; holds what is not yet a whole sample or packet."""

    def accept(self, data: bytes) -> Iterator[Samples]:
        """Decode more bytes; gives 16 kHz mono, shape (samples,), in pieces, as fast as they are taken.

        All of them are taken before more bytes come. Raises AudioError, also from the iterator.
        """

    def flush(self) -> Iterator[Samples]:
        """The rest, once the source has sent everything. Raises AudioError when nothing was audio."""

    def close(self) -> None:
        """Free threads and buffers; safe to call twice."""


def open_door(encoding: str, sample_rate: int, channels: int) -> Door:
    """The door for a declared format; raises AudioError when the declaration is impossible."""
    if encoding in CONTAINERS:
        return ContainerDoor(encoding)
    if encoding not in PCM:
        raise AudioError(f"unknown audio encoding {encoding[:40]!r}; use one of {', '.join([*PCM, *CONTAINERS])}")
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise AudioError(f"a sample rate of {sample_rate} Hz is not possible; use {MIN_RATE} to {MAX_RATE}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"{channels} channels are not possible; use 1 to {MAX_CHANNELS}")
    return PcmDoor(PCM[encoding], sample_rate, channels)


class Resampler:
    """Streaming resampler to 16 kHz (soxr, high quality); a no-op where the rate fits."""

    def __init__(self, sample_rate: int) -> None:
        self._stream: Any = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")

    def __call__(self, audio: Samples, last: bool = False) -> Samples:
        """Mono samples at the old rate in, at 16 kHz out; `last` drains the filter's tail."""
        if self._stream is None:
            return audio
        out: Samples = self._stream.resample_chunk(np.ascontiguousarray(audio, dtype=np.float32), last=last)
        return out


def to_mono(frames: np.ndarray[Any, Any]) -> Samples:
    """Average of the channels, shape (samples, channels) to (samples,), cleaned and clipped to [-1, 1]."""
    clean = np.clip(np.nan_to_num(frames, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    mono: Samples = clean.mean(axis=1, dtype=np.float32) if frames.shape[1] > 1 else clean[:, 0].astype(np.float32)
    return mono


class PcmDoor:
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


class ContainerDoor:
    """WebM, Ogg, WAV, FLAC, MP3 or M4A, decoded as a stream with PyAV in a thread of its own."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._format, self._looks_right = CONTAINERS[encoding]
        self._head = b""
        self._heard = False
        self._handover = Handover()
        self._error: AudioError | None = None
        self._thread: threading.Thread | None = None

    def accept(self, data: bytes) -> Iterator[Samples]:
        """Decode what can be decoded so far."""
        if self._thread is None:
            self._head += data
            if len(self._head) >= HEAD and not self._looks_right(self._head):
                raise AudioError(f"this is not {self._encoding} audio: its first bytes are of another format")
            if len(self._head) < BLOCK:
                return iter(())
            data = self._begin()
        self._handover.put(data)
        return self._pieces()

    def flush(self) -> Iterator[Samples]:
        """Decode to the end; raises AudioError when the container held no audio."""
        if self._thread is None and len(self._head) < HEAD:
            raise AudioError(f"no {self._encoding} audio arrived: only {len(self._head)} bytes")
        self._handover.put(self._begin() if self._thread is None else b"", end=True)
        return self._rest()

    def close(self) -> None:
        """Stop the decoder's thread."""
        if self._thread is not None and self._thread.is_alive():
            self._handover.close()
            self._thread.join(timeout=5)

    def _begin(self) -> bytes:
        self._thread = threading.Thread(target=self._decode, name="audio-door", daemon=True)
        self._thread.start()
        head, self._head = self._head, b""
        return head

    def _pieces(self) -> Iterator[Samples]:
        heard = False
        for audio in self._handover.pieces():
            heard = self._heard = True
            yield audio
        if self._error is not None and not heard:
            raise self._error

    def _rest(self) -> Iterator[Samples]:
        try:
            yield from self._pieces()
        except AudioError:
            # What breaks off is cut short, not refused: all before the break has been heard.
            if not self._heard:
                raise
        if not self._heard:
            raise AudioError(f"the {self._encoding} stream held no audio")

    def _decode(self) -> None:
        try:
            import av

            bound_ffmpeg()
            with av.open(self._handover, format=self._format, mode="r", options=PROBE) as container:
                _require_audio(container)
                for audio in _decoded(container):
                    if not self._handover.give(audio):
                        return
        except AudioError as error:
            self._error = error
        except _failures() as error:
            self._error = AudioError(f"this is not {self._encoding} audio that can be streamed: {_reason(error)}")
        finally:
            self._handover.die()


@cache
def bound_ffmpeg() -> None:
    """Let FFmpeg allocate `MOST_ALLOCATED` bytes at once at most, where the libraries are those that come with PyAV."""
    import av

    packages = Path(av.__file__).resolve().parent.parent
    for library in [*packages.glob("av.libs/*avutil*"), *packages.glob("av/.dylibs/*avutil*")]:
        ctypes.CDLL(str(library)).av_max_alloc(ctypes.c_size_t(MOST_ALLOCATED))


def _failures() -> tuple[type[Exception], ...]:
    """What PyAV raises on input that it cannot read; not all of it is a ValueError or an OSError."""
    import av

    return (av.FFmpegError, OSError, ValueError, EOFError)


def _require_audio(container: Any) -> None:
    if not container.streams.audio:
        raise AudioError("the file holds no audio")


def _require_possible(rate: int, channels: int) -> None:
    """What a container says of itself has the limits of raw audio: at 1 Hz each byte would become seconds."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"its sample rate is {rate} Hz: convert it to one of {MIN_RATE} to {MAX_RATE} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"it has {channels} channels: convert it to 1 to {MAX_CHANNELS} of them")


def _decoded(container: Any) -> Iterator[Samples]:
    """All audio of an open container, 16 kHz mono; raises AudioError when none of it could be decoded."""
    import av

    packed: Any = None
    resample: Resampler | None = None
    rate, form = 0, ("", "")
    for frame in _frames(container):
        _require_possible(frame.sample_rate, frame.layout.nb_channels)
        if frame.sample_rate != rate:
            if resample is not None:
                yield resample(np.zeros(0, np.float32), last=True)
            rate, form = frame.sample_rate, ("", "")
            resample = Resampler(rate)
        if form != (frame.format.name, frame.layout.name):
            form = (frame.format.name, frame.layout.name)
            # One plane: PyAV counts the planes of a frame to a null pointer, and finds none behind the eighth.
            packed = av.AudioResampler(format="flt", rate=rate)
        assert resample is not None
        for part in packed.resample(_plainly_laid_out(frame)):
            yield resample(to_mono(part.to_ndarray().reshape(-1, part.layout.nb_channels)))
    if resample is not None:
        yield resample(np.zeros(0, np.float32), last=True)


def _plainly_laid_out(frame: Any) -> Any:
    """The frame; where PyAV cannot name all places of its channels, a copy that counts them only."""
    import av

    if len(frame.layout.name) < LONGEST_NAME or frame.format.is_planar:
        return frame
    layout = f"{frame.layout.nb_channels} channels"
    plain = av.AudioFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name, layout=layout)
    plain.sample_rate, plain.pts, plain.time_base = frame.sample_rate, frame.pts, frame.time_base
    return plain


def _frames(container: Any) -> Iterator[Any]:
    """Decoded frames of the first audio stream; a damaged packet is left out, for the others can still be heard."""
    import av

    damaged = heard = 0
    stream = container.streams.audio[0]
    if stream.codec_context is not None:  # there is none where the codec is unknown, and decoding says so
        stream.codec_context.options = {"max_samples": str(MAX_FRAME)}
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            damaged += 1
            continue
        heard += len(frames)
        yield from frames
    if damaged and not heard:
        raise AudioError("none of the audio in it could be decoded")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def read_recording(path: Path) -> Iterator[Samples]:
    """A recorded file as 16 kHz mono in chunks of one second; raises AudioError with one sentence."""
    import av

    bound_ffmpeg()
    try:
        container = av.open(str(path), mode="r", metadata_errors="replace")
    except FileNotFoundError as error:
        raise AudioError(f"there is no file {path}") from error
    except _failures() as error:
        raise AudioError(f"{path.name} is not audio that can be read: {_reason(error)}") from error
    heard = False
    with container:
        _require_audio(container)
        pending: list[Samples] = []
        size = 0
        try:
            for audio in _decoded(container):
                pending.append(audio)
                size += len(audio)
                if size >= CHUNK:
                    heard = True
                    yield np.concatenate(pending)
                    pending, size = [], 0
        except _failures() as error:
            if not heard and not size:
                raise AudioError(f"{path.name} is not audio that can be read: {_reason(error)}") from error
        if size:
            yield np.concatenate(pending)
        elif not heard:
            raise AudioError(f"{path.name} holds no audio: its length is zero")


def recording_seconds(path: Path) -> float | None:
    """Length as the file declares it, in seconds; None when it does not. Raises AudioError."""
    import av

    try:
        with av.open(str(path), mode="r", metadata_errors="replace") as container:
            _require_audio(container)
            if container.duration is None:
                return None
            return float(container.duration / av.time_base)
    except FileNotFoundError as error:
        raise AudioError(f"there is no file {path}") from error
    except _failures() as error:
        raise AudioError(f"{path.name} is not audio that can be read: {_reason(error)}") from error


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
