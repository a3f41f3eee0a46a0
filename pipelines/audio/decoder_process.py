"""The server's end of a decoder: starts `decoder_worker` for one source, exchanges bytes for sound, ends it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pipelines.audio import decoder_worker as wire
from pipelines.audio.containers import SAMPLE, Sound
from pipelines.errors import AudioError, StoreError
from pipelines.formats import MAX_CHANNELS, MAX_RATE, MIN_RATE

ENDING = 5.0
"""Seconds that a decoder which has closed its pipe has to end by itself, so that it can be told why it ended"""
SILENT = 300.0
"""Seconds after which a decoder that neither speaks nor listens is looked at once more, and then ended; waking from a
sleep of the machine counts as one look"""
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "PYTHONHOME", "SYSTEMROOT")
"""What a decoder gets of the server's environment: no token, no key, nothing of other programs"""


class DecoderDied(AudioError):
    """A decoder ended in the middle of its work: what it was given is no sound that anyone makes in good faith."""


class DecoderKilled(DecoderDied):
    """It was killed from outside, or by a system without memory: another one may get further."""


class DecoderProcess:
    """One decoder, from the first bytes to the end; used by one thread at a time."""

    def __init__(self, encoding: str) -> None:
        """Start it; raises StoreError where the system has no room for another process."""
        self.hungry = False
        """Whether it waits for bytes: only then it may be given some"""
        self.over = False
        """Whether it has ended: nothing more comes of it"""
        self._encoding = encoding
        self._form = (0, 0)
        try:
            self._process = subprocess.Popen(
                _command(encoding),
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

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def give(self, data: bytes) -> None:
        """Give it the bytes that it waits for, `MOST_GIVEN` at most; none say that there are no more.

        Raises DecoderDied.
        """
        assert self.hungry
        assert self._process.stdin is not None
        self.hungry = False
        pipe, rest = self._process.stdin.fileno(), memoryview(wire.GIVEN.pack(len(data)) + data)
        os.set_blocking(pipe, False)
        with suppress(BrokenPipeError):  # that it has ended, and why, shows where its answer should be
            while rest:
                self._await(pipe, select.POLLOUT)
                with suppress(BlockingIOError):
                    rest = rest[os.write(pipe, rest) :]

    def hear(self) -> Sound | None:
        """The next stretch of sound; None once all that was given is decoded, or it has come to the end.

        Raises AudioError with the decoder's sentence, DecoderDied where it did not live to say one.
        """
        while not self.over and not self.hungry:
            kind, content = self._told()
            if kind == wire.SOUND:
                return Sound(*self._form, content)
            if kind == wire.FORM:
                self._form = wire.FORMAT.unpack(content)
            elif kind == wire.HUNGRY:
                self.hungry = True
            else:
                self.close()
                if kind == wire.FAILED:
                    text = content.decode(errors="replace")
                    raise AudioError("".join(letter if letter.isprintable() else " " for letter in text))
        return None

    def close(self) -> None:
        """End it, whatever it is doing; safe to call twice."""
        self.over = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _told(self) -> tuple[bytes, bytes]:
        """The next thing that it tells; it may have been taken over, so that what it cannot have to tell ends it."""
        kind, size = wire.TOLD.unpack(self._exactly(wire.TOLD.size))
        _, channels = self._form
        fits = {
            wire.SOUND: size <= wire.MOST_TOLD and channels > 0 and size % (channels * SAMPLE) == 0,
            wire.FORM: size == wire.FORMAT.size,
            wire.FAILED: size <= wire.LONGEST_SENTENCE,
        }
        if not fits.get(kind, size == 0 and kind in (wire.HUNGRY, wire.DONE)):
            raise self._dead(None)
        content = self._exactly(size)
        if kind == wire.FORM:
            rate, channels = wire.FORMAT.unpack(content)
            if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
                raise self._dead(None)
        return kind, content

    def _exactly(self, size: int) -> bytes:
        assert self._process.stdout is not None
        pipe, data = self._process.stdout.fileno(), bytearray()
        while len(data) < size:
            self._await(pipe, select.POLLIN)
            part = os.read(pipe, size - len(data))
            if not part:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(ENDING)
                raise self._dead(self._process.poll())
            data += part
        return bytes(data)

    def _await(self, pipe: int, event: int) -> None:
        """Wait until a pipe can be used or is broken; raises DecoderDied where that never comes."""
        poll = select.poll()
        poll.register(pipe, event)
        for _ in range(2):
            if poll.poll(SILENT * 1000):
                return
        raise self._dead(None)

    def _dead(self, code: int | None) -> DecoderDied:
        self.close()
        kind = DecoderKilled if code == -signal.SIGKILL else DecoderDied
        return kind(f"this {self._encoding} audio cannot be decoded: {_obituary(code)}")


def _obituary(code: int | None) -> str:
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


def _command(encoding: str) -> list[str]:
    return [sys.executable, "-S", "-s", "-m", wire.__name__, encoding]


def _environment() -> dict[str, str]:
    """What the decoder is to know: where this process finds its modules, and nothing that is secret."""
    paths = [str(Path(__file__).resolve().parents[2]), *filter(os.path.isdir, sys.path)]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(os.path.abspath, paths))), "PYTHONSAFEPATH": "1"}
