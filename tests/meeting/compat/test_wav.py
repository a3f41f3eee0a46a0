"""WAV files of recorders, taken apart."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from meeting.compat.wav import parse_wav
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo
from tests.fakes.containers import wav

WAVE = np.array([-1.0, -0.5, 0.0, 0.25, 0.99], np.float32)
RAW = (WAVE * 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_says_what_the_samples_are(rate: int, channels: int) -> None:
    piece = parse_wav(wav(RAW * 2, rate, channels))
    assert piece.audio == AudioInfo("pcm_s16le", rate, channels)
    assert piece.samples == RAW * 2


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, len(RAW) + 8])
def test_a_wrong_length_leaves_what_there_is(length: int) -> None:
    assert parse_wav(wav(RAW, length=length)).samples == RAW


def test_what_stands_behind_the_samples_is_none_of_them() -> None:
    assert parse_wav(wav(RAW) + b"LIST\x04\0\0\0abcd").samples == RAW


def test_what_stands_before_them_is_passed_over() -> None:
    whole = wav(RAW)
    assert parse_wav(whole[:36] + b"LIST\x03\0\0\0abc\0" + whole[36:]).samples == RAW


def as_float(samples: bytes) -> list[float]:
    return [round(float(one), 4) for one in np.frombuffer(samples, "<f4")]


def test_24_bits_are_read() -> None:
    raw = b"".join(int(one * (2**23 - 1)).to_bytes(3, "little", signed=True) for one in WAVE)
    piece = parse_wav(wav(raw, bits=24))
    assert (piece.audio.encoding, as_float(piece.samples)) == ("pcm_f32le", [-1.0, -0.5, 0.0, 0.25, 0.99])


@pytest.mark.parametrize(
    ("bits", "code", "raw"),
    [
        (32, 1, (WAVE * (2**31 - 128)).astype("<i4").tobytes()),
        (32, 3, WAVE.tobytes()),
        (64, 3, WAVE.astype("<f8").tobytes()),
    ],
)
def test_32_and_64_bits_are_read(bits: int, code: int, raw: bytes) -> None:
    piece = parse_wav(wav(raw, bits=bits, code=code))
    assert (piece.audio.encoding, as_float(piece.samples)) == ("pcm_f32le", [-1.0, -0.5, 0.0, 0.25, 0.99])


def test_8_bits_are_read() -> None:
    piece = parse_wav(wav(bytes([0, 128, 255]), bits=8))
    assert np.frombuffer(piece.samples, "<i2").tolist() == [-32768, 0, 32512]


@pytest.mark.parametrize(("code", "silence"), [(6, 0xD5), (7, 0xFF)])
def test_the_codes_of_the_telephone_are_read(code: int, silence: int) -> None:
    piece = parse_wav(wav(bytes([silence] * 4), 8000, bits=8, code=code))
    assert piece.audio == AudioInfo("pcm_s16le", 8000, 1)
    assert max(abs(np.frombuffer(piece.samples, "<i2"))) <= 8


def test_an_extensible_header_is_read() -> None:
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 16000, 64000, 4, 32, 22, 32, 4, 3) + bytes(14)
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form
    assert as_float(parse_wav(head + b"data" + struct.pack("<I", 20) + WAVE.tobytes()).samples)[1] == -0.5


def test_half_a_sample_at_the_end_is_left_out() -> None:
    assert parse_wav(wav(RAW[:8] + b"\x01", channels=2, length=0)).samples == RAW[:8]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "whole WAV file"),
        (b"OggS" + bytes(60), "whole WAV file"),
        (wav(RAW)[:30], "holds no audio|cut off"),
        (wav(RAW)[:40], "holds no audio"),
        (wav(RAW, bits=12), "format 1 with 12 bits"),
        (wav(RAW, code=85), "format 85"),
        (wav(RAW)[:12] + wav(RAW)[36:], "before what says"),
    ],
)
def test_what_is_no_such_file_is_refused_with_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why) as refused:
        parse_wav(data)
    assert refused.value.code == ErrorCode.BAD_AUDIO


@pytest.mark.parametrize("end", range(0, 60))
def test_a_file_cut_anywhere_is_read_or_refused(end: int) -> None:
    try:
        assert len(parse_wav(wav(RAW)[:end]).samples) <= len(RAW)
    except ProtocolError:
        assert end <= 44
