"""A recorded file of this machine, read in this process; what it is called or what it mentions opens nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.audio.containers import bound_ffmpeg, decoded, failures, reason, require_audio
from pipelines.audio.resampling import Unifier
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE, Samples

CHUNK = SAMPLE_RATE
"""Samples that `read_recording` gives at a time (1 s)"""

FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,eac3,flac,flv,loas,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,"
    "mpc,mpc8,ogg,tak,tta,voc,w64,wav,wv"
)
"""Demuxers that may read a recording: of containers of sound and films. Those of playlists, which name other files and
addresses, are not among them"""
TAKEN = "WAV, FLAC, MP3, M4A, Ogg, WebM and most other files of sound or films are taken, playlists are not"
CLOSED = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
"""A file in one of these formats; nothing that it mentions is opened"""


def read_recording(path: Path) -> Iterator[Samples]:
    """A recorded file as 16 kHz mono in chunks of one second; raises AudioError with one sentence."""
    heard = False
    unify = Unifier()
    pending, size = list[Samples](), 0
    with _opened(path) as container:
        try:
            for sound in decoded(container):
                for audio in unify(sound.rate, sound.channels, sound.data):
                    pending.append(audio)
                    size += len(audio)
                if size >= CHUNK:
                    heard = True
                    yield np.concatenate(pending)
                    pending, size = [], 0
        except failures() as error:
            if not heard and not size:
                raise _unreadable(path, error) from error
        else:
            pending += unify.flush()
    if any(map(len, pending)):
        yield np.concatenate(pending)
    elif not heard:
        raise AudioError(f"{path.name} holds no audio: its length is zero")


def recording_seconds(path: Path) -> float | None:
    """Length as the file declares it, in seconds; None when it does not. Raises AudioError."""
    import av

    with _opened(path) as container:
        require_audio(container)
        return None if container.duration is None else float(container.duration / av.time_base)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file's container; raises AudioError."""
    import av

    bound_ffmpeg()
    try:
        # By its name alone FFmpeg would take `10:30 standup.wav` for an address of the protocol `10`.
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise AudioError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path.name} is not audio that can be read: {reason(error)}") from error
    with file:
        try:
            container = av.open(file, mode="r", options=CLOSED, metadata_errors="replace")
        except failures() as error:
            raise _unreadable(path, error) from error
        with container:
            yield container


def _unreadable(path: Path, error: Exception) -> AudioError:
    return AudioError(f"{path.name} is not audio that can be read ({reason(error)}): {TAKEN}")
