"""The server's end of a decoder: starts `decoder_worker` for one source, exchanges bytes for audio, ends it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pipelines.audio import decoder_worker as wire
from pipelines.audio.containers import SAMPLE_BYTES, DecodedAudio
from pipelines.errors import AudioError, StoreError
from pipelines.formats import MAX_CHANNELS, MAX_RATE, MIN_RATE

EXIT_TIMEOUT = 5.0
"""Seconds that a decoder which has closed its pipe has to end by itself, so that its exit status says why"""
STALL_TIMEOUT = 300.0
"""Seconds that a decoder may neither send nor take anything; after a second time of that length it is ended, since the
first one may have been a sleep of the machine"""
KEPT_VARIABLES = (
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "SYSTEMROOT",
)
"""What a decoder gets of the server's environment: no token, no key, nothing of other programs"""


class DecoderDied(AudioError):
    """A decoder ended in the middle of its work: what it was sent is no audio that anyone makes in good faith."""


class DecoderKilled(DecoderDied):
    """It was killed from outside, or by a system without memory: another one may get further."""


def start_decoder(encoding: str) -> DecoderProcess:
    """A running decoder of a container; raises StoreError where the system has no room for another process."""
    return DecoderProcess(start_worker(wire.__name__, encoding), encoding)


def start_worker(module: str, argument: str) -> subprocess.Popen[bytes]:
    """A module that decodes, running in a process of its own with pipes to it; raises StoreError."""
    try:
        return subprocess.Popen(
            _command(module, argument),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,
            env=_environment(),
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise StoreError(f"no decoder can be started on the server: {error.strerror}") from error


class DecoderProcess:
    """One decoder, from the first bytes to the end; used by one thread at a time."""

    def __init__(self, process: subprocess.Popen[bytes], encoding: str) -> None:
        """`process` runs `decoder_worker`, with pipes to its standard input and output."""
        self.wants_input = False
        """Whether it waits for bytes: only then it may be sent some"""
        self.ended = False
        """Whether it has ended: nothing more comes from it"""
        self.length: float | None = None
        """Seconds that a file says it is long, once its decoder has said so"""
        self._encoding = encoding
        self._format = (0, 0)
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Send it the bytes that it waits for, `MAX_INPUT` at most; none say that there are no more.

        Raises DecoderDied.
        """
        assert self.wants_input
        assert self._process.stdin is not None
        self.wants_input = False
        pipe, rest = self._process.stdin.fileno(), memoryview(wire.INPUT_HEADER.pack(len(data)) + data)
        os.set_blocking(pipe, False)
        with suppress(BrokenPipeError):  # that it has ended, and why, shows where its answer should be
            while rest:
                self._wait_for(pipe, select.POLLOUT)
                with suppress(BlockingIOError):
                    rest = rest[os.write(pipe, rest) :]

    def receive(self) -> DecodedAudio | None:
        """The next audio; None once all that was sent is decoded, or the decoder has ended.

        Raises AudioError with the decoder's error message, DecoderDied where it ended without one.
        """
        while not self.ended and not self.wants_input:
            kind, content = self._read_message()
            if kind == wire.AUDIO:
                return DecodedAudio(*self._format, content)
            if kind == wire.FORMAT:
                self._format = wire.FORMAT_BODY.unpack(content)
            elif kind == wire.LENGTH:
                (self.length,) = wire.LENGTH_BODY.unpack(content)
            elif kind == wire.WANTS_INPUT:
                self.wants_input = True
            else:
                self.close()
                if kind == wire.FAILED:
                    text = content.decode(errors="replace")
                    raise AudioError("".join(letter if letter.isprintable() else " " for letter in text))
        return None

    def close(self) -> None:
        """End it, whatever it is doing; safe to call twice."""
        self.ended = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read_message(self) -> tuple[bytes, bytes]:
        """Kind and content of its next message. Its input may have taken it over: an impossible message ends it."""
        kind, size = wire.OUTPUT_HEADER.unpack(self._read_exactly(wire.OUTPUT_HEADER.size))
        _, channels = self._format
        fits = {
            wire.AUDIO: size <= wire.MAX_OUTPUT and channels > 0 and size % (channels * SAMPLE_BYTES) == 0,
            wire.FORMAT: size == wire.FORMAT_BODY.size,
            wire.LENGTH: size == wire.LENGTH_BODY.size,
            wire.FAILED: size <= wire.MAX_ERROR_BYTES,
        }
        if not fits.get(kind, size == 0 and kind in (wire.WANTS_INPUT, wire.DONE)):
            raise self._died(None)
        content = self._read_exactly(size)
        if kind == wire.FORMAT:
            rate, channels = wire.FORMAT_BODY.unpack(content)
            if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
                raise self._died(None)
        return kind, content

    def _read_exactly(self, size: int) -> bytes:
        assert self._process.stdout is not None
        pipe, data = self._process.stdout.fileno(), bytearray()
        while len(data) < size:
            self._wait_for(pipe, select.POLLIN)
            part = os.read(pipe, size - len(data))
            if not part:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(EXIT_TIMEOUT)
                raise self._died(self._process.poll())
            data += part
        return bytes(data)

    def _wait_for(self, pipe: int, event: int) -> None:
        """Wait until a pipe can be used or is broken; raises DecoderDied where that never comes."""
        poll = select.poll()
        poll.register(pipe, event)
        for _ in range(2):
            if poll.poll(STALL_TIMEOUT * 1000):
                return
        raise self._died(None)

    def _died(self, code: int | None) -> DecoderDied:
        self.close()
        kind = DecoderKilled if code == -signal.SIGKILL else DecoderDied
        return kind(f"this {self._encoding} audio cannot be decoded: {_exit_reason(code)}")


def _exit_reason(code: int | None) -> str:
    if code is None or code >= 0:
        return "its decoder failed"
    if -code == getattr(signal, "SIGXCPU", None):
        return "it keeps its decoder computing without any sound"
    if -code == signal.SIGKILL:
        return "its decoder was killed, perhaps as there was no memory left"
    try:
        return f"it crashes its decoder ({signal.Signals(-code).name})"
    except ValueError:
        return f"it crashes its decoder (signal {-code})"


def _command(module: str, argument: str) -> list[str]:
    return [sys.executable, "-S", "-s", "-m", module, argument]


def _environment() -> dict[str, str]:
    """What the decoder is to know: where this process finds its modules, and nothing that is secret."""
    paths = [str(Path(__file__).resolve().parents[2]), *filter(os.path.isdir, sys.path)]
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(os.path.abspath, paths))), "PYTHONSAFEPATH": "1"}
