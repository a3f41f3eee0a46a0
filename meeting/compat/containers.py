"""Which container a recording is in, from its first bytes. Pure."""

from __future__ import annotations

from meeting.core.errors import ErrorCode, ProtocolError
from pipelines.formats import CONTAINERS, HEADER_BYTES


def container_of(head: bytes, named: str = "") -> str | None:
    """The container that begins so; None while there are too few bytes. Raises ProtocolError for anything else.

    `named` is what the client calls it, which counts where the bytes may be that.
    """
    if len(head) < HEADER_BYTES:
        return None
    # MP3 before FLAC: both may begin with tags, and hardly any FLAC does.
    for name in (named, "mp3", *CONTAINERS):
        if name in CONTAINERS and CONTAINERS[name][1](head):
            return name
    message = (
        "the audio is in no container that is known: say its encoding and sample_rate, or send WebM, Ogg, WAV, FLAC"
    )
    raise ProtocolError(f"{message}, MP3 or M4A", ErrorCode.BAD_AUDIO)
