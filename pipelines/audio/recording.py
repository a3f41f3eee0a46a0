"""A recorded file of this machine, read in this process; what it is called or what it mentions opens nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.audio.containers import (
    SAMPLE_BYTES,
    DecodedAudio,
    decode_audio,
    describe_error,
    limit_ffmpeg,
    pyav_errors,
    require_audio,
    start_time,
    streams_heard,
)
from pipelines.audio.resampling import MonoResampler
from pipelines.audio.tracks import Timeline, TrackMixer
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE, Samples

CHUNK = SAMPLE_RATE
"""Samples that `read_recording` gives at a time (1 s)"""

DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,eac3,flac,flv,loas,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,"
    "mpc,mpc8,ogg,tak,tta,voc,w64,wav,wv"
)
"""Demuxers that may read a recording: of containers of audio and films. Those of playlists, which name other files and
addresses, are not among them"""
SUPPORTED = "WAV, FLAC, MP3, M4A, Ogg, WebM and most other files of sound or films are taken, playlists are not"
OPEN_OPTIONS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}
"""A file in one of these formats; nothing that it mentions is opened"""


def read_recording(path: Path) -> Iterator[Samples]:
    """A recorded file as 16 kHz mono in chunks of one second, all its tracks together, at the times of its container.

    Gaps in it are silence. Raises AudioError with one sentence.
    """
    any_audio = False
    pending, size = list[Samples](), 0
    with _open(path) as container:
        streams = streams_heard(container)
        start = start_time(container)
        tracks, mixer = [_Track(start) for _ in streams], TrackMixer(len(streams))
        try:
            for part in decode_audio(container, streams):
                for audio in tracks[part.track].take(part):
                    for mixed in mixer.add(part.track, audio):
                        pending.append(mixed)
                        size += len(mixed)
                    if size >= CHUNK:
                        any_audio = True
                        yield np.concatenate(pending)
                        pending, size = [], 0
        except pyav_errors() as error:
            pending += mixer.flush()
            if not any_audio and not any(map(len, pending)):
                raise _unreadable(path, error) from error
        else:
            for number, track in enumerate(tracks):
                for audio in track.flush():
                    pending += mixer.add(number, audio)
            pending += mixer.flush()
    if any(map(len, pending)):
        yield np.concatenate(pending)
    elif not any_audio:
        raise AudioError(f"{path.name} holds no audio: its length is zero")


def recording_seconds(path: Path) -> float | None:
    """Length as the file declares it, in seconds; None when it does not. Raises AudioError."""
    import av

    with _open(path) as container:
        require_audio(container)
        return None if container.duration is None else float(container.duration / av.time_base)


class _Track:
    """One track of a recording, as 16 kHz mono."""

    def __init__(self, start: float | None) -> None:
        self._timeline = Timeline(start)
        self._to_mono = MonoResampler()

    def take(self, part: DecodedAudio) -> Iterator[Samples]:
        """A part, behind the silence that lies before it: as much of that at a time as is given on."""
        length = len(part.data) // (SAMPLE_BYTES * part.channels)
        missing = round(self._timeline.silence(part.at, length / part.rate) * part.rate)
        while missing > 0:
            piece = min(missing, part.rate)
            yield from self._to_mono(part.rate, 1, bytes(SAMPLE_BYTES * piece))
            missing -= piece
        yield from self._to_mono(part.rate, part.channels, part.data)

    def flush(self) -> list[Samples]:
        """What the resampler still holds."""
        return self._to_mono.flush()


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The file's container; raises AudioError."""
    import av

    limit_ffmpeg()
    try:
        # By its name alone FFmpeg would take `10:30 standup.wav` for an address of the protocol `10`.
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise AudioError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path.name} is not audio that can be read: {describe_error(error)}") from error
    with file:
        try:
            container = av.open(file, mode="r", options=OPEN_OPTIONS, metadata_errors="replace")
        except pyav_errors() as error:
            raise _unreadable(path, error) from error
        with container:
            yield container


def _unreadable(path: Path, error: Exception) -> AudioError:
    return AudioError(f"{path.name} is not audio that can be read ({describe_error(error)}): {SUPPORTED}")
