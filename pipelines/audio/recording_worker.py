"""The reader of one recorded file, in a process of its own: `python -m pipelines.audio.recording_worker PATH`.

For files that came from elsewhere: `read_recording` as it is, within the limits that decoders of streams have. How long
the file says that it is, then its audio, 16 kHz mono, go to standard output as the messages of `decoder_worker`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from pipelines.audio import decoder_worker as wire
from pipelines.audio.containers import DecodedAudio, limit_ffmpeg
from pipelines.audio.recording import read_recording, recording_seconds
from pipelines.audio.resampling import MonoResampler
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE

BACKGROUND = 10
"""Niceness: whoever speaks now needs the processor more"""


def main(path: str) -> None:
    """Read a file, within limits."""
    wire.ignore_signals()
    os.nice(BACKGROUND)
    MonoResampler()(2 * SAMPLE_RATE, 1, bytes(8))  # loads its library now: later there is no room for what that takes
    limits = wire.ResourceLimits(threads=not limit_ffmpeg())
    limits.add_input(os.path.getsize(path))
    with suppress(BrokenPipeError):
        read(Path(path), wire.DecoderPipes(sys.stdin.buffer, sys.stdout.buffer, limits))
    # Without the interpreter's own end, which would flush pipes that nobody reads any more.
    os._exit(0)


def read(path: Path, pipes: wire.DecoderPipes) -> None:
    """Tell all of a file, or why it cannot be read; raises BrokenPipeError once nobody is left to read for."""
    failure = None
    try:
        length = recording_seconds(path)
        if length is not None:
            pipes.write_length(length)
        for audio in read_recording(path):
            pipes.write_audio(DecodedAudio(SAMPLE_RATE, 1, audio.astype("<f4").tobytes()))
    except AudioError as error:
        failure = str(error)
    pipes.finish(failure)


if __name__ == "__main__":
    main(sys.argv[1])
