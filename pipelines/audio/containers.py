"""FFmpeg's part: an open container in, its audio as interleaved float32 out, whatever the codec.

Runs in the decoder's process for what comes from a socket, so nothing heavier than PyAV is imported here.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.errors import AudioError
from pipelines.formats import MAX_CHANNELS, MAX_RATE, MIN_RATE

MAX_FRAME_SAMPLES = 1 << 18
"""Samples of each channel that a packet may be decoded to; FLAC, whose packets are the longest in use, has 65535"""
MAX_ALLOCATION = 64 << 20
"""Bytes that FFmpeg may allocate at once. It makes the index of an M4A as long as its header says, however little of it
there is; this is enough for that of 15 hours"""
MAX_LAYOUT_NAME = 128
"""Characters of a channel layout's name from which on PyAV cuts it off"""
MAX_OVERSIZED_PACKETS = 16
"""Packets that may be too long for the memory there is, before their stream is"""
MAX_TRACKS = 16
"""Audio streams of one file that are heard together: each takes a decoder"""
OTHER_VERSIONS = ("dub", "comment", "lyrics", "karaoke", "hearing_impaired", "visual_impaired", "descriptions")
"""Marks of a stream that is another version of the first, or speaks about it"""
TIMED = frozenset({"matroska", "webm", "mov", "mpegts", "mpeg", "flv", "asf", "ogg"})
"""Formats in which packets say when they are heard"""
SAMPLE_BYTES = 4
"""Bytes of one sample of one channel"""


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """Some decoded audio: float32, little endian, the channels of each sample one after another."""

    rate: int
    """Hertz"""
    channels: int
    data: bytes
    track: int = 0
    """Which of the streams that are decoded"""
    at: float | None = None
    """Its time stamp in seconds, on the clock of the container; None where it has none"""


def decode_audio(container: Any, streams: Sequence[Any] = ()) -> Iterator[DecodedAudio]:
    """All audio of some of an open container's audio streams, by default of the first, as it is interleaved there.

    Raises AudioError when there is none or none of it could be decoded, and what `pyav_errors` lists.
    """
    import av

    require_audio(container)
    packed: dict[int, Any] = {}
    forms: dict[int, tuple[int, str, str]] = {}
    for track, frame in _frames(container, streams or container.streams.audio[:1]):
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        _require_supported(rate, channels)
        form = (rate, frame.format.name, frame.layout.name)
        if forms.get(track) != form:
            forms[track] = form
            # One plane: PyAV counts the planes of a frame to a null pointer, and finds none behind the eighth.
            packed[track] = av.AudioResampler(format="flt", rate=rate)
        at = frame.time if frame.pts is not None and frame.time_base else None
        for part in packed[track].resample(_with_simple_layout(frame)):
            yield DecodedAudio(rate, channels, _bytes(part, SAMPLE_BYTES), track, at)
            at = None


def start_time(container: Any) -> float | None:
    """Where its clock begins, in seconds, that of its pictures included; None where its time stamps mean nothing.

    Raw formats have none, and FFmpeg guesses those of AVI from bytes.
    """
    import av

    timed = TIMED & {*container.format.name.split(",")}
    return container.start_time / av.time_base if timed and container.start_time is not None else None


def streams_heard(container: Any) -> list[Any]:
    """The audio streams that are heard together: the first, and all that may be other microphones of the same talk.

    Those in another language, and those that are marked as a comment on the first, are none. Raises AudioError where
    there is no audio, or more than `MAX_TRACKS` of them.
    """
    require_audio(container)
    first, *others = container.streams.audio
    beside = [
        stream
        for stream in others
        if stream.codec_context is not None
        and stream.metadata.get("language") == first.metadata.get("language")
        and not any(stream.disposition & type(stream.disposition)[name] for name in OTHER_VERSIONS)
    ]
    if len(beside) >= MAX_TRACKS:
        raise AudioError(f"it has {len(beside) + 1} tracks of sound: mix them to {MAX_TRACKS} at most")
    return [first, *beside]


@cache
def limit_ffmpeg() -> bool:
    """Let FFmpeg allocate `MAX_ALLOCATION` bytes at once at most, and start no threads: for audio they bring nothing.

    True where that was possible: only where the libraries are those that come with PyAV.
    """
    import av

    packages = Path(av.__file__).resolve().parent.parent
    libraries = [*packages.glob("av.libs/*avutil*"), *packages.glob("av/.dylibs/*avutil*")]
    for library in libraries:
        avutil = ctypes.CDLL(str(library))
        avutil.av_max_alloc(ctypes.c_size_t(MAX_ALLOCATION))
        avutil.av_cpu_force_count(ctypes.c_int(1))
    return bool(libraries)


def pyav_errors() -> tuple[type[Exception], ...]:
    """What PyAV raises on input that it cannot read; not all of it is a ValueError or an OSError."""
    import av

    return (av.FFmpegError, OSError, ValueError, EOFError, MemoryError)


def describe_error(error: Exception) -> str:
    """Why something could not be read, in a few words."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return "it asks for more memory than its size explains"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def require_audio(container: Any) -> None:
    """Raise AudioError where there is no audio stream."""
    if not container.streams.audio:
        raise AudioError("the file holds no audio")


def _require_supported(rate: int, channels: int) -> None:
    """What a container says of itself has the limits of raw audio: at 1 Hz each byte would become seconds."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"its sample rate is {rate} Hz: convert it to one of {MIN_RATE} to {MAX_RATE} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"it has {channels} channels: convert it to 1 to {MAX_CHANNELS} of them")


def _with_simple_layout(frame: Any) -> Any:
    """The frame; where PyAV cannot name all places of its channels, a copy that counts them only."""
    import av

    if len(frame.layout.name) < MAX_LAYOUT_NAME or frame.format.is_planar:
        return frame
    layout = f"{frame.layout.nb_channels} channels"
    plain = av.AudioFrame(format=frame.format.name, layout=layout, samples=frame.samples)
    plain.planes[0].update(_bytes(frame, frame.format.bytes))
    plain.sample_rate, plain.pts, plain.time_base = frame.sample_rate, frame.pts, frame.time_base
    return plain


def _bytes(frame: Any, sample: int) -> bytes:
    """The content of a frame with one plane, without what pads it."""
    return bytes(memoryview(frame.planes[0])[: frame.samples * frame.layout.nb_channels * sample])


def _packets(container: Any, streams: Sequence[Any]) -> Iterator[Any]:
    """Their packets; one whose length is damaged, so that there is no room for it, is left out."""
    for left in reversed(range(MAX_OVERSIZED_PACKETS + 1)):
        try:
            yield from container.demux(*streams)
            return
        except MemoryError:
            if not left:
                raise


def _frames(container: Any, streams: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Which stream, and a decoded frame of it; a damaged packet is left out, for the others can still be decoded."""
    import av

    damaged = decoded = 0
    tracks = {stream.index: track for track, stream in enumerate(streams)}
    for stream in streams:
        if stream.codec_context is not None:  # there is none where the codec is unknown, and decoding says so
            stream.codec_context.options = {"max_samples": str(MAX_FRAME_SAMPLES)}
    for packet in _packets(container, streams):
        stream, track = packet.stream, tracks[packet.stream.index]
        try:
            frames = packet.decode()
        except (av.error.InvalidDataError, MemoryError):
            damaged += 1
            continue
        except av.error.ArgumentError as error:
            if track:
                damaged += 1
                continue
            if decoded or stream.codec_context is None or stream.codec_context.layout.nb_channels:
                raise
            # FFmpeg forgets a number of channels that is beyond its own bound of 512.
            text = f"its number of channels is not possible: convert it to 1 to {MAX_CHANNELS} of them"
            raise AudioError(text) from error
        decoded += len(frames)
        yield from ((track, frame) for frame in frames)
    if damaged and not decoded:
        raise AudioError("none of the audio in it could be decoded")
