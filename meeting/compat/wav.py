"""A WAV file as a browser's recorder makes it, taken apart: what its audio is, and the audio as a meeting takes it.

Pure. One piece of a recording is a whole file with a header of its own; its header may say a wrong length, since it was
written before the length was known, and then what there is counts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from meeting.compat.g711 import decode_alaw, decode_mulaw
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_FORMATS = {
    (_PCM, 8): "pcm_s16le",
    (_PCM, 16): "pcm_s16le",
    (_PCM, 24): "pcm_f32le",
    (_PCM, 32): "pcm_f32le",
    (_FLOAT, 32): "pcm_f32le",
    (_FLOAT, 64): "pcm_f32le",
    (_ALAW, 8): "pcm_s16le",
    (_MULAW, 8): "pcm_s16le",
}
"""Format and bits of a sample -> what a meeting is given for it"""


@dataclass(frozen=True, slots=True)
class WavPiece:
    """One WAV file's audio."""

    audio: AudioInfo
    """What `samples` is"""
    samples: bytes = field(repr=False)


def parse_wav(data: bytes) -> WavPiece:
    """Take a WAV file apart; raises ProtocolError with what is wrong."""
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise _bad("each message must be a whole WAV file, which begins with RIFF and WAVE")
    form: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + length]
        if name == b"fmt ":
            form = _format(body)
        elif name == b"data":
            if form is None:
                raise _bad("the audio of this WAV file comes before what says which audio it is")
            # Where a recorder could not know the length yet it wrote none, or the largest there is.
            return _piece(form, body if 0 < length <= len(data) - at - 8 else data[at + 8 :])
        at += 8 + length + length % 2
    raise _bad("this WAV file holds no audio: its data chunk is missing")


def _format(body: bytes) -> tuple[int, int, int, int]:
    """Format, channels, rate and bits of a sample."""
    if len(body) < 16:
        raise _bad("this WAV file does not say which audio it holds: its fmt chunk is cut off")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    if (code, bits) not in _FORMATS:
        raise _bad(
            f"this WAV file has format {code} with {bits} bits a sample: 8, 16, 24 or 32 bits PCM, 32 or 64 bits "
            "floating point, A-law and µ-law are taken"
        )
    return code, channels, rate, bits


def _piece(form: tuple[int, int, int, int], raw: bytes) -> WavPiece:
    code, channels, rate, bits = form
    width = max(1, channels) * bits // 8
    raw = raw[: len(raw) // width * width]
    return WavPiece(AudioInfo(_FORMATS[code, bits], rate, channels), _converted(code, bits, raw))


def _converted(code: int, bits: int, raw: bytes) -> bytes:
    """The samples in what `_FORMATS` says."""
    if code == _MULAW:
        return decode_mulaw(raw)
    if code == _ALAW:
        return decode_alaw(raw)
    if code == _FLOAT:
        return raw if bits == 32 else np.frombuffer(raw, "<f8").astype("<f4").tobytes()
    if bits == 16:
        return raw
    if bits == 8:
        return ((np.frombuffer(raw, np.uint8).astype("<i2") - 128) << 8).astype("<i2").tobytes()
    if bits == 32:
        return (np.frombuffer(raw, "<i4") / np.float32(1 << 31)).astype("<f4").tobytes()
    octets = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    whole = np.zeros((len(octets), 4), np.uint8)
    whole[:, 1:] = octets
    return (whole.view("<i4")[:, 0] / np.float32(1 << 31)).astype("<f4").tobytes()


def _bad(message: str) -> ProtocolError:
    return ProtocolError(message, ErrorCode.BAD_AUDIO)
