"""The decoder of one source, in a process of its own: `python -m pipelines.audio.decoder_worker ENCODING`.

What a stranger sends is read by FFmpeg here and nowhere else: a file that ends, bloats or takes over its decoder has
reached a process that holds no model, token or other meeting. The process may not write files or start others,
takes memory by what it was sent, and ends as soon as nobody is left at the other end of its pipes.

Bytes come on standard input, audio goes to standard output. It asks for bytes by `WANTS_INPUT`, and only then gets
some, so that neither side ever waits to write while the other does, and all earlier bytes are known to be decoded.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from contextlib import suppress
from typing import BinaryIO

from pipelines.audio.containers import (
    SAMPLE_BYTES,
    DecodedAudio,
    decode_audio,
    describe_error,
    limit_ffmpeg,
    pyav_errors,
)
from pipelines.errors import AudioError
from pipelines.formats import CONTAINERS

try:
    import resource
except ImportError:  # a system without such limits
    resource = None  # type: ignore[assignment]

INPUT_HEADER = struct.Struct("<I")
"""Before input: how many bytes; 0 says that there are no more"""
OUTPUT_HEADER = struct.Struct("<cI")
"""Before each message: one of the kinds below, and how many bytes follow"""
WANTS_INPUT, LENGTH, FORMAT, AUDIO, FAILED, DONE = b"H", b"L", b"F", b"S", b"E", b"D"
"""All input so far is decoded; seconds that a file declares; rate and channels from here on; float32; an error message;
the end has been decoded"""
MAX_ERROR_BYTES = 400
"""Bytes of such an error message"""
FORMAT_BODY = struct.Struct("<IH")
"""What follows `FORMAT`: rate in hertz, channels"""
LENGTH_BODY = struct.Struct("<d")
"""What follows `LENGTH`: seconds"""
MAX_INPUT, MAX_OUTPUT = 1 << 15, 1 << 16
"""Bytes of input, and of a message's content, at once: a pipe takes them without waiting"""

BASE_MEMORY = 18 << 20
"""Bytes of memory that a decoder may take beyond what it has at the start, whatever it was sent"""
MEMORY_PER_BYTE = 12
"""And further ones for each byte that it was sent; the index of an honest M4A takes 7 for each byte of its header"""
THREAD_STACKS = 256 << 20
"""And further ones where FFmpeg cannot be kept from starting threads"""
MAX_MEMORY = 160 << 20
MAX_IDLE_CPU = 60
"""Seconds of computing after which a decoder that neither gives audio nor asks for bytes is ended"""
PROBE_OPTIONS = {"probesize": "16384", "analyzeduration": "100000", "max_streams": "64"}
"""How much a demuxer may look at before it gives audio, by default seconds of it; and how many streams it may find:
films, and recordings with a track for each microphone, have more than a few; the first with sound is heard"""


class ResourceLimits:
    """What the process may take, where the system has such limits; kept up to date as it gets on."""

    def __init__(self, threads: bool) -> None:
        """`threads` says whether FFmpeg may start some; they count as processes, and their stacks as memory."""
        self._own_memory = _data_bytes()
        self._stacks = THREAD_STACKS if threads else 0
        self._received = 0
        self._cpu_deadline = 0.0
        _limit("RLIMIT_CORE", 0, hard=True)
        _limit("RLIMIT_FSIZE", 0, hard=True)
        if not threads:
            _limit("RLIMIT_NPROC", 0, hard=True)
        _limit("RLIMIT_NOFILE", 16, hard=True)
        self.add_input(0)
        self.note_progress()

    def add_input(self, count: int) -> None:
        """So many more bytes were sent: it may take more memory."""
        self._received += count
        if self._own_memory is not None:
            room = min(BASE_MEMORY + MEMORY_PER_BYTE * self._received, MAX_MEMORY)
            _limit("RLIMIT_DATA", self._own_memory + room + self._stacks)

    def note_progress(self) -> None:
        """It has given audio or asked for bytes: it may compute for `MAX_IDLE_CPU` more seconds."""
        now = time.process_time()
        if now + MAX_IDLE_CPU / 2 >= self._cpu_deadline:
            self._cpu_deadline = now + MAX_IDLE_CPU
            _limit("RLIMIT_CPU", int(self._cpu_deadline) + 1)


class DecoderPipes:
    """The two ends of the decoder: for FFmpeg a file whose `read` waits for bytes, for audio the way out."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, limits: ResourceLimits) -> None:
        self._source = source
        self._sink = sink
        self._limits = limits
        self._bytes = memoryview(b"")
        self._ended = False
        self._format: tuple[int, int] | None = None
        self._audio = bytearray()

    def read(self, size: int) -> bytes:
        """The next bytes, waiting for them; empty only at the end."""
        if not self._bytes and not self._ended:
            self._flush()
            self._send(WANTS_INPUT)
            self._bytes = memoryview(self._receive())
            self._ended = not self._bytes
        taken, self._bytes = self._bytes[:size], self._bytes[size:]
        return bytes(taken)

    def write_length(self, seconds: float) -> None:
        """Send how long a file says that it is."""
        self._send(LENGTH, LENGTH_BODY.pack(seconds))

    def write_audio(self, audio: DecodedAudio) -> None:
        """Send audio, much of it at a time."""
        if self._format != (audio.rate, audio.channels):
            self._flush()
            self._format = (audio.rate, audio.channels)
            self._send(FORMAT, FORMAT_BODY.pack(*self._format))
        self._audio += audio.data
        if len(self._audio) >= MAX_OUTPUT:
            self._flush()

    def finish(self, failure: str | None = None) -> None:
        """Send the rest, and that this was all, or why it ends."""
        self._flush()
        self._send(*((DONE, b"") if failure is None else (FAILED, failure.encode()[:MAX_ERROR_BYTES])))

    def _flush(self) -> None:
        if not self._audio or self._format is None:
            return
        audio, self._audio = bytes(self._audio), bytearray()
        size = MAX_OUTPUT - MAX_OUTPUT % (SAMPLE_BYTES * self._format[1])
        for at in range(0, len(audio), size):
            self._send(AUDIO, audio[at : at + size])

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        self._sink.write(OUTPUT_HEADER.pack(kind, len(content)) + content)
        self._sink.flush()
        self._limits.note_progress()

    def _receive(self) -> bytes:
        (size,) = INPUT_HEADER.unpack(self._read_exactly(INPUT_HEADER.size))
        self._limits.add_input(size)
        return self._read_exactly(size)

    def _read_exactly(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) < size:
            raise BrokenPipeError("nobody is left to decode for")
        return data


def ignore_signals() -> None:
    """Leave the end to the server: a terminal and a service manager send these to all, while meetings are finished."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)


def main(encoding: str) -> None:
    """Decode what comes on standard input, within limits."""
    ignore_signals()
    with suppress(BrokenPipeError):
        decode(encoding, DecoderPipes(sys.stdin.buffer, sys.stdout.buffer, ResourceLimits(threads=not limit_ffmpeg())))
    # Without the interpreter's own end, which would flush pipes that nobody reads any more.
    os._exit(0)


def decode(encoding: str, pipes: DecoderPipes) -> None:
    """Decode what comes until its end; raises BrokenPipeError once nobody is left to decode for."""
    import av

    failure = None
    try:
        with av.open(pipes, format=CONTAINERS[encoding][0], mode="r", options=PROBE_OPTIONS) as container:
            for audio in decode_audio(container):
                pipes.write_audio(audio)
    except AudioError as error:
        failure = str(error)
    except pyav_errors() as error:
        # FFmpeg says so of some damaged audio too, and has an error of the same name for it
        if isinstance(error, BrokenPipeError) and not isinstance(error, av.FFmpegError):
            raise
        failure = f"this is not {encoding} audio that can be streamed: {describe_error(error)}"
    pipes.finish(failure)


def _data_bytes() -> int | None:
    """Bytes of memory that count against RLIMIT_DATA by now; None where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _limit(name: str, value: int, hard: bool = False) -> None:
    """Set a limit of this process where there is such a one; a lower one that is set already stays."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value if hard else most))


if __name__ == "__main__":
    main(sys.argv[1])
